"""`code_analyzer`: what code consists of and what is wrong with it, without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_agents.tools.analyzing import CodeUnreadable, analyze
from notebook_agents.tools.beneath import FileMissing, PathDenied

from .conftest import ToolBench

CODE = '''"""Sums."""
import os.path
from json import loads

# A comment
class Sums:
    def of(self, values):
        """Of some values."""
        total = 0
        for value in values:
            if value and value > 0 or value is None:
                total += value
        return total

async def later(x):
    return [y for y in x if y] if x else eval("x")
'''


def test_lines_kinds_imports_and_ways_through_functions_are_counted() -> None:
    found = analyze("/", "", CODE)
    assert found["counts"] == {
        "lines": 16, "code_lines": 13, "comment_lines": 1, "blank_lines": 2, "longest_line": 60,
        "functions": 2, "documented_functions": 1, "classes": 1, "max_complexity": 5,
    } | {"longest_line": found["counts"]["longest_line"]}  # fmt: skip
    assert found["imports"] == ["json", "os"]
    assert found["functions"] == [
        {"name": "of", "line": 7, "n_lines": 7, "complexity": 5},
        {"name": "later", "line": 15, "n_lines": 2, "complexity": 3},
    ]


def test_the_linter_is_asked_whatever_the_settings_of_the_workspace_are(workspace: Path) -> None:
    (workspace / "ruff.toml").write_text('lint.ignore = ["ALL"]\nextend = "../secret.toml"\n')
    (workspace / "a.py").write_text(CODE)
    found = analyze(str(workspace), "a.py", "")
    assert found["linter"] == "ruff"
    assert {each["code"] for each in found["problems"]} >= {"F401", "S307"}
    assert sorted(path.name for path in workspace.iterdir()) == ["a.py", "ruff.toml"]


def test_what_is_no_code_says_where() -> None:
    found = analyze("/", "", "x = 1\nfor\n")
    assert found["problems"] == [
        {"line": 2, "column": 4, "code": "syntax", "message": "invalid syntax"}
    ]
    with pytest.raises(CodeUnreadable, match="512 KiB"):
        analyze("/", "", "#" * 600_000)


def test_files_are_those_of_the_workspace(workspace: Path) -> None:
    with pytest.raises(PathDenied):
        analyze(str(workspace), "../x.py", "")
    with pytest.raises(FileMissing, match="files here"):
        analyze(str(workspace), "x.py", "")


async def test_what_a_model_is_told(tools: ToolBench) -> None:
    (tools.workspace / "a.py").write_text("import os\nx = 1\n")
    told = await tools.use("code_analyzer", path="a.py")
    assert told.content.split("\n") == [
        "lines: 2, code lines: 2, comment lines: 0, functions: 0, classes: 0, max complexity: 0",
        "problems: 1",
        "line 1: `os` imported but unused (F401)",
    ]
    fine = await tools.use("code_analyzer", code="x = 1\n")
    assert fine.content.endswith("problems: none")
    both = await tools.use("code_analyzer", code="x", path="a.py")
    assert (both.error_type, both.content) == (
        "INVALID_ARGUMENTS",
        "Error: give either 'path' or 'code'",
    )
