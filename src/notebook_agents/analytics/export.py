"""Events into files, without what a deployment does not tell.

The redacted events stand under the name ``events`` in a schema of their own, and the views are made
there: whatever a view takes out of a payload, it can only take what an export may hold.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from notebook_agents.analytics.catalogue import VIEWS, catalogue, create_views
from notebook_agents.analytics.drafts import Draft, into_file, into_stream
from notebook_agents.analytics.log_tables import create_events
from notebook_agents.analytics.pseudonyms import read_key
from notebook_agents.analytics.redacted import redacted_sql, variables_of
from notebook_agents.core.errors import InvalidRequest, StorageUnavailable
from notebook_agents.core.event_columns import SCHEMA_VERSION
from notebook_agents.core.exports import EVENTS, ExportReport, ExportWish, Redaction, untold

if TYPE_CHECKING:
    from notebook_agents.core.analytics import LogFiles
    from notebook_agents.core.exports import Progress

N_TRIES = 5
"""How often a file may vanish under the export because the log is compacted meanwhile."""
LOOK_S = 0.5
"""How often the progress is told."""
TIME_COLUMNS = ("ts", "started", "bucket", "day", "due", "last_seen", "last_active")
"""What a row is dated by, the first that it has."""
IN_ORDER = ("ts", "run_id", "run_seq", "id")
"""Of events: several have one time."""
_SETTINGS = (
    "SET memory_limit = '500MB'",
    "SET threads = 2",
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
)
_MOMENTS = "'%Y-%m-%dT%H:%M:%S.%fZ'"
_FORMULA = r"^[=+\-@\t\r]"
"""A spreadsheet takes a text that begins so for something to compute."""


class DuckExporter:
    """Answers the EventExporter port over the files of an event log."""

    def __init__(self, files: LogFiles, key_path: Path, redaction: Redaction) -> None:
        """Export what ``files`` name.

        ``redaction`` is the administrator's, for all exports; the key of pseudonyms is made at
        ``key_path`` when it is first needed.
        """
        self._files = files
        self._key_path = key_path
        self._redaction = redaction

    def export(self, wish: ExportWish, tell: Progress = untold) -> ExportReport:
        """Write the file that is wished for."""
        _check(wish)
        for _ in range(N_TRIES):
            with suppress(FileNotFoundError), duckdb.connect() as connection:
                for statement in _SETTINGS:
                    connection.execute(statement)
                create_events(connection, self._files.snapshot(wish.owner_id), wish.owner_id)
                if (done := self._write(connection, wish, tell)) is not None:
                    return done
        raise StorageUnavailable("the log changes too fast to be exported; try again")

    def _write(
        self, connection: duckdb.DuckDBPyConnection, wish: ExportWish, tell: Progress
    ) -> ExportReport | None:
        """What was exported; None where a file of the log vanished before a row was out."""
        try:
            with _draft_of(wish) as draft:
                connection.execute("SET temp_directory = $1", [draft.spill])
                source = self._source(connection, wish)
                with _told(connection, tell):
                    connection.execute(_copy_sql(connection, source, wish, draft))
                (n_rows,) = connection.fetchone() or (0,)
        except duckdb.IOException as error:
            if draft.n_bytes or not _is_vanished(error):
                said = str(error).split("\n", 1)[0]
                raise StorageUnavailable(f"the export cannot be written: {said}") from None
            return None
        return ExportReport(n_rows=n_rows, size_bytes=draft.n_bytes, schema_version=SCHEMA_VERSION)

    def _source(self, connection: duckdb.DuckDBPyConnection, wish: ExportWish) -> str:
        """The query whose rows are exported, over redacted events."""
        redaction = self._redaction | Redaction.read(wish.rules)
        key = read_key(self._key_path) if wish.has_pseudonyms else ""
        given = {"since": wish.since, "until": wish.until, "types": list(wish.types) or None}
        for name, value in {**given, **variables_of(redaction, key)}.items():
            connection.execute(f"SET VARIABLE {name} = $1", [value])
        dated = _dated_by(wish.view)
        inside = () if dated else _within("ts")
        if wish.types:
            inside = (*inside, "list_contains(getvariable('types'), type)")
        where = f" WHERE {' AND '.join(inside)}" if inside else ""
        connection.execute("CREATE SCHEMA redacted")
        connection.execute(f"CREATE VIEW redacted.events AS {redacted_sql(wish, redaction)}{where}")
        connection.execute("SET schema = 'redacted'")
        if wish.view != EVENTS:
            create_views(connection)
        order = IN_ORDER if wish.view == EVENTS else (dated,) if dated else ()
        rows = f"SELECT * FROM {wish.view}"  # noqa: S608 - one of ours
        rows += f" WHERE {' AND '.join(_within(dated))}" if dated else ""
        return rows + (f" ORDER BY {', '.join(order)}" if order else "")


def _within(column: str) -> tuple[str, ...]:
    """The conditions of a period on a column; none of them fails for a missing end."""
    return (
        f"(getvariable('since') IS NULL OR {column} >= getvariable('since'))",
        f"(getvariable('until') IS NULL OR {column} < getvariable('until'))",
    )


def _dated_by(view: str) -> str:
    """The column that says when a row of a view was; empty where rows sum over all time."""
    (columns,) = (info.columns for info in catalogue() if info.name == view)
    return next((name for name in TIME_COLUMNS if name in columns), "")


def _draft_of(wish: ExportWish) -> AbstractContextManager[Draft]:
    return into_file(wish.to) if isinstance(wish.to, Path) else into_stream(wish.to)


def _check(wish: ExportWish) -> None:
    if wish.view != EVENTS and wish.view not in VIEWS:
        known = ", ".join((EVENTS, *VIEWS))
        raise InvalidRequest(f"there is no view {wish.view!r}; there are: {known}", field="view")
    if not isinstance(wish.to, Path) and wish.format == "parquet":
        raise InvalidRequest(
            "Parquet cannot be written to the standard output; name a file, or take jsonl",
            field="output",
        )
    if wish.since and wish.until and wish.since >= wish.until:
        raise InvalidRequest("the period ends before it begins", field="until")
    if isinstance(wish.to, Path):
        _check_file(wish.to, is_replacing=wish.is_replacing)


def _check_file(path: Path, *, is_replacing: bool) -> None:
    if not path.parent.is_dir():
        raise InvalidRequest(f"there is no folder {str(path.parent)!r}", field="output")
    if path.exists() and not (is_replacing and path.is_file()):
        raise InvalidRequest(
            f"{str(path)!r} is there already; name another, or replace it (--replace)",
            field="output",
        )


@contextmanager
def _told(connection: duckdb.DuckDBPyConnection, tell: Progress) -> Iterator[None]:
    """Tell of the progress on a thread meanwhile."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_S):
            if (percent := connection.query_progress()) >= 0:
                tell(percent)

    looking = threading.Thread(target=look, name="progress of an export", daemon=True)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join()


