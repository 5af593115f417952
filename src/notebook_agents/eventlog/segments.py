"""Where events lie: one JSON object per line, one file per stream.

    <home>/events/hot/<stream>.jsonl     appended to, the truth
    <home>/events/cold/*.parquet         closed conversations, compacted

A line is flat but for ``payload``: identity and time first, then the event's own fields. The
columns below are what SQL sees, in every process that reads.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from notebook_agents.core.events import Event, event_from_json, event_to_json
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import StreamEnd

COLUMNS: dict[str, str] = {
    "id": "VARCHAR",
    "run_id": "VARCHAR",
    "run_seq": "BIGINT",
    "ts": "TIMESTAMPTZ",
    "conversation_id": "VARCHAR",
    "agent_id": "VARCHAR",
    "user_id": "VARCHAR",
    "dialect": "VARCHAR",
    "type": "VARCHAR",
    "payload": "JSON",
}
"""Name and DuckDB type of each column of a line."""
_STREAM_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


def hot_folder(home: Path) -> Path:
    """Where streams are appended to."""
    return home / "events" / "hot"


def read_log_id(home: Path) -> str:
    """Which log this is: a name that the first process gives it and all others find."""
    path = home / "events" / "log_id"
    draft = path.with_name(f".log_id.{new_id()}")
    if not path.exists():
        draft.write_text(new_id(), encoding="ascii")
        try:
            os.link(draft, path)  # refuses to replace: of two processes at once one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")


def list_streams(home: Path, names: Collection[str] | None = None) -> list[StreamEnd]:
    """The streams that are there, all or of these, with their sizes."""
    ends: list[StreamEnd] = []
    with os.scandir(hot_folder(home)) as entries:
        for entry in entries:
            name = entry.name.removesuffix(".jsonl")
            if name == entry.name or (names is not None and name not in names):
                continue
            found = entry.stat()
            changed_at = datetime.fromtimestamp(found.st_mtime, UTC)
            ends.append(StreamEnd(stream=name, position=found.st_size, changed_at=changed_at))
    return ends


def stream_path(home: Path, stream: str) -> Path:
    """The file of a stream; ValueError for a name that could leave the folder."""
    if not _STREAM_NAME.fullmatch(stream):
        raise ValueError(f"{stream!r} cannot name a stream")
    return hot_folder(home) / f"{stream}.jsonl"


def line_of(event: Event) -> bytes:
    """The line an event is kept as, with its line break."""
    fields: dict[str, Any] = json.loads(event_to_json(event))
    body = fields.pop("body")
    line = fields | {"type": body.pop("type"), "payload": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def event_of(line: bytes) -> Event | None:
    """The event of a line; None for a torn or foreign one."""
    try:
        fields: dict[str, Any] = json.loads(line)
        body = fields.pop("payload") | {"type": fields.pop("type")}
        return event_from_json(json.dumps(fields | {"body": body}).encode())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ValidationError):
        return None
