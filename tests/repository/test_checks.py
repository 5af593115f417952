"""The checks of .ci refuse what they are there to refuse."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def run(root: Path, script: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """The outcome of one of the scripts on some files."""
    command = [sys.executable, str(root / ".ci" / script), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def notebook(path: Path, **cell: Any) -> Path:
    """A notebook of one code cell."""
    fields = {"cell_type": "code", "source": "1", "outputs": [], "execution_count": None, **cell}
    path.write_text(json.dumps({"nbformat": 4, "cells": [fields]}))
    return path


def function(n_lines: int) -> str:
    """A function of exactly so many lines."""
    return "def long():\n" + "    x = 1\n" * (n_lines - 1)


def test_a_notebook_without_outputs_passes(root: Path, tmp_path: Path) -> None:
    assert run(root, "check_notebooks.py", notebook(tmp_path / "a.ipynb")).returncode == 0


@pytest.mark.parametrize("left", [{"outputs": [{"text": "2"}]}, {"execution_count": 3}])
def test_a_notebook_that_was_run_is_refused(
    root: Path, tmp_path: Path, left: dict[str, Any]
) -> None:
    outcome = run(root, "check_notebooks.py", notebook(tmp_path / "a.ipynb", **left))
    assert outcome.returncode == 1
    assert "a.ipynb: cell 1 keeps its output" in outcome.stderr


def test_sizes_at_the_limit_pass(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "noun.py"
    source.write_text(function(40) + "\n" * 360)
    assert run(root, "check_sizes.py", source).returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("noun.py", "\n" * 401, "noun.py: 401 lines, at most 400"),
        ("view.sql", "\n" * 401, "view.sql: 401 lines, at most 400"),
        ("noun.py", function(41), "noun.py:1: long has 41 lines, at most 40"),
        ("noun.py", "class A:\n    async " + function(42), "noun.py:2: long has 42 lines"),
        ("utils.py", "", "utils.py: name the file after what is in it"),
        ("_util.js", "", "_util.js: name the file after what is in it"),
    ],
)
def test_what_is_too_long_or_badly_named_is_refused(
    root: Path, tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    source = tmp_path / name
    source.write_text(text.replace("    x", "        x") if text.startswith("class") else text)
    outcome = run(root, "check_sizes.py", source)
    assert outcome.returncode == 1
    assert complaint in outcome.stderr


def test_functions_of_tests_may_be_longer(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "tests" / "test_noun.py"
    source.parent.mkdir()
    source.write_text(function(60))
    assert run(root, "check_sizes.py", source).returncode == 0


def test_hooks_are_local_programs_of_the_environment(
    root: Path, read_yaml: Callable[[str], Any]
) -> None:
    config = read_yaml(".pre-commit-config.yaml")
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
        scripts = [word for word in hook["entry"].split() if word.startswith(".ci/")]
        assert [script for script in scripts if not (root / script).is_file()] == []


PACKAGE = {"name": "a", "version": "1", "vulns": []}
ADVISORY = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}


@pytest.mark.parametrize(
    ("told", "said", "outcome"),
    [
        ("", "no route to host", ("not audited: no route to host", 0)),
        ({"dependencies": [PACKAGE]}, "", ("no known vulnerability in 1 packages", 0)),
        (
            {"dependencies": [{"name": "a", "skip_reason": "not found"}]},
            "",
            ("not audited: the index knows none of 1 packages", 0),
        ),
        (
            {"dependencies": [PACKAGE, PACKAGE | {"vulns": [ADVISORY]}]},
            "",
            ("a 1: PYSEC-1, fixed in 2", 1),
        ),
    ],
    ids=["offline", "clean", "unknown", "vulnerable"],
)
def test_only_a_known_vulnerability_fails_the_audit(
    root: Path, told: Any, said: str, outcome: tuple[str, int]
) -> None:
    audit = runpy.run_path(str(root / ".ci" / "audit.py"))
    assert audit["verdict"](told and json.dumps(told), said) == outcome


def test_rules_of_security_are_on_and_nowhere_left_out_whole(root: Path) -> None:
    lint = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not {"S", "S1", "S3", "S6"} & set(lint["ignore"])
    assert [rule for rule in lint["ignore"] if rule.startswith("S")] == ["S101"]
    product = {
        folder: [rule for rule in rules if rule.startswith("S")]
        for folder, rules in lint["per-file-ignores"].items()
        if not folder.startswith("tests/")
    }
    assert not any(product.values())