def _copy_sql(
    connection: duckdb.DuckDBPyConnection, source: str, wish: ExportWish, draft: Draft
) -> str:
    """The statement that writes the file."""
    named = draft.path.replace("'", "''")
    if wish.format == "parquet":
        told = ", ".join(f"{name}: '{value}'" for name, value in _told_of(wish).items())
        return (
            f"COPY ({source}) TO '{named}' (FORMAT parquet, COMPRESSION zstd,"
            f" USE_TMP_FILE false, KV_METADATA {{{told}}})"
        )
    columns = connection.execute(f"DESCRIBE {wish.view}").fetchall()
    shown = [_shown(name, type, wish) for name, type, *_ in columns]
    source = f"SELECT {', '.join(shown)}, {SCHEMA_VERSION} AS schema_version FROM ({source})"  # noqa: S608
    kind = "csv, HEADER" if wish.format == "csv" else "json"
    return (
        f"COPY ({source}) TO '{named}' (FORMAT {kind}, TIMESTAMPFORMAT {_MOMENTS},"
        " USE_TMP_FILE false)"
    )


def _shown(name: str, type: str, wish: ExportWish) -> str:
    """A column as text shows it; in a spreadsheet nothing is computed from it."""
    if type != "VARCHAR" or wish.format != "csv":
        return name
    return f"if(regexp_matches({name}, '{_FORMULA}'), '''' || {name}, {name}) AS {name}"


def _told_of(wish: ExportWish) -> dict[str, str]:
    """What a Parquet file says of itself."""
    return {
        "product": "notebook-agents",
        "schema_version": str(SCHEMA_VERSION),
        "view": wish.view,
        "content": "included" if wish.has_content else "left out",
        "users": "pseudonyms" if wish.has_pseudonyms else "ids",
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _is_vanished(error: duckdb.IOException) -> bool:
    """Whether a compaction has put elsewhere what was to be read."""
    return "No such file" in str(error) or "No files found" in str(error)
