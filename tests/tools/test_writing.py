"""`file_writer` and `file_editor`: whole files or none, and never outside."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.tools import writing
from notebook_agents.tools.beneath import FileMissing, FileUnreadable, PathDenied
from notebook_agents.tools.registry import Registry
from notebook_agents.tools.writing import EditDenied, FileUnwritable, diff, edit_file, write_file

from .conftest import ToolBench


def edit(root: Path, old: str, new: str, path: str = "a.txt", **options: Any) -> dict[str, Any]:
    return edit_file(str(root), path, old, new, replace_all=options.get("replace_all", False))


def test_a_file_is_written_whole_with_the_folders_on_the_way(workspace: Path) -> None:
    found = write_file(str(workspace), "a/b/c.txt", "onë\ntwo\n")
    assert found == {"path": "a/b/c.txt", "n_lines": 2, "size_bytes": 9, "replaced": False}
    assert (workspace / "a/b/c.txt").read_text("utf-8") == "onë\ntwo\n"
    assert write_file(str(workspace), "./a/b/c.txt", "")["replaced"]
    assert [entry.name for entry in (workspace / "a/b").iterdir()] == ["c.txt"]


def test_a_script_stays_one_that_can_be_run(workspace: Path) -> None:
    file = workspace / "run.sh"
    file.write_text("old")
    file.chmod(0o750)
    write_file(str(workspace), "run.sh", "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o750


def test_a_link_is_replaced_and_what_it_names_stays(workspace: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("theirs")
    (workspace / "link.txt").symlink_to(outside)
    write_file(str(workspace), "link.txt", "mine")
    assert outside.read_text() == "theirs"
    assert (workspace / "link.txt").read_text() == "mine"
    assert not (workspace / "link.txt").is_symlink()


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "out/x", "out/new/x", ".env", "a/.git/x", ".", "folder", "fifo", ""]
)
def test_nothing_is_written_outside_nor_in_place_of_other_things(
    workspace: Path, tmp_path: Path, path: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (workspace / "out").symlink_to(tmp_path / "elsewhere")
    (workspace / "folder").mkdir()
    os.mkfifo(workspace / "fifo")
    with pytest.raises(PathDenied):
        write_file(str(workspace), path, "x")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "x").exists()


def test_what_cannot_be_written_leaves_nothing_behind(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "a.txt").write_text("old")
    with pytest.raises(FileUnwritable, match="cannot be written: File name too long"):
        write_file(str(workspace), "x" * 300, "new")
    with pytest.raises(FileMissing):
        write_file(str(workspace), "a.txt/b", "new")
    monkeypatch.setattr(os, "replace", _refuse)
    with pytest.raises(FileUnwritable, match="only a conversation's own folder is writable"):
        write_file(str(workspace), "a.txt", "new")
    assert [entry.name for entry in workspace.iterdir()] == ["a.txt"]


def _refuse(*_arguments: Any, **_options: Any) -> None:
    raise OSError(30, "Read-only file system")


def test_a_refused_hidden_name_is_told_as_written(workspace: Path) -> None:
    with pytest.raises(PathDenied, match="hidden files are not written"):
        write_file(str(workspace), ".git/hooks/x", "text")
    with pytest.raises(PathDenied, match="hidden files are not written"):
        edit(workspace, "x", "y", path=".git/hooks/x")


def test_an_exact_piece_is_replaced_and_the_rest_stays_byte_for_byte(workspace: Path) -> None:
    (workspace / "a.txt").write_bytes("\ufeffone\r\ntwo\r\nthree".encode())
    found = edit(workspace, "two\nthree", "2\n3")
    assert (workspace / "a.txt").read_bytes() == "\ufeffone\r\n2\r\n3".encode()
    assert found["n_replaced"] == 1
    assert found["diff"].splitlines() == [
        "--- a.txt", "+++ a.txt", "@@ -1,3 +1,3 @@", " \ufeffone", "-two", "-three", "+2", "+3"
    ]  # fmt: skip


def test_the_piece_must_be_there_just_once(workspace: Path) -> None:
    file = workspace / "a.txt"
    file.write_text("x = 1\n  y  = 2\nx = 1\n")
    refused = {
        ("x = 1", "z"): "is 2 times in 'a.txt', on lines 1, 3; give more",
        ("y = 2", "z"): "line 2 is like its first line, look at spaces",
        ("nothing", "z"): "read the file and copy the text exactly",
        ("x = 1", "x = 1"): "the new text is the same",
    }
    for (old, new), message in refused.items():
        with pytest.raises(EditDenied, match=re.escape(message)):
            edit(workspace, old, new)
    assert file.read_text() == "x = 1\n  y  = 2\nx = 1\n"
    assert edit(workspace, "x = 1", "z", replace_all=True)["n_replaced"] == 2
    assert file.read_text() == "z\n  y  = 2\nz\n"


def test_an_edit_that_is_long_to_compare_is_made_all_the_same(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "a.txt").write_text("".join(f"{n} x\n" for n in range(9000)))
    monkeypatch.setattr(writing, "DIFF_SECONDS", 0.0001)
    found = edit(workspace, " x\n", " y\n", replace_all=True)
    assert found["n_replaced"] == 9000
    assert found["diff"].endswith("too much changed to compare it")
    assert (workspace / "a.txt").read_text().count("y") == 9000


def test_only_text_is_edited(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "a.txt").write_bytes(b"caf\xe9")
    (workspace / "b.txt").write_bytes(b"a\0b")
    for path in ("a.txt", "b.txt"):
        with pytest.raises(FileUnreadable, match="not a text file in UTF-8"):
            edit(workspace, "a", "b", path)
    monkeypatch.setattr(writing, "MAX_FILE_BYTES", 2)
    with pytest.raises(FileUnreadable, match="larger than 2 bytes"):
        edit(workspace, "a", "b")
    with pytest.raises(FileMissing, match=r"files here: a\.txt, b\.txt"):
        edit(workspace, "a", "b", "c.txt")


def test_a_diff_of_a_large_file_names_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"line {n}" for n in range(1, 30_001)]
    before = "\n".join(lines)
    after = before.replace("line 15000\n", "new\n")
    shown = diff(before, after, "a").splitlines()
    assert shown[2] == "@@ -14997,7 +14997,7 @@"
    assert shown[3:] == [
        *(f" line {n}" for n in (14997, 14998, 14999)), "-line 15000", "+new",
        *(f" line {n}" for n in (15001, 15002, 15003)),
    ]  # fmt: skip
    assert diff(before, "x\ny", "a").endswith("30000 lines became 2, from line 1 on")
    monkeypatch.setattr(writing, "MAX_DIFF_CHARS", 40)
    assert diff(before, after, "a").endswith("\n...")
    assert diff("a\na\na", "a\na", "f").count("\n-a") == 1


async def test_a_call_that_was_allowed_writes_in_a_folder_that_code_cannot_change(
    confined_tools: ToolBench,
) -> None:
    (confined_tools.workspace / "a.txt").write_text("old")
    written = await confined_tools.use("file_writer", path="a.txt", content="new")
    assert (written.status, (confined_tools.workspace / "a.txt").read_text()) == (
        "succeeded",
        "new",
    )
    code = "open('a.txt', 'w').write('evil')"
    refused = await confined_tools.use("python_executor", code=code)
    assert "Read-only file system" in refused.content
    assert (confined_tools.workspace / "a.txt").read_text() == "new"


@pytest.fixture
def own(run_dir: Path, workspace: Path, medium_works: bool) -> ToolBench:
    """The tools at level medium, in a folder that is the conversation's own."""
    if not medium_works:
        pytest.skip("level 'medium' is not available on this machine")
    sandbox = KernelSandbox(SandboxConfig(run_dir, writable_root=workspace.parent))
    return ToolBench(Registry.from_entry_points(sandbox), workspace, "medium")


