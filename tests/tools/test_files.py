"""`file_reader` and `list_files`: what a model reads of the working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from notebook_agents.tools import reading
from notebook_agents.tools.reading import MAX_READ_BYTES, list_folder, read_lines

from .conftest import ToolBench


def read(root: Path, path: str, start_line: int = 1, max_lines: int = 200) -> list[str]:
    lines: list[str] = read_lines(str(root), path, start_line, max_lines)["lines"]
    return lines


def names(root: Path, path: str = ".", pattern: str = "*") -> list[str]:
    files: list[str] = list_folder(str(root), path, pattern)["files"]
    return files


def test_lines_are_counted_from_one(workspace: Path) -> None:
    (workspace / "a.txt").write_bytes("\ufeffone\r\ntwo\nthrée\n".encode())
    assert read(workspace, "a.txt") == ["one", "two", "thrée"]
    assert read(workspace, "a.txt", 2, 1) == ["two"]
    assert read(workspace, "a.txt", 9) == []
    (workspace / "empty").write_text("")
    assert read(workspace, "empty") == []


def test_a_huge_sparse_file_is_read_to_the_limit(workspace: Path) -> None:
    with (workspace / "huge").open("wb") as file:
        file.write(b"first\n" * 2000)
        file.truncate(10 << 30)
    found = read_lines(str(workspace), "huge", 1, 2)
    assert found["lines"] == ["first", "first"]
    assert not found["is_complete"]
    assert MAX_READ_BYTES < 10 << 30


def test_a_listing_is_sorted_and_leaves_out_what_is_hidden_or_leads_out(workspace: Path) -> None:
    for name in ("b.csv", "a.csv", ".env", "odd\nname"):
        (workspace / name).write_text("")
    (workspace / "sub").mkdir()
    (workspace / "sub" / "c.csv").write_text("")
    (workspace / "out").symlink_to("/etc")
    (workspace / "loop").symlink_to(".")
    assert names(workspace) == ["a.csv", "b.csv", "loop/", "odd\\nname", "sub/"]
    assert names(workspace, ".", "*.csv") == ["a.csv", "b.csv"]
    assert names(workspace, "sub") == ["sub/c.csv"]
    assert names(workspace, ".", "**/*.csv") == ["a.csv", "b.csv", "sub/c.csv"]
    assert names(workspace, ".", "sub/*") == ["sub/c.csv"]


def test_many_entries_are_bounded(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ENTRIES", 50)
    for number in range(60):
        (workspace / f"{number}").touch()
    assert len(names(workspace)) == 50


async def test_the_first_lines_of_a_file(tools: ToolBench) -> None:
    (tools.workspace / "n.txt").write_text("".join(f"line {n}\n" for n in range(300)))
    result = await tools.use("file_reader", path="n.txt", max_lines=2)
    assert result.content == "line 0\nline 1\n... 298 more lines"
    assert result.value == {"path": "n.txt", "content": "line 0\nline 1", "n_lines": 300}
    late = await tools.use("file_reader", path="n.txt", start_line=299)
    assert late.content == "line 298\nline 299"
    whole = await tools.use("file_reader", path="n.txt")
    assert len(whole.content) <= 1500
    kept = whole.content.split("\n")
    assert kept[-1] == f"... {300 - len(kept) + 1} more lines"


async def test_a_missing_file_says_what_is_there(tools: ToolBench) -> None:
    for name in ("b.txt", "a.csv"):
        (tools.workspace / name).write_text("x")
    result = await tools.use("file_reader", path="x.csv")
    expected = "Error: no file 'x.csv' in the working directory; files here: a.csv, b.txt"
    assert (result.content, result.error_type) == (expected, "FileNotFoundError")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "link", ".env", "sub/../../x", "fifo"])
async def test_no_path_leads_out_at_any_level(tools: ToolBench, path: str) -> None:
    (tools.workspace.parent / "x").write_text("canary")
    (tools.workspace / "link").symlink_to(tools.workspace.parent / "x")
    os.mkfifo(tools.workspace / "fifo")
    result = await tools.use("file_reader", path=path)
    assert (result.status, result.error_type) == ("failed", "PATH_DENIED")
    assert "canary" not in result.content
    assert str(tools.workspace) not in result.content


async def test_a_folder_outside_is_not_listed(tools: ToolBench) -> None:
    for path, pattern in (("..", "*"), ("/", "*"), (".", "../*"), (".", "/etc/*")):
        result = await tools.use("list_files", path=path, pattern=pattern)
        assert result.error_type == "PATH_DENIED", (path, pattern)


async def test_a_listing_is_one_name_a_line(tools: ToolBench) -> None:
    assert (await tools.use("list_files")).content == "No files found."
    for number in range(25):
        (tools.workspace / f"{number:02}.txt").write_text("")
    lines = (await tools.use("list_files")).content.split("\n")
    assert lines[0] == "00.txt"
    assert len(lines) == 21
    assert lines[-1] == "... 5 more files"


async def test_binary_files_are_not_shown(tools: ToolBench) -> None:
    (tools.workspace / "b").write_bytes(b"\0\1\2")
    result = await tools.use("file_reader", path="b")
    assert result.content == "Error: 'b' is not a text file"


async def test_code_that_left_the_working_directory_does_not_move_the_tools(
    tools: ToolBench,
) -> None:
    (tools.workspace / "a.csv").write_text("x\n1\n")
    await tools.use("python_executor", code="import os; os.chdir('/')")
    assert (await tools.use("list_files")).content == "a.csv"
    assert (await tools.use("database_query", query="FROM 'a.csv'")).content == "x\n1"


async def test_medium_reads_the_same(confined_tools: ToolBench) -> None:
    (confined_tools.workspace / "a.txt").write_text("hello\n")
    assert (await confined_tools.use("file_reader", path="a.txt")).content == "hello"
    assert (await confined_tools.use("list_files")).content == "a.txt"
