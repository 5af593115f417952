"""The lines of closed segments as rows of a table, each with its stream and its place in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from notebook_agents.core.event_columns import LINE_COLUMNS, with_taken
from notebook_agents.core.event_lines import LONGEST_BYTES, USUAL_BYTES
from notebook_agents.eventlog.counting import split_line
from notebook_agents.eventlog.durable import sync_folder, write_whole
from notebook_agents.eventlog.segments import Segment

if TYPE_CHECKING:
    import duckdb

STAGED_BYTES = 32 << 20
"""So much is in the table at once, which memory sets."""
HUGE_BYTES = 8 << 20
"""A longer line is staged by itself: DuckDB takes 16 times as much to read it out of a file."""
LONG_BYTES = 16 << 10
"""Longer lines get files of their own: DuckDB holds 2048 rows of a file at once."""
LONG_FILE_BYTES = 16 << 20
"""Of long lines, in a file; a longer line has one for itself."""
_IS_WHOLE = (
    "id IS NOT NULL AND ts IS NOT NULL AND type IS NOT NULL AND user_id IS NOT NULL"
    " AND position IS NOT NULL AND json_type(payload) = 'OBJECT'"
)


class Line(NamedTuple):
    """A line of a segment, without its line break."""

    content: bytes
    stream: str
    position: int
    """The byte of the stream at which it ends."""
    is_ended: bool
    """Whether a line break follows it."""


class FileKey(NamedTuple):
    """Which rows make a file: those of an owner, and of these the long ones apart."""

    owner_id: str
    part: int
    """0 for lines of usual length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What the table ``rows`` holds."""

    n_events: int
    files: tuple[FileKey, ...]
    torn: tuple[Line, ...]
    """Lines that are no event, or one that is too long."""


def stage(
    connection: duckdb.DuckDBPyConnection, segments: Sequence[Segment], folder: Path
) -> Iterator[Staged]:
    """Make the table ``rows``, with the columns of events, ``stream``, ``position`` and ``part``.

    Once for each part of the lines that memory has room for, the next when that is asked for.
    FileNotFoundError when a segment was removed meanwhile.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft, lines, first = folder / "lines", _all_lines(segments), 0
    try:
        while True:
            n_lines, huge = _write_lines(lines, draft)
            if n_lines:
                _load(connection, draft)
                again = islice(_all_lines(segments), first, first + n_lines)
                yield _staged(connection, n_lines, again)
            if huge is not None:
                _load_one(connection, huge)
                yield _staged(connection, 1, iter((huge,)))
            elif not n_lines:
                return
            first += n_lines + (huge is not None)
    finally:
        draft.unlink(missing_ok=True)


def keep_torn(folder: Path, torn: Sequence[Line]) -> None:
    """Keep what is no event, each under the place it was at."""
    for line in torn:
        write_whole(folder / f"{line.stream}.{line.position}", line.content)
    if torn:
        sync_folder(folder)


def lines_of(segment: Segment) -> Iterator[Line]:
    """The lines of a segment that are not empty, the last also where it is not whole."""
    position = segment.base
    with segment.path.open("rb", buffering=1 << 20) as file:
        for line in file:
            position += len(line)
            if content := line.removesuffix(b"\n"):
                yield Line(content, segment.stream, position, len(content) < len(line))


def _all_lines(segments: Sequence[Segment]) -> Iterator[Line]:
    return chain.from_iterable(map(lines_of, segments))


def _write_lines(lines: Iterator[Line], draft: Path) -> tuple[int, Line | None]:
    """How many lines were taken, torn ones too, and the huge one that came after them."""
    n_lines = n_bytes = n_long = 0
    with draft.open("wb", buffering=1 << 20) as file:
        for content, stream, position, is_ended in lines:
            size = len(content)
            is_whole = is_ended and content.startswith(b'{"id":') and content.endswith(b"}")
            if is_whole and HUGE_BYTES < size <= LONGEST_BYTES:
                return n_lines, Line(content, stream, position, is_ended)
            n_lines += 1
            if not is_whole or size > LONGEST_BYTES:
                continue
            part = 1 + n_long // LONG_FILE_BYTES if size > LONG_BYTES else 0
            head = b'{"stream":"%s","position":%d,"part":%d,' % (stream.encode(), position, part)
            file.write(b"%b%b\n" % (head, content[1:]))
            n_bytes, n_long = n_bytes + size, n_long + (size if part else 0)
            if n_bytes >= STAGED_BYTES:
                break
    return n_lines, None


def _load(connection: duckdb.DuckDBPyConnection, draft: Path) -> None:
    columns = {column.name: column.type for column in LINE_COLUMNS}
    columns |= {"stream": "VARCHAR", "position": "BIGINT", "part": "INTEGER"}
    bound = {"file": str(draft), "columns": columns, "longest": USUAL_BYTES}
    lines = (
        "SELECT * FROM read_json($file, format = 'newline_delimited',"  # noqa: S608 - our own
        " columns = $columns, ignore_errors = true, maximum_object_size = $longest)"
        f" WHERE {_IS_WHOLE}"
    )
    connection.execute(f"CREATE OR REPLACE TABLE rows AS {with_taken(lines)}", bound)


def _load_one(connection: duckdb.DuckDBPyConnection, line: Line) -> None:
    fields, payload = split_line(line.content)
    bound: dict[str, Any] = {column.name: fields.get(column.name) for column in LINE_COLUMNS}
    bound |= {"payload": payload, "stream": line.stream, "position": line.position}
    columns = ", ".join(
        f"TRY_CAST(${column.name} AS {column.type}) AS {column.name}" for column in LINE_COLUMNS
    )
    lines = (
        f"SELECT * FROM (SELECT {columns}, $stream AS stream, $position::BIGINT AS position,"  # noqa: S608
        f" 1::INTEGER AS part) WHERE {_IS_WHOLE}"
    )
    connection.execute(f"CREATE OR REPLACE TABLE rows AS {with_taken(lines)}", bound)


def _staged(connection: duckdb.DuckDBPyConnection, n_lines: int, lines: Iterator[Line]) -> Staged:
    """What came of so many lines; they are looked at again where some are not in the table."""
    n_events = int(connection.execute("SELECT count(*) FROM rows").fetchall()[0][0])
    files = connection.execute("SELECT DISTINCT user_id, part FROM rows ORDER BY ALL").fetchall()
    return Staged(
        n_events=n_events,
        files=tuple(FileKey(*file) for file in files),
        torn=() if n_events == n_lines else _foreign(connection, lines),
    )


def _foreign(connection: duckdb.DuckDBPyConnection, lines: Iterator[Line]) -> tuple[Line, ...]:
    known = set(connection.execute("SELECT stream, position FROM rows").fetchall())
    return tuple(line for line in lines if (line.stream, line.position) not in known)


def is_event_line(content: bytes) -> bool:
    """Whether compaction would take a line for an event."""
    try:
        fields = json.loads(content)
        needed = [fields[name] for name in ("id", "ts", "type", "user_id")]
        return None not in needed and isinstance(fields["payload"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
