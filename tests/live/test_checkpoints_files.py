"""Files that code wrote, renamed or deleted come back, but not over what a person wrote since."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from notebook_agents.live.checkpoints import Cause, Checkpoints, Scope
from notebook_agents.live.checkpoints_calls import CallCheckpoints
from notebook_agents.live.checkpoints_changes import Change, Undone
from notebook_agents.live.previews import Preview, Stopped

NO_NAMES = Scope(names=frozenset())
WRITES = "from pathlib import Path; Path('data.csv').write_text('agent')"
WRITES_TWO = f"{WRITES}; Path('new.txt').write_text('agent')"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "data.csv").write_text("a\n1\n")
    (folder / "data.csv").chmod(0o640)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def checkpoints(tmp_path: Path, folder: Path) -> Checkpoints:
    return Checkpoints(dict, tmp_path / "home")


def run(checkpoints: Checkpoints, code: str, scope: Scope = NO_NAMES) -> Change | None:
    with checkpoints.around(scope, Cause(tool="run_in_notebook")) as work:
        exec(code, {})  # noqa: S102 - our own code
    return work.change


def undo(checkpoints: Checkpoints, *, is_forced: bool = False) -> Undone:
    return checkpoints.undo(checkpoints.history()[0], is_forced=is_forced)


AT_THE_BOTTOM = """
def dive():
    try:
        dive()
    except RecursionError:
        open('data.csv', 'w').close()
