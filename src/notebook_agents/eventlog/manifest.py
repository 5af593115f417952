"""Which Parquet files hold the log's compacted events, and which segments those replace.

    <home>/events/manifest.json

It is replaced as a whole. A segment that it covers is not read any more, also while it is still
there; so each event is seen once, before and after the swap.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.event_columns import SCHEMA_VERSION
from notebook_agents.eventlog.durable import sync_folder, write_whole
from notebook_agents.eventlog.locks import short_lock

MANIFEST = "manifest.json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdFile:
    """A Parquet file with events of one owner."""

    name: str
    owner_id: str
    n_events: int
    n_bytes: int
    sha256: str
    first_at: datetime
    last_at: datetime
    long_bytes: int = 0
    """Of the payloads, in a file of long events; 0 in all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The compacted part of a log at one moment."""

    schema_version: int = SCHEMA_VERSION
    number: int = 0
    """Grows with every change."""
    files: tuple[ColdFile, ...] = ()
    covers: frozenset[str] = frozenset()
    """Names of segments whose events are in the files."""
    removed: Mapping[str, int] = field(default_factory=dict)
    """Streams that were removed, each up to which byte; they are still in the files."""

    def of(self, owner_id: str | None) -> tuple[ColdFile, ...]:
        """The files of one owner, or all."""
        return tuple(f for f in self.files if owner_id is None or f.owner_id == owner_id)


def manifest_path(home: Path) -> Path:
    """Where it is."""
    return home / "events" / MANIFEST


def read_manifest(home: Path) -> Manifest:
    """The manifest as it is now; an empty one where nothing was compacted yet."""
    try:
        content = manifest_path(home).read_bytes()
    except FileNotFoundError:
        return Manifest()
    try:
        fields: dict[str, Any] = json.loads(content)
        files = tuple(_file(each) for each in fields.pop("files"))
        covers = frozenset(fields.pop("covers"))
        return Manifest(files=files, covers=covers, **fields)
    except (ValueError, TypeError, KeyError) as error:
        raise StorageUnavailable(
            f"{MANIFEST!r} of the event log cannot be read; restore it from a backup or archive"
        ) from error


def manifest_json(manifest: Manifest) -> bytes:
    """What is kept of it."""
    fields = asdict(manifest)
    fields["covers"] = sorted(manifest.covers)
    for file in fields["files"]:
        for name in ("first_at", "last_at"):
            file[name] = file[name].isoformat()
    return json.dumps(fields, separators=(",", ":")).encode()


def change_manifest(home: Path, change: Callable[[Manifest], Manifest]) -> Manifest:
    """Replace the manifest by what ``change`` makes of it, while nobody else does."""
    with short_lock(home):
        return swap(home, change)


def swap(home: Path, change: Callable[[Manifest], Manifest]) -> Manifest:
    """The same for who holds the short lock."""
    now = read_manifest(home)
    changed = replace(change(now), number=now.number + 1, schema_version=SCHEMA_VERSION)
    write_whole(manifest_path(home), manifest_json(changed))
    sync_folder(manifest_path(home).parent)
    return changed


def moment(microseconds: int) -> datetime:
    """The time so long after the beginning of 1970, UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _file(fields: dict[str, Any]) -> ColdFile:
    times = {
        name: datetime.fromisoformat(fields[name]).astimezone(UTC)
        for name in ("first_at", "last_at")
    }
    return ColdFile(**fields | times)
