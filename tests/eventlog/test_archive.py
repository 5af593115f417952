"""Compacted events in a folder elsewhere or in object storage read as those of the home do."""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.events import AgentCreated, Event
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.manifest import read_manifest
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(params=["folder", "file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "memory":
        yield f"memory://bucket-{tmp_path.name}/events"
        fsspec.filesystem("memory").store.clear()
    else:
        yield f"{'file://' if request.param == 'file' else ''}{tmp_path / 'archive'}"


def event(number: int, owner: str = "ann") -> Event:
    body = AgentCreated(name=f"{number}")
    return Event(id=f"{number}", ts=NOW, conversation_id="c", user_id=owner, body=body)


def kept_names(keeping: EventLogKeeping) -> list[str]:
    return keeping.archive.names()


async def test_streams_are_read_merged_and_forgotten_there(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    log, keeping = JsonlEventLog(home, place), EventLogKeeping(home, place)
    for number in range(1, 10):
        log.append(event(number))
        await to_thread(keeping.compact, 0)
    log.append(event(10, owner="bob"))
    await to_thread(keeping.compact, 0)
    assert [each.id for each in await log.read("c")] == [f"{n}" for n in range(1, 11)]
    snapshot = await to_thread(EventFiles(home, place).snapshot)
    assert {address.rpartition("/")[0] for address in snapshot.cold} == {
        f"{place.removeprefix('file://')}/{log.id}"
    }
    names = sorted(file.name for file in (await to_thread(read_manifest, home)).files)
    assert sorted(await to_thread(kept_names, keeping)) == names
    assert await to_thread(keeping.verify) == []
    assert not (home / "events" / "cold").exists()
    await to_thread(keeping.forget, "ann")
    assert [each.id for each in await log.read("c")] == ["10"]
    kept = json.loads(await to_thread(lambda: keeping.archive.get("manifest.json")))
    assert [file["name"] for file in kept["files"]] == await to_thread(kept_names, keeping)
    await log.aclose()


class Refusing(MemoryFileSystem):  # type: ignore[misc]
    """Object storage that knows nobody's credentials."""

    protocol = "refusing"

    def exists(self, path: str, **_: object) -> bool:
        raise PermissionError(f"the key SECRET may not list {path}")


async def test_an_archive_that_refuses_is_told_without_its_words_and_loses_nothing(
    tmp_path: Path,
) -> None:
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    place = "refusing://bucket/events"
    log, keeping = JsonlEventLog(tmp_path, place), EventLogKeeping(tmp_path, place)
    log.append(event(1))
    with pytest.raises(StorageUnavailable, match=r"PermissionError; .* events_archive") as told:
        await to_thread(keeping.compact, 0)
    assert "SECRET" not in str(told.value)
    assert await log.read("c") == [event(1)]
    await log.aclose()


class Nowhere(MemoryFileSystem):  # type: ignore[misc]
    """Object storage without the bucket, which libraries tell as a file that is not there."""

    protocol = "nowhere"

    def put_file(self, lpath: str, rpath: str, **_: object) -> None:
        raise FileNotFoundError("the specified bucket does not exist")


async def test_an_archive_whose_bucket_is_not_there_is_told_and_loses_nothing(
    tmp_path: Path,
) -> None:
    fsspec.register_implementation("nowhere", Nowhere, clobber=True)
    place = "nowhere://bucket/events"
    log, keeping = JsonlEventLog(tmp_path, place), EventLogKeeping(tmp_path, place)
    log.append(event(1))
    with pytest.raises(StorageUnavailable, match="events_archive"):
        await to_thread(keeping.compact, 0)
    assert await log.read("c") == [event(1)]
    await log.aclose()