dive()
"""
"""Truncates a file where there is hardly room for another call, so that keeping it may fail."""
CHANGES = {
    "rewritten": "open('data.csv', 'w').close()",
    "appended to": "f = open('data.csv', 'a'); f.write('2'); f.close()",
    "deleted": "import os; os.remove('data.csv')",
    "renamed": "import os; os.rename('data.csv', 'moved.csv')",
    "replaced": "import os; open('x', 'w').close(); os.replace('x', 'data.csv')",
    "written by pathlib": "import pathlib; pathlib.Path('data.csv').write_text('z')",
    "written by pandas": "import pandas; pandas.DataFrame({'z': [1]}).to_csv('data.csv')",
    "changed through a descriptor": "import os; f = os.open('data.csv', os.O_RDWR); "
    "os.write(f, b'zz'); os.close(f)",
    "cut off": "import os; os.truncate('data.csv', 1)",
    "new": "import os; os.makedirs('out/deep'); open('out/deep/a.txt', 'w').close()",
}


@pytest.mark.parametrize("code", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.filterwarnings("ignore:unclosed file")
def test_files_are_as_before(checkpoints: Checkpoints, folder: Path, code: str) -> None:
    change = run(checkpoints, code)
    assert change is not None
    assert change.changes
    undone = undo(checkpoints)
    assert undone.files
    assert not undone.failures
    assert {path.name: path.read_text() for path in folder.rglob("*")} == {"data.csv": "a\n1\n"}
    assert (folder / "data.csv").stat().st_mode & 0o777 == 0o640


def test_what_another_program_changes_is_kept_when_the_code_may_start_one(
    checkpoints: Checkpoints, folder: Path
) -> None:
    shell = (
        f"import subprocess; subprocess.run([{sys.executable!r}, '-c', \"open('data.csv', 'w')\"])"
    )
    assert run(checkpoints, shell, Scope(names=frozenset(), files=None)) is not None
    undo(checkpoints)
    assert (folder / "data.csv").read_text() == "a\n1\n"


def test_what_changes_meanwhile_is_left_alone_and_said_when_the_code_starts_no_program(
    checkpoints: Checkpoints, folder: Path
) -> None:
    with checkpoints.around(NO_NAMES, Cause()):
        (folder / "own.txt").write_text("agent")
        subprocess.run([sys.executable, "-c", "open('data.csv', 'w')"], check=True)
    undone = undo(checkpoints)
    assert undone.files == {"own.txt": "removed"}
    assert undone.failures == [
        "file data.csv: it changed while the code ran, perhaps by another program"
    ]
    with checkpoints.around(NO_NAMES, Cause()) as work:
        subprocess.run([sys.executable, "-c", "open('mine.txt', 'w')"], check=True)
    assert work.change is None


def test_what_the_product_keeps_itself_is_no_file_of_the_notebook(folder: Path) -> None:
    checkpoints = Checkpoints(dict, folder / "home")
    run(checkpoints, WRITES, Scope(names=frozenset(), files=None))
    run(checkpoints, WRITES_TWO, Scope(names=frozenset(), files=None))
    assert [str(change.changes) for change in checkpoints.history()] == [
        "wrote new.txt",
        "rewrote data.csv",
    ]


def test_reading_is_no_change(checkpoints: Checkpoints) -> None:
    assert (
        run(checkpoints, "open('data.csv').close(); import pathlib; pathlib.Path('q').exists()")
        is None
    )


def test_opened_for_writing_and_left_as_it_was_is_no_change(checkpoints: Checkpoints) -> None:
    assert run(checkpoints, "open('data.csv', 'a').close()") is None


def test_a_file_the_person_changed_since_is_not_overwritten_unless_forced(
    checkpoints: Checkpoints, folder: Path
) -> None:
    run(checkpoints, WRITES_TWO)
    (folder / "data.csv").write_text("mine")
    (folder / "new.txt").write_text("mine too")
    undone = undo(checkpoints)
    assert undone.conflicts == ["data.csv", "new.txt"]
    assert (folder / "data.csv").read_text() == "mine"
    assert (folder / "new.txt").exists()
    undo(checkpoints, is_forced=True)
    assert (folder / "data.csv").read_text() == "a\n1\n"
    assert not (folder / "new.txt").exists()


def test_a_link_in_the_place_of_a_file_is_not_followed(
    checkpoints: Checkpoints, folder: Path, tmp_path: Path
) -> None:
    run(checkpoints, WRITES)
    (tmp_path / "elsewhere").write_text("precious")
    (folder / "data.csv").unlink()
    (folder / "data.csv").symlink_to(tmp_path / "elsewhere")
    assert undo(checkpoints).conflicts == ["data.csv"]
    undo(checkpoints, is_forced=True)
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert (folder / "data.csv").read_text() == "a\n1\n"


def test_an_undo_of_files_can_be_taken_back(checkpoints: Checkpoints, folder: Path) -> None:
    run(checkpoints, WRITES_TWO)
    undo(checkpoints)
    assert checkpoints.redo() is not None
    assert (folder / "data.csv").read_text() == "agent"
    assert (folder / "new.txt").read_text() == "agent"


def test_hidden_files_and_notebooks_that_save_themselves_are_no_change(
    checkpoints: Checkpoints, folder: Path
) -> None:
    code = (
        "import subprocess, pathlib; pathlib.Path('.hidden').write_text('x');"
        f" subprocess.run([{sys.executable!r}, '-c', \"open('a.ipynb', 'w').write('x')\"])"
    )
    assert run(checkpoints, code) is None


def test_a_file_that_is_too_large_is_named(checkpoints: Checkpoints, folder: Path) -> None:
    checkpoints.limits.run_bytes = 100
    (folder / "large.bin").write_bytes(bytes(200))
    run(checkpoints, "open('large.bin', 'w').close()")
    assert undo(checkpoints).failures == ["file large.bin: too large: 200 bytes"]


def test_a_file_outside_the_folder_is_named_as_what_stays(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    outside = tmp_path / "elsewhere.txt"
    run(checkpoints, f"open({str(outside)!r}, 'w').close()")
    [change] = checkpoints.history()
    assert str(change.changes) == f"wrote outside the folder {outside}"
    why = "it is outside the notebook's folder, where nothing is kept"
    assert undo(checkpoints).failures == [f"file {outside}: {why}"]
    assert outside.exists()
    assert checkpoints.history() == []


def test_files_of_a_kernel_that_has_ended_can_still_be_put_back(
    checkpoints: Checkpoints, folder: Path, tmp_path: Path
) -> None:
    run(checkpoints, WRITES)
    assert Checkpoints(dict, tmp_path / "home").history() == []
    [path] = (tmp_path / "home/undo/changes").rglob("*.json")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": ended.pid}))
    restarted = Checkpoints(dict, tmp_path / "home")
    [change] = restarted.history()
    assert change.is_former
    assert "before the kernel was restarted" in change.line
    assert restarted.undo(change).files == {"data.csv": "written back"}
    assert (folder / "data.csv").read_text() == "a\n1\n"
    assert restarted.history() == []


def test_files_that_other_programs_change_meanwhile_are_one_change(
    checkpoints: Checkpoints, folder: Path
) -> None:
    with checkpoints.around_files(Cause(tool="file_writer")) as work:
        run(checkpoints, "open('live.txt', 'w').close()")
        subprocess.run([sys.executable, "-c", "open('data.csv', 'w')"], check=True)
    assert work.changes is not None
    assert str(work.changes) == "rewrote data.csv"
    assert [str(change.changes) for change in checkpoints.history()] == [
        "rewrote data.csv",
        "wrote live.txt",
    ]
    undo(checkpoints)
    assert (folder / "data.csv").read_text() == "a\n1\n"
    assert os.path.exists("live.txt")  # noqa: PTH110


def test_a_card_names_files_outside_the_folder_as_what_undo_cannot_restore(tmp_path: Path) -> None:
    outside = str(tmp_path.parent / "elsewhere.txt")
    calls = CallCheckpoints(dict, tmp_path / "home")
    unsaved = calls.unsaved(code=f"open({outside!r}, 'w').write('x'); open('here.txt', 'w')")
    assert unsaved == ((outside, "outside the folder"),)
    assert Preview(not_saved=unsaved).lines()[-1] == (
        f"Undo could not restore: {outside} (outside the folder)"
    )


@pytest.mark.parametrize("stopped", ["TIMEOUT", "MEMORY_LIMIT"])
def test_a_dry_run_that_was_ended_without_a_change_says_so(stopped: Stopped) -> None:
    assert Preview(stopped=stopped).lines()[0].endswith("Until then it changed nothing.")
    assert Preview(stopped=stopped, output="x").lines()[0].endswith("Until then:")


def test_a_file_whose_keeping_failed_is_named_by_undo(checkpoints: Checkpoints) -> None:
    run(checkpoints, AT_THE_BOTTOM)
    undone = undo(checkpoints)
    is_back = Path("data.csv").read_text() == "a\n1\n"
    told = [line for line in undone.lines if "data.csv" in line]
    assert is_back or told == ["  not restored: file data.csv: keeping it failed: RecursionError"]
    assert told
