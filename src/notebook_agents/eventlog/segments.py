"""Where events lie: one JSON object per line, in segments of one stream.

    <home>/events/hot/<stream>.jsonl          the first segment of a stream
    <home>/events/hot/<stream>.<byte>.jsonl   a later one; the byte of the stream it begins at
    <home>/events/streams/<stream>.json       how far a stream was compacted, see `compacted`
    <home>/events/cold/*.parquet              closed segments, compacted; see `manifest`
    <home>/events/torn/                       bytes that are no event, kept when segments go
    <home>/events/spill/                      what questions have no memory for, while they last

A line is flat but for ``payload``: identity and time first, then the event's own fields, as
`core.event_columns` says. A segment is closed by taking its write permission away while nobody
appends; what follows goes into a segment whose name says where it begins. So positions grow for as
long as a stream is known, and no name is used twice.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from notebook_agents.core.events import Event, event_from_json, event_to_json
from notebook_agents.core.ids import new_id
from notebook_agents.eventlog.compacted import Compacted, read_compacted

SUFFIX = ".jsonl"
_STREAM_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_SEGMENT_NAME = re.compile(r"([A-Za-z0-9_-]{1,100})(?:\.([0-9]{1,18}))?\.jsonl")
_BODY = b',"body":{'


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment as a look found it."""

    stream: str
    base: int
    """The byte of the stream it begins at."""
    size: int
    changed_at: float
    is_closed: bool
    """Whether nothing will be appended to it any more."""
    path: Path

    @property
    def end(self) -> int:
        """The byte of the stream at which it ends, for now unless it is closed."""
        return self.base + self.size


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


def stream_path(home: Path, stream: str, base: int = 0) -> Path:
    """A segment of a stream; ValueError for a name that could leave the folder."""
    if not _STREAM_NAME.fullmatch(stream):
        raise ValueError(f"{stream!r} cannot name a stream")
    return hot_folder(home) / (f"{stream}.{base}{SUFFIX}" if base else f"{stream}{SUFFIX}")


def is_open(found: os.stat_result) -> bool:
    """Whether a segment may be appended to: neither removed nor closed."""
    return found.st_nlink > 0 and bool(found.st_mode & stat.S_IWUSR)


def all_segments(home: Path) -> Iterator[Segment]:
    """Every segment that is there, in no order."""
    try:
        found_entries = os.scandir(hot_folder(home))
    except FileNotFoundError:  # nothing was ever appended, or only compacted files were copied
        return
    with found_entries as entries:
        for entry in entries:
            name = _SEGMENT_NAME.fullmatch(entry.name)
            if name is None:
                continue
            try:
                found = entry.stat()
            except FileNotFoundError:  # compacted since
                continue
            yield _segment(name[1], int(name[2] or 0), Path(entry.path), found)


def segments_of(home: Path, stream: str) -> tuple[Compacted, list[Segment]]:
    """What is known of a stream's compacted part, and the segments that follow it in order."""
    known = read_compacted(home, stream)
    while True:
        segments = list(_following(home, stream, known.end))
        again = read_compacted(home, stream)
        if again.end == known.end:
            return again, segments
        known = again  # compacted or removed meanwhile


def _following(home: Path, stream: str, base: int) -> Iterator[Segment]:
    while True:
        path = stream_path(home, stream, base)
        try:
            segment = _segment(stream, base, path, path.stat())
        except FileNotFoundError:
            return
        yield segment
        if not segment.is_closed or not segment.size:
            return
        base = segment.end


def _segment(stream: str, base: int, path: Path, found: os.stat_result) -> Segment:
    return Segment(
        stream=stream,
        base=base,
        size=found.st_size,
        changed_at=found.st_mtime,
        is_closed=not is_open(found),
        path=path,
    )


def line_of(event: Event) -> bytes:
    """The line an event is kept as, with its line break.

    Made of the event's JSON without reading that again: the fields before the body are plain
    values, in which no quote stands by itself, and the type is the last field of a body.
    """
    whole = event_to_json(event)
    envelope, _, body = whole.partition(_BODY)
    kind = f'"type":"{event.type}"'.encode()
    tail = kind + b"}}"
    if not body.endswith(tail):
        return _line_of_fields(json.loads(whole))
    payload = body[: -len(tail)].removesuffix(b",")
    return b"".join((envelope, b",", kind, b',"payload":{', payload, b"}}\n"))


def _line_of_fields(fields: dict[str, Any]) -> bytes:
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
