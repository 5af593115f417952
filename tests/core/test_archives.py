"""Folders are packed and copied without links, within limits, and the same way each time."""

from __future__ import annotations

import asyncio
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core import folders
from notebook_agents.core.archive_files import LISTED_FILES, Archive, ArchiveFiles
from notebook_agents.core.conversations import Conversation, ForkConversation, StartConversation
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.folders import FolderLimits
from notebook_agents.core.ports import Change, Insert, Patch
from notebook_agents.core.users import Actor
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import MemoryStore, ScriptedEngine

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
MakeCore = Callable[..., Core]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what code in a sandbox may leave behind."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.txt").write_text("bb")
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "sub" / "run.sh").chmod(0o755)
    (folder / "sub" / "out").symlink_to("/etc")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "door"))
    for path in folder.rglob("*.*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


async def test_regular_files_only_are_packed_and_the_bytes_are_the_same_each_time(
    folder: Path, tmp_path: Path
) -> None:
    files = ArchiveFiles(tmp_path / "archives")
    first, second = await files.pack("1", str(folder)), await files.pack("2", str(folder))
    assert first == second
    for id in ("1", "2"):
        await files.keep(id)
    assert Path(files.path("1")).read_bytes() == Path(files.path("2")).read_bytes()
    assert [entry.path for entry in first.files] == ["a.txt", "b.txt", "sub/run.sh"]
    assert (first.n_files, first.content_bytes) == (3, 13)
    with tarfile.open(files.path("1")) as tar:
        members = tar.getmembers()
    assert [(m.name, m.isreg(), m.mode) for m in members] == [
        ("a.txt", True, 0o644),
        ("b.txt", True, 0o644),
        ("sub/run.sh", True, 0o755),
    ]
    assert {(m.uid, m.uname, m.mtime) for m in members} == {(0, "", 1_700_000_000)}
    chunks = [chunk async for chunk in files.chunks("1")]
    assert sum(map(len, chunks)) == first.size_bytes
    await files.remove("1")
    await files.remove("1")
    with pytest.raises(Conflict, match="no longer there"):
        await anext(files.chunks("1"))
    assert [path.name for path in (tmp_path / "archives").iterdir()] == ["2.tar.gz"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (FolderLimits(max_files=3), "more than 3 files"),
        (FolderLimits(max_bytes=12), "more than 0 MiB"),
    ],
)
async def test_too_much_is_refused_and_leaves_nothing(
    folder: Path, tmp_path: Path, limits: FolderLimits, words: str
) -> None:
    files = ArchiveFiles(tmp_path / "archives", limits)
    with pytest.raises(InvalidRequest, match=words):
        await files.pack("1", str(folder))
    assert not list((tmp_path / "archives").iterdir())


def test_folders_in_folders_end_somewhere_and_a_folder_that_is_gone_is_empty(
    tmp_path: Path,
) -> None:
    deep = tmp_path / "/".join("d" * (folders.MAX_DEPTH + 1))
    deep.mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="in each other"):
        list(folders.regular_files(str(tmp_path), FolderLimits()))
    assert not list(folders.regular_files(str(tmp_path / "gone"), FolderLimits()))
    (tmp_path / "link").symlink_to(deep)
    assert not list(folders.regular_files(str(tmp_path / "link"), FolderLimits()))


def test_names_that_are_no_text_and_many_files_are_packed_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff")).write_text("x")
    for number in range(LISTED_FILES):
        (folder / f"{number:04}").touch()
    packed = asyncio.run(ArchiveFiles(tmp_path / "archives").pack("1", str(folder)))
    assert (packed.n_files, len(packed.files)) == (LISTED_FILES + 1, LISTED_FILES)
    (folder / "0000").rename(folder / "zz")
    packed = asyncio.run(ArchiveFiles(tmp_path / "archives").pack("1", str(folder)))
    assert all(entry.path.encode() for entry in packed.files)


async def test_a_fork_copies_files_and_no_links(
    make_core: MakeCore, driver: Any, folder: Path
) -> None:
    core = make_core("one")
    run = await driver.finish(core)
    original = await core.conversations.get(ANN, run.conversation_id)
    Path(original.workspace).rmdir()
    folder.rename(original.workspace)
    fork = await core.conversations.fork(ANN, original.id, ForkConversation(with_files=True))
    copied = Path(fork.workspace)
    names = sorted(path.relative_to(copied).as_posix() for path in copied.rglob("*"))
    assert names == ["a.txt", "b.txt", "sub", "sub/run.sh"]
    assert (copied / "sub" / "run.sh").stat().st_mode & 0o777 == 0o700
    empty = await core.conversations.fork(ANN, original.id)
    assert not list(Path(empty.workspace).iterdir())
    await core.aclose()


