"""What memory has no room for goes to the disk, where nobody else finds it and none of it stays."""

from __future__ import annotations

import asyncio
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from notebook_agents.analytics import databases
from notebook_agents.analytics.asking import select
from notebook_agents.analytics.databases import open_database
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.analytics.spilling import SpillFolders
from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog

MANY = "SELECT count(*) FROM (SELECT DISTINCT i, repeat('x', i % 50) FROM range(3000000) t(i))"
NOTHING = LogSnapshot(hot=(), cold=())
CHILD = """
import sys
from pathlib import Path
from notebook_agents.analytics.spilling import SpillFolders
folder = Path(SpillFolders(Path(sys.argv[1])).new())
folder.mkdir()
(folder / "left.tmp").write_text("an answer")
print("made", flush=True)
sys.stdin.read()
"""


def opened(spill: str) -> duckdb.DuckDBPyConnection:
    return open_database(NOTHING, None, spill=spill, memory_mb=60)


def test_a_question_is_answered_with_the_disk_that_memory_has_no_room_for(tmp_path: Path) -> None:
    spills = SpillFolders(tmp_path / "spill")
    with opened("") as alone, pytest.raises(InvalidRequest, match="more memory than it may take"):
        select(alone, MANY, {})
    with opened(spills.new()) as connection:
        assert select(connection, MANY, {}).rows == ((3_000_000,),)
    (folder,) = (each for each in (tmp_path / "spill").iterdir() if each.is_dir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    spills.remove()
    assert not folder.exists()


async def test_questions_of_a_server_spill_when_they_must_and_those_of_strangers_never(
    tmp_path: Path,
) -> None:
    JsonlEventLog(tmp_path)
    analytics = EventAnalytics(EventFiles(tmp_path), tmp_path / "spill", memory_mb=60)
    assert (await analytics.query("SELECT 1", owner_id="ann")).rows == ((1,),)
    assert not (tmp_path / "spill").exists()
    assert (await analytics.query(MANY, owner_id="ann")).rows == ((3_000_000,),)
    assert len(list((tmp_path / "spill").glob("*/lock"))) == 1
    apart = await analytics.query_apart("SELECT current_setting('temp_directory')", owner_id="ann")
    assert apart.rows == (("",),)
    await analytics.aclose()
    assert [each.name for each in (tmp_path / "spill").iterdir()] == ["folders.lock"]


def test_a_question_does_not_reach_what_others_have_spilled(tmp_path: Path) -> None:
    spills = SpillFolders(tmp_path)
    ann, bob = Path(spills.new()), Path(spills.new())
    bob.mkdir()
    (bob / "secret.txt").write_text("of bob")
    with opened(str(ann)) as connection:
        select(connection, MANY, {})
        for path in (bob, ann / ".." / bob.name, ann.parent / "*", ann / ".." / "**"):
            with pytest.raises(InvalidRequest, match="Cannot access"):
                select(connection, f"FROM read_text('{path}/secret.txt')", {})
    spills.remove()


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    killed = processes[0]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"made\n"
        assert len(list(tmp_path.glob("*/*/left.tmp"))) == 2
        killed.kill()
        killed.wait()
        (tmp_path / "half-removed").mkdir()
        (tmp_path / "not-ours" / "lock").mkdir(parents=True)
        SpillFolders(tmp_path).tidy()
        assert len(list(tmp_path.glob("*/*/left.tmp"))) == 1, "the living one's"
        assert not (tmp_path / "half-removed").exists()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_folder_that_somebody_removed_is_made_anew(tmp_path: Path) -> None:
    spills = SpillFolders(tmp_path)
    shutil.rmtree(Path(spills.new()).parent)
    with opened(spills.new()) as connection:
        assert select(connection, MANY, {}).rows == ((3_000_000,),)
    spills.remove()


def test_a_disk_without_room_is_told_in_words(tmp_path: Path) -> None:
    with opened("/dev/full/spill") as connection:
        with pytest.raises(InvalidRequest, match="disk is full or cannot be written; read"):
            select(connection, MANY, {})
        assert select(connection, "SELECT 1", {}).rows == ((1,),)


def test_more_than_may_be_spilled_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "SPILL_BYTES", 5_000_000)
    spills = SpillFolders(tmp_path)
    with (
        opened(spills.new()) as connection,
        pytest.raises(InvalidRequest, match="more room on the disk than it may take; read fewer"),
    ):
        select(connection, MANY, {})
    spills.remove()


def test_where_no_folder_can_be_made_memory_alone_has_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert SpillFolders(tmp_path / "file" / "spill").new() == ""


async def test_a_refusal_that_somebody_keeps_keeps_nothing_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    JsonlEventLog(tmp_path)
    monkeypatch.setattr(databases, "SPILL_BYTES", 20_000_000)
    analytics = EventAnalytics(EventFiles(tmp_path), tmp_path / "spill", memory_mb=60)
    with pytest.raises(InvalidRequest, match="more room on the disk than it may take") as kept:
        await analytics.query(MANY, owner_id="ann")
    assert kept.value.__traceback__ is not None
    left = [path for path in (tmp_path / "spill").rglob("*.tmp") if path.stat().st_size]
    assert left == []
    await analytics.aclose()


async def test_what_nobody_asks_any_more_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    JsonlEventLog(tmp_path)
    monkeypatch.setattr(databases, "KEPT_S", 0.05)
    analytics = EventAnalytics(EventFiles(tmp_path), tmp_path / "spill", memory_mb=60)
    assert (await analytics.query(MANY, owner_id="ann")).rows == ((3_000_000,),)
    async with asyncio.timeout(60):
        while any((tmp_path / "spill").glob("*/*/*")):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    assert (await analytics.query("SELECT 1", owner_id="ann")).rows == ((1,),)
    await analytics.aclose()
