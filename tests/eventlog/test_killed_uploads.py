"""A compaction killed while files go into object storage loses nothing and doubles nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from asyncio import to_thread
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from notebook_agents.core.events import AgentCreated, Event
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.manifest import read_manifest
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
COMPACT_AND_DIE = """
import os, signal, sys
from pathlib import Path
import fsspec
from fsspec.implementations.local import LocalFileSystem
from notebook_agents.eventlog.keeping import EventLogKeeping

home, place, moment = sys.argv[1:]

class Bucket(LocalFileSystem):
    protocol = "bucket"
    n_files = 0

    def put_file(self, source, target, **more):
        self.n_files += 1
        if self.n_files == 2 and moment == "half of a file":
            content = Path(source).read_bytes()
            Path(target.removeprefix("bucket://")).write_bytes(content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        super().put_file(source, target, **more)
        if self.n_files == 2 and moment == "after a file":
            os.kill(os.getpid(), signal.SIGKILL)

    def pipe_file(self, *args, **more):
        if moment == "before the manifest's copy":
            os.kill(os.getpid(), signal.SIGKILL)
        super().pipe_file(*args, **more)

    @classmethod
    def _strip_protocol(cls, path):
        return LocalFileSystem._strip_protocol(str(path).removeprefix("bucket://"))

fsspec.register_implementation("bucket", Bucket, clobber=True)
EventLogKeeping(Path(home), place).compact(0)
"""


class Bucket(LocalFileSystem):  # type: ignore[misc]
    """Object storage that works."""

    protocol = "bucket"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(LocalFileSystem._strip_protocol(str(path).removeprefix("bucket://")))


def compact_and_die(home: Path, place: str, moment: str) -> int:
    words = [sys.executable, "-c", COMPACT_AND_DIE, str(home), place, moment]
    return subprocess.run(words, check=False).returncode


@pytest.mark.parametrize("moment", ["half of a file", "after a file", "before the manifest's copy"])
async def test_a_killed_upload_loses_and_doubles_nothing(tmp_path: Path, moment: str) -> None:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    home, place = tmp_path / "home", f"bucket://{tmp_path}/bucket"
    log, keeping = JsonlEventLog(home, place), EventLogKeeping(home, place)
    bucket = tmp_path / "bucket" / log.id
    bucket.mkdir(parents=True)
    events = [
        Event(id=f"{n}", ts=NOW, conversation_id="c", user_id=owner, body=AgentCreated(name="n"))
        for n, owner in enumerate(("ann", "bob", "cid"))
    ]
    for event in events:
        log.append(event)
    assert await to_thread(compact_and_die, home, place, moment) == -signal.SIGKILL
    assert await log.read("c") == events
    assert list(bucket.glob("*.parquet"))
    log.append(later := Event(id="9", ts=NOW, conversation_id="c", body=AgentCreated(name="n")))
    await to_thread(keeping.compact, 0)
    assert await log.read("c") == [*events, later]
    assert await to_thread(keeping.verify) == []
    known = {file.name for file in (await to_thread(read_manifest, home)).files}
    assert {path.name for path in bucket.glob("*.parquet*")} == known
    assert sum(file.n_events for file in (await to_thread(read_manifest, home)).files) == 4
    assert not (await to_thread(EventFiles(home, place).snapshot)).hot
    await log.aclose()
