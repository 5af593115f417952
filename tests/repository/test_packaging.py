"""The wheel, its metadata and the pinned versions."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGES = {
    Path("src/notebook_agents"): "notebook_agents",
    Path("jupyter_extension/notebook_agents_server"): "notebook_agents_server",
}
EXTENSION = "data/etc/jupyter/jupyter_server_config.d/notebook_agents.json"
UNPINNED_EXTRAS = {"flash"}
"""Built against the machine it is installed on."""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """A wheel built from the clone by the build backend itself, so without network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=100)
    with ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


def test_wheel_holds_every_file_of_both_packages(wheel: ZipFile, tracked: tuple[Path, ...]) -> None:
    expected = {
        f"{name}/{path.relative_to(folder)}"
        for path in tracked
        for folder, name in PACKAGES.items()
        if path.is_relative_to(folder)
    }
    assert expected - set(wheel.namelist()) == set()


def test_wheel_installs_nothing_else_at_the_top(wheel: ZipFile, project: dict[str, Any]) -> None:
    stem = f"notebook_agents-{project['version']}"
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert top == {*PACKAGES.values(), f"{stem}.data", f"{stem}.dist-info"}


def test_wheel_enables_the_server_extension(wheel: ZipFile) -> None:
    names = [name for name in wheel.namelist() if name.endswith(EXTENSION)]
    assert len(names) == 1
    config = json.loads(wheel.read(names[0]))
    assert config == {"ServerApp": {"jpserver_extensions": {"notebook_agents_server": True}}}


def test_wheel_brings_the_bundled_model(wheel: ZipFile) -> None:
    bundled = {Path(n).name for n in wheel.namelist() if "/engine/bundled/" in n}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= bundled


def test_wheel_brings_what_the_training_reads(wheel: ZipFile) -> None:
    """Phrasings, natural requests and the chat template are read as files of the package."""
    training = "notebook_agents/engine/training/"
    found = {name.removeprefix(training) for name in wheel.namelist() if training in name}
    phrasings = {name for name in found if re.fullmatch(r"patterns/\w+\.txt", name)}
    assert len(phrasings) >= 15
    assert {"natural/first.toml", "natural/second.toml", "chat_template.jinja"} <= found


def test_every_entry_point_names_something_that_exists() -> None:
    entry_points = importlib.metadata.distribution("notebook-agents").entry_points
    assert {point.group for point in entry_points} == {
        "console_scripts", "jupyter_client.kernel_provisioners", "notebook_agents.tools",
    }  # fmt: skip
    for point in entry_points:
        assert point.load() is not None


def test_version_is_written_once(project: dict[str, Any], tracked: tuple[Path, ...]) -> None:
    assert importlib.metadata.version("notebook-agents") == project["version"]
    literal = re.compile(r"^_*version_*\s*=\s*[\"']\d+\.\d+\.\d", re.MULTILINE | re.IGNORECASE)
    sources = (path for path in tracked if path.suffix == ".py" and path.parts[0] != "tests")
    assert [path for path in sources if literal.search(path.read_text())] == []


def constraints(root: Path) -> dict[str, str]:
    """Name to version of every line; fails on a line that is not an exact pin."""
    lines = (root / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if len(pin) != 2] == []
    return {str(canonicalize_name(name)): version for name, version in pins}


def test_every_direct_dependency_is_pinned(root: Path, project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"].items()
    lines = [*project["dependencies"]]
    lines += [line for extra, group in extras if extra not in UNPINNED_EXTRAS for line in group]
    pins = constraints(root)
    for requirement in map(Requirement, lines):
        name = str(canonicalize_name(requirement.name))
        if name != "notebook-agents":
            assert requirement.specifier.contains(pins[name]), requirement


def test_installed_versions_are_the_pinned_ones(root: Path) -> None:
    pins = constraints(root)
    installed = {
        str(canonicalize_name(d.name)): d.version.split("+")[0]
        for d in importlib.metadata.distributions()
    }
    differing = {n: (installed[n], v) for n, v in pins.items() if installed.get(n, v) != v}
    assert differing == {}, "installed, pinned; run `make lint` or `make test` to install"
