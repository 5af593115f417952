"""What the tests of the repository itself look at."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the clone."""
    return ROOT


@pytest.fixture(scope="session")
def tracked() -> tuple[Path, ...]:
    """Every file under version control that is there, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = (Path(name) for name in listing.stdout.split("\0") if name)
    return tuple(path for path in paths if (ROOT / path).is_file())


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    """The table ``[project]`` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture(scope="session")
def read_yaml() -> Callable[[str], Any]:
    """Reads a YAML file of the clone."""

    def read(name: str) -> Any:
        return yaml.safe_load((ROOT / name).read_text())

    return read