class BusyStore(MemoryStore):
    """Somebody says something while a conversation is packed."""

    async def commit(self, *changes: Change) -> None:
        for change in changes:
            if isinstance(change, Patch) and change.fields.get("state") == "archived":
                said = Patch(kind=Conversation, id=change.id, fields={"message_count": 99})
                await super().commit(said)
        await super().commit(*changes)


async def test_what_changes_while_it_is_packed_is_not_archived(
    make_core: MakeCore, driver: Any, tmp_path: Path
) -> None:
    core = make_core("one", store=BusyStore())
    run = await driver.finish(core)
    with pytest.raises(Conflict, match="try again"):
        await core.archives.create(ANN, run.conversation_id)
    assert (await core.conversations.get(ANN, run.conversation_id)).state == "active"
    with pytest.raises(NotFound):
        await core.archives.get(ANN, run.conversation_id)
    assert not list((tmp_path / "archives").iterdir())
    await core.aclose()


async def test_only_ones_own_free_conversation_is_archived_once(
    make_core: MakeCore, driver: Any, tmp_path: Path
) -> None:
    engine = ScriptedEngine("one two")
    engine.gate = asyncio.Event()
    store = SqlStore.open(f"sqlite:///{tmp_path}/s.db", Holders(tmp_path / "holders"))
    core = make_core(engine=engine, store=store)
    run = await driver.start(core)
    with pytest.raises(Conflict, match="not finished"):
        await core.archives.create(ANN, run.conversation_id)
    engine.gate.set()
    await core.runs.wait(ANN, run.id)
    with pytest.raises(NotFound):
        await core.archives.create(BOB, run.conversation_id)
    archive = await core.archives.create(ANN, run.conversation_id)
    assert await core.archives.get(ANN, run.conversation_id) == archive
    with pytest.raises(NotFound):
        await core.archives.get(BOB, run.conversation_id)
    with pytest.raises(Conflict, match="archived"):
        await core.archives.create(ANN, run.conversation_id)
    named = StartConversation(agent_id=run.agent_id, workspace=str(tmp_path))
    elsewhere = await core.conversations.start(ANN, named)
    with pytest.raises(InvalidRequest, match="folder of yours"):
        await core.archives.create(ANN, elsewhere.id)
    await core.conversations.delete(ANN, run.conversation_id)
    assert not Path(archive.path).exists()
    await core.aclose()


class DyingStore(MemoryStore):
    """The process dies at the first write after a conversation was packed: before it, or after."""

    is_late = False

    async def commit(self, *changes: Change) -> None:
        is_end = any(isinstance(c, Insert) and isinstance(c.record, Archive) for c in changes)
        if not is_end or self.is_late:
            await super().commit(*changes)
        if is_end:
            raise KilledError


class KilledError(Exception):
    pass


@pytest.mark.parametrize("is_late", [False, True])
async def test_what_a_process_packed_that_died_is_kept_or_removed(
    make_core: MakeCore, driver: Any, tmp_path: Path, is_late: bool
) -> None:
    store = DyingStore()
    store.is_late = is_late
    core = make_core("one", store=store)
    run = await driver.finish(core)
    with pytest.raises(KilledError):
        await core.archives.create(ANN, run.conversation_id)
    [packed] = (tmp_path / "archives").iterdir()
    await core.archives.purge()
    assert packed.exists()  # it is new: somebody may be at it
    os.utime(packed, (1_700_000_000, 1_700_000_000))
    await core.archives.purge()
    assert not packed.exists()
    kept = [str(path) for path in (tmp_path / "archives").iterdir()]
    if is_late:
        archive = await core.archives.get(ANN, run.conversation_id)
        assert kept == [archive.path]
        assert (
            sum([len(chunk) async for chunk in core.archives.read(archive)]) == archive.size_bytes
        )
    else:
        assert not kept
    await core.aclose()


async def test_an_archive_in_the_store_is_not_seen_without_its_conversation(
    make_core: MakeCore, driver: Any
) -> None:
    store = MemoryStore()
    core = make_core("one", store=store)
    run = await driver.finish(core)
    archive = await core.archives.create(ANN, run.conversation_id)
    await core.conversations.delete(ANN, run.conversation_id)
    await store.commit(Insert(record=archive))
    with pytest.raises(NotFound):
        await core.archives.get(ANN, run.conversation_id)
    await core.aclose()
