"""SQL in a process apart over compacted events in object storage, which needs a credential."""

from __future__ import annotations

import os
from asyncio import to_thread
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.events import AgentCreated, Event
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
STORAGE = """
import os
from fsspec.implementations.local import LocalFileSystem

class Vault(LocalFileSystem):
    protocol = "vault"
    root_marker = "/"

    @classmethod
    def _strip_protocol(cls, path):
        return LocalFileSystem._strip_protocol(str(path).removeprefix("vault://"))

    def _open(self, path, mode="rb", **more):
        if os.environ.get("AWS_VAULT_KEY") != "right":
            raise PermissionError("the key SECRET is wrong")
        if "not for storage" in os.environ.values():
            raise OSError("a secret that is none of storage's")
        return super()._open(path, mode, **more)
"""
ENTRY = "[fsspec.specs]\nvault = vault_storage.Vault\n"
METADATA = "Metadata-Version: 2.1\nName: vault-storage\nVersion: 1\n"


@pytest.fixture
async def analytics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EventAnalytics]:
    """Over a home whose compacted events lie in a storage of a plugin."""
    plugins = tmp_path / "plugins"
    told = plugins / "vault_storage-1.dist-info"
    told.mkdir(parents=True)
    (plugins / "vault_storage.py").write_text(STORAGE)
    (told / "entry_points.txt").write_text(ENTRY)
    (told / "METADATA").write_text(METADATA)
    monkeypatch.syspath_prepend(str(plugins))
    there = [str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(there))
    monkeypatch.setenv("AWS_VAULT_KEY", "right")
    fsspec.register_implementation("vault", "vault_storage.Vault", clobber=True)
    home, place = tmp_path / "home", f"vault://{tmp_path}/bucket"
    (tmp_path / "bucket").mkdir()
    log = JsonlEventLog(home, place)
    (tmp_path / "bucket" / log.id).mkdir()
    log.append(Event(id="1", ts=NOW, user_id="ann", body=AgentCreated(name="n")))
    await to_thread(EventLogKeeping(home, place).compact, 0)
    assert (await to_thread(EventFiles(home, place).snapshot)).cold
    opened = EventAnalytics(EventFiles(home, place))
    yield opened
    await opened.aclose()
    await log.aclose()


async def test_a_process_apart_reaches_object_storage(analytics: EventAnalytics) -> None:
    table = await analytics.query_apart("SELECT id FROM events", owner_id="ann")
    assert table.rows == (("1",),)


@pytest.mark.parametrize(
    "name",
    ["UNRELATED_KEY", "GOOGLE_API_KEY", "AZURE_OPENAI_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"],
)
async def test_a_process_apart_gets_no_key_of_a_models_provider(
    analytics: EventAnalytics, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "not for storage")
    table = await analytics.query_apart("SELECT id FROM events", owner_id="ann")
    assert table.rows == (("1",),)


async def test_a_storage_that_refuses_is_told_without_its_words(
    analytics: EventAnalytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_VAULT_KEY", "wrong")
    for ask in (analytics.query_apart, analytics.query):
        with pytest.raises(InvalidRequest, match=r"cannot be read: PermissionError; .*") as told:
            await ask("SELECT id FROM events", owner_id="ann")
        assert "SECRET" not in str(told.value)
