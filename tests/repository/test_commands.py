"""The Makefile, .ci/run and the Binder files do what they promise, without installing anything."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FAKE_PYTHON = """#!/bin/sh
# Stands for python3 and for .venv/bin/python: writes down what it is asked to do.
echo "$*" >>"{log}"
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-c import"*) exit {is_too_old} ;;
esac
"""


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The outcome of make in a folder, undisturbed by a make that runs the tests."""
    environment = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "PYTEST_ARGS"}}
    command = ["make", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """A folder with the files that make reads."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def fake_python(clone: Path, *, is_too_old: bool = False) -> Path:
    """An interpreter that only writes down its arguments, in ``log``."""
    path = clone / "fake-python"
    path.write_text(FAKE_PYTHON.format(log=clone / "log", is_too_old=int(is_too_old)))
    path.chmod(0o755)
    return path


def installs(clone: Path) -> list[str]:
    """The extras that pip was asked for, in order."""
    return re.findall(r"-c constraints\.txt -e \.\[(\w+)\]", (clone / "log").read_text())


def test_demo_installs_once_and_runs_the_demo_every_time(clone: Path) -> None:
    python = fake_python(clone)
    for _ in range(2):
        assert make(clone, "demo", f"PYTHON={python}").returncode == 0
    assert installs(clone) == ["demo"]
    assert (clone / "log").read_text().splitlines().count("notebooks/demo.py") == 2


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed_again(clone: Path, name: str) -> None:
    python = fake_python(clone)
    make(clone, "test", f"PYTHON={python}")
    stamp = (clone / ".venv/.installed-test").stat().st_mtime
    os.utime(clone / name, (stamp + 5, stamp + 5))
    make(clone, "test", f"PYTHON={python}")
    assert installs(clone) == ["test", "test"]


def test_pytest_arguments_reach_pytest_last(clone: Path) -> None:
    make(clone, "test", f"PYTHON={fake_python(clone)}", "PYTEST_ARGS=tests/core -n0")
    last = (clone / "log").read_text().splitlines()[-1]
    assert last.startswith("-m pytest")
    assert last.endswith("tests/core -n0")


def test_an_old_python_is_refused_in_words_and_leaves_nothing(clone: Path) -> None:
    outcome = make(clone, "demo", f"PYTHON={fake_python(clone, is_too_old=True)}")
    assert outcome.returncode != 0
    assert "needs Python 3.11 or newer" in outcome.stdout
    assert not (clone / ".venv").exists()


def test_a_missing_python_is_named(clone: Path) -> None:
    outcome = make(clone, "test", "PYTHON=python-that-is-not-there")
    assert outcome.returncode != 0
    assert "python-that-is-not-there cannot be used" in outcome.stdout


def test_help_is_the_default_and_lists_every_target(clone: Path) -> None:
    listed = re.findall(r"make (\w+)", make(clone).stdout)
    assert listed == ["help", "demo", "lab", "test", "lint", "clean"]


@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild"])
def test_scripts_are_executable_and_parse(root: Path, script: str) -> None:
    assert (root / script).stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", root / script], check=False).returncode == 0


def test_ci_forbids_skipping_and_names_no_index(root: Path) -> None:
    script = (root / ".ci/run").read_text()
    assert "export NOTEBOOK_AGENTS_TEST_REQUIRE_ALL=1" in script
    workflow = (root / ".github/workflows/ci.yml").read_text()
    assert re.findall(r"https?://", script + workflow) == []


def test_workflow_runs_ci_on_every_supported_python(
    project: dict[str, Any], read_yaml: Callable[[str], Any]
) -> None:
    workflow = read_yaml(".github/workflows/ci.yml")
    job = workflow["jobs"]["run"]
    supported = [c.split(" :: ")[-1] for c in project["classifiers"] if ":: Python :: 3." in c]
    assert job["strategy"]["matrix"]["python"] == supported
    assert job["steps"][-1]["run"] == "bash .ci/run"


def test_binder_has_a_supported_python_and_extras_that_exist(
    root: Path, project: dict[str, Any], read_yaml: Callable[[str], Any]
) -> None:
    environment = read_yaml("binder/environment.yml")
    (python,) = (d for d in environment["dependencies"] if str(d).startswith("python="))
    assert (
        f"Programming Language :: Python :: {python.removeprefix('python=')}"
        in (project["classifiers"])
    )
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", (root / "binder/postBuild").read_text())
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
