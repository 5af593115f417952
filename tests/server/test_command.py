"""``jupyter agents``: what it can do is told without importing what does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets.utils.importstring import import_item

from notebook_agents import __version__
from notebook_agents.build import BuildConfig, build_core
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.command import SUBCOMMANDS, main
from notebook_agents_server.dialects import NAMES
from notebook_agents_server.mounts import DIALECT_NAMES

HEAVY = {"jupyter_server", "torch", "transformers", "pandas", "plotly", "jsonschema"}
ADAPTERS = {"sqlalchemy", "tornado", "duckdb", "httpx2", "mcp", "fsspec", "notebook_agents.build"}
PROGRAM = """
import json, sys
from notebook_agents_server.command import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print()
print(json.dumps(list(sys.modules)))
"""


def imported_by(*words: str) -> set[str]:
    """What a command imports, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], *([name, "--help"] for name in SUBCOMMANDS)]
)
def test_help_imports_no_server_and_no_adapter(words: list[str]) -> None:
    assert not imported_by(*words) & (HEAVY | ADAPTERS)


def test_looking_at_the_log_imports_no_server(tmp_path: Path) -> None:
    build_core(BuildConfig(home=tmp_path))
    assert not imported_by("events", "list", f"--home={tmp_path}") & HEAVY


def test_the_help_is_that_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    told = capsys.readouterr().out
    NotebookAgentsApp().print_help()
    assert told == capsys.readouterr().out
    assert "--port=<Int>" in told


@pytest.mark.parametrize("words", [["-V"], ["--version", "--debug"]])
def test_the_version_is_that_of_the_package(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    main(words)
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_is_there(name: str) -> None:
    assert import_item(SUBCOMMANDS[name][0]).name == f"jupyter-agents-{name}"


def test_the_settings_name_the_dialects_that_there_are() -> None:
    assert NAMES == DIALECT_NAMES
