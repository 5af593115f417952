"""A dry run shows what code would do, and the process it was copied from stays as it was."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from notebook_agents.live.fork import Limits, rehearse
from notebook_agents.live.lockdown import MIN_VERSION, landlock_version
from notebook_agents.live.previews import Preview

pytestmark = pytest.mark.skipif(landlock_version() < MIN_VERSION, reason="needs Landlock")


def tried(shell: Any, code: str, *, seconds: float = 10, memory_mb: int = 2048) -> Preview:
    rehearsal = rehearse(shell, code, Limits(seconds=seconds, memory_bytes=memory_mb << 20))
    rehearsal.ended.result(20)
    assert not psutil.Process().children()
    return rehearsal.preview()


def named(preview: Preview) -> list[tuple[str, str]]:
    return [(change.name, change.kind) for change in preview.changes]


def test_it_tells_what_would_become_of_the_variables_and_changes_none(shell: Any) -> None:
    shell.run_cell("x, gone, xs = 1, 2, [1, 2]")
    preview = tried(shell, "x = 5\ny = 'new'\ndel gone\nxs.append(3)\nprint('hello')\nx + 1")
    assert preview.refusal == ""
    assert sorted(named(preview)) == [
        ("gone", "removed"),
        ("x", "changed"),
        ("xs", "changed"),
        ("y", "new"),
    ]
    assert preview.output == "hello\n6\n"
    names = shell.user_ns
    assert (names["x"], names["gone"], names["xs"], "y" in names) == (1, 2, [1, 2], False)


def test_frames_are_told_of_by_their_rows(shell: Any) -> None:
    shell.run_cell("import pandas as pd\ndf = pd.DataFrame({'a': range(10)})")
    preview = tried(shell, "df = df[df.a > 4]\ndf['b'] = 1")
    [change] = preview.changes
    assert "10" in change.text
    assert "5" in change.text
    assert len(shell.user_ns["df"]) == 10


def test_an_error_is_told_with_its_line(shell: Any) -> None:
    preview = tried(shell, "a = 1\na / 0")
    assert (preview.error, preview.error_line) == (
        "ZeroDivisionError: division by zero (line 2)",
        2,
    )
    assert named(preview) == [("a", "new")]


def test_files_are_written_to_a_scratch_folder_only(shell: Any) -> None:
    Path("data.csv").write_text("a\n1\n")
    Path("old.txt").write_text("old")
    Path("sub").mkdir()
    code = """
from pathlib import Path
rows = Path('data.csv').read_text()
Path('out.csv').write_text(rows * 2)
Path('data.csv').write_text('changed')
Path('old.txt').unlink()
Path('sub/deep.txt').write_text('deep')
print(Path('out.csv').read_text())
"""
    preview = tried(shell, code)
    assert preview.error == ""
    assert [(file.path, file.kind) for file in preview.files] == [
        ("data.csv", "changed"),
        ("old.txt", "removed"),
        ("out.csv", "new"),
        ("sub/deep.txt", "new"),
    ]
    assert sorted(path.name for path in Path().iterdir()) == ["data.csv", "old.txt", "sub"]
    assert Path("data.csv").read_text() == "a\n1\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("open(elsewhere, 'w')", "writes nothing"),
        ("import os; os.remove(elsewhere)", "writes nothing"),
        ("import subprocess; subprocess.run(['touch', elsewhere])", "run touch"),
        ("!touch {elsewhere}", "run "),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "look up 127.0.0.1"),
        ("import os; os.fork()", "another process"),
        ("import os; os.kill(os.getppid(), 9)", "send a signal"),
    ],
)
def test_nothing_outside_is_reached_and_the_card_says_what_was_tried(
    shell: Any, tmp_path: Path, code: str, told: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    shell.user_ns["elsewhere"] = str(elsewhere)
    preview = tried(shell, code)
    assert told in " ".join(preview.notes)
    assert elsewhere.read_text() == "kept"


def test_code_that_goes_round_python_is_refused_by_the_kernel(shell: Any, tmp_path: Path) -> None:
    shell.user_ns["path"] = str(tmp_path / "made").encode()
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.creat(path, 0o600), libc.socket(2, 1, 0), libc.kill(os.getppid(), 0), libc.fork())
"""
    assert tried(shell, code).output == "-1 -1 -1 -1\n"
    assert not (tmp_path / "made").exists()


def test_open_files_and_their_positions_are_the_kernels_alone(shell: Any) -> None:
    Path("log.txt").write_text("first\nsecond\n")
    shell.run_cell("f = open('log.txt')\ng = open('new.txt', 'w')\ng.write('half')")
    preview = tried(shell, "g.write('more')\ng.flush()\nf.read()")
    assert "Bad file descriptor" in preview.error
    assert shell.user_ns["f"].read() == "first\nsecond\n"
    shell.run_cell("g.close(); f.close()")
    assert Path("new.txt").read_text() == "half"


def test_code_that_does_not_end_is_ended(shell: Any) -> None:
    started = time.monotonic()
    preview = tried(shell, "while True: pass", seconds=0.5)
    assert preview.stopped == "TIMEOUT"
    assert time.monotonic() - started < 5


def test_memory_is_limited(shell: Any) -> None:
    preview = tried(shell, "big = bytearray(500 << 20)", memory_mb=100)
    assert preview.stopped == "MEMORY_LIMIT"


def test_a_copy_that_breaks_is_told_of(shell: Any) -> None:
    assert tried(shell, "import ctypes; ctypes.string_at(0)").stopped == "KILLED"


def test_random_numbers_are_those_that_the_real_run_will_get(shell: Any) -> None:
    shell.run_cell("import random")
    state = random.getstate()
    output = tried(shell, "random.random()").output
    assert random.getstate() == state
    assert output.strip() == repr(random.random())  # noqa: S311 - the same number is the claim


def test_it_can_be_stopped(shell: Any) -> None:
    rehearsal = rehearse(shell, "while True: pass", Limits(seconds=60))
    rehearsal.stop()
    rehearsal.ended.result(10)
    assert rehearsal.preview().stopped == "KILLED"


def test_no_copy_is_made_while_a_thread_of_the_notebook_works(shell: Any) -> None:
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait, name="loader")
    thread.start()
    try:
        assert "loader" in tried(shell, "1").refusal
    finally:
        gate.set()
        thread.join()
    assert tried(shell, "1").refusal == ""


def test_no_copy_is_made_while_memory_is_shared_with_a_file(shell: Any) -> None:
    numpy = pytest.importorskip("numpy")
    shared = numpy.memmap("shared.bin", dtype="u1", mode="w+", shape=(4096,))
    assert "shared.bin" in tried(shell, "1").refusal
    del shared


def test_no_copy_is_made_for_libraries_whose_threads_it_would_lack(shell: Any) -> None:
    shell.run_cell("import duckdb as d")
    assert "DuckDB" in tried(shell, "d.sql('select 1')").refusal


def test_top_level_await_works_in_a_copy(shell: Any) -> None:
    assert tried(shell, "import asyncio\nawait asyncio.sleep(0)\n7").output == "7\n"


def test_nobody_is_asked_anything(shell: Any) -> None:
    assert "nobody can be asked" in tried(shell, "input('name? ')").error


def test_no_folder_is_left_behind(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(Path.cwd()))
    tried(shell, "1")
    assert os.listdir() == []  # noqa: PTH208 - names are all that is asked
