"""`search_files`: lines that match, within bounds of time, size and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from notebook_agents.tools import searching
from notebook_agents.tools.beneath import FileMissing, PathDenied
from notebook_agents.tools.searching import PatternDenied, search

from .conftest import ToolBench


def found(root: Path, pattern: str, path: str = ".", files: str = "**/*", **options: Any) -> Any:
    return search(str(root), pattern, path, files, ignore_case=options.get("ignore_case", False))


def lines(root: Path, pattern: str, path: str = ".", files: str = "**/*", **o: Any) -> list[str]:
    matches = found(root, pattern, path, files, **o)["matches"]
    return [f"{m['path']}:{m['line']}:{m['text']}" for m in matches]


@pytest.fixture
def tree(workspace: Path) -> Path:
    (workspace / "sub").mkdir()
    (workspace / "a.py").write_text("import os\nx = 1\n")
    (workspace / "sub/b.py").write_text("y = 22\r\nImport this\n")
    (workspace / "c.txt").write_text("import nothing\n")
    (workspace / ".env").write_text("import secret\n")
    (workspace / "binary").write_bytes(b"import\0\n")
    return workspace


def test_matches_have_their_file_and_line(tree: Path) -> None:
    assert lines(tree, "^import") == ["a.py:1:import os", "c.txt:1:import nothing"]
    assert lines(tree, "^import", files="**/*.py", ignore_case=True) == [
        "a.py:1:import os", "sub/b.py:2:Import this"
    ]  # fmt: skip
    assert lines(tree, r"\d+$", "sub") == ["sub/b.py:1:y = 22"]
    assert lines(tree, "import", "c.txt") == ["c.txt:1:import nothing"]
    assert lines(tree, "import", files="*.py") == ["a.py:1:import os"]
    assert found(tree, "no such text") == {"matches": [], "n_files": 0, "stopped": ""}


def test_places_outside_and_wrong_patterns_are_refused(tree: Path) -> None:
    (tree / "out").symlink_to("/etc")
    assert lines(tree, "root") == []
    for path, files in (("../", "*"), ("/etc", "*"), ("out", "*"), (".", "../*")):
        with pytest.raises(PathDenied):
            found(tree, "x", path, files)
    with pytest.raises(FileMissing, match="files here"):
        found(tree, "x", "missing")
    for pattern in ("(", "a{99999999999}", "*"):
        with pytest.raises(PatternDenied, match="is not a regular expression"):
            found(tree, pattern)


def test_an_expression_without_end_is_stopped_and_says_so(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_SECONDS", 0.5)
    (workspace / "a").write_text("start\n" + "a" * 64 + "b\n")
    answer = found(workspace, "start|(a+)+$")
    assert [match["line"] for match in answer["matches"]] == [1]
    assert answer["stopped"] == "stopped after 0.5 seconds"


def test_results_are_bounded(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MAX_MATCHES", 3)
    (workspace / "many").write_text("x\n" * 10)
    assert found(workspace, "x")["stopped"] == "the first 3 matches"
    (workspace / "many").write_text("." * 5000 + "needle" + "." * 5000)
    (match,) = found(workspace, "needle")["matches"]
    assert len(match["text"]) == 306
    assert "needle" in match["text"]
    monkeypatch.setattr(searching, "MAX_CHARS", 10)
    assert found(workspace, "needle")["matches"] == []


async def test_what_a_model_is_told(tools: ToolBench) -> None:
    (tools.workspace / "a.txt").write_text("one\ntwo\x1b[31m\n" + "three\n" * 60)
    assert (await tools.use("search_files", pattern="two")).content == "a.txt:2: two"
    assert (await tools.use("search_files", pattern="four")).content == "No matches."
    many = await tools.use("search_files", pattern="three")
    assert many.content.split("\n")[-1] == "... 10 more matches"
    wrong = await tools.use("search_files", pattern="(")
    assert wrong.error_type == "INVALID_ARGUMENTS"