async def test_tools_that_write_work_together_in_the_conversations_own_folder(
    own: ToolBench,
) -> None:
    wrote = await own.use("file_writer", path="src/run.py", content="print('one')\n")
    assert (wrote.content, wrote.enforced_level) == ("Wrote src/run.py: 1 line.", "medium")
    await own.use("file_editor", path="src/run.py", old_text="one", new_text="two")
    ran = await own.use("shell", command="python src/run.py | tee out.txt && mkdir made")
    assert ran.content == "two"
    assert (await own.use("search_files", pattern="^two")).content == "out.txt:1: two"
    await own.registry.aclose()
    assert sorted(entry.name for entry in own.workspace.iterdir()) == ["made", "out.txt", "src"]


async def test_what_a_model_is_told(tools: ToolBench) -> None:
    wrote = await tools.use("file_writer", path="n/a.txt", content="one\ntwo\n")
    assert wrote.content == "Wrote n/a.txt: 2 lines."
    edited = await tools.use("file_editor", path="n/a.txt", old_text="two", new_text="2")
    assert edited.content.split("\n")[-2:] == ["-two", "+2"]
    denied = await tools.use("file_writer", path="../a.txt", content="x")
    assert denied.error_type == "PATH_DENIED"
    assert (tools.workspace / "n/a.txt").read_text() == "one\n2\n"
    assert {spec.name: spec.effect for spec in tools.registry.specs()} == {
        "code_analyzer": "read",
        "database_query": "read",
        "file_editor": "write",
        "file_reader": "read",
        "file_writer": "write",
        "inspect_variable": "read",
        "list_files": "read",
        "python_executor": "compute",
        "search_files": "read",
        "shell": "external",
        "text_compare": "read",
        "text_statistics": "read",
        "think": "read",
    }
