"""How far a log was told, and the histograms up to there: both change at once or not at all.

Whoever has the file open has it alone, so that of several servers with one log just one tells.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from notebook_agents.telemetry.measures import BOUNDS, Histograms, Series

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS places (stream TEXT PRIMARY KEY, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS series (
    name TEXT, dimensions TEXT, counts TEXT, total REAL, least REAL, most REAL,
    PRIMARY KEY (name, dimensions)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was told before."""

    since: datetime
    """Events before this are not told, and histograms begin here."""
    positions: dict[str, int]
    histograms: Histograms


class Taken(Exception):
    """Another process has the file."""


class Places:
    """The file of one log; its methods may be called on any thread."""

    def __init__(self, path: Path) -> None:
        """Have the file; Taken when another process has it."""
        # A thread that was left behind may still write when another one closes.
        self._lock = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute("COMMIT")  # the lock stays until the file is closed
            self._database.executescript(SCHEMA)
        except sqlite3.OperationalError as error:
            self._database.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:  # such as a full disk
                raise
            raise Taken from error

    def open(self, log_id: str, now: datetime) -> Kept:
        """What was told of this log; of another one than before, everything begins anew."""
        with self._lock:
            facts = dict(self._database.execute("SELECT name, value FROM facts"))
            if facts.get("log") != log_id:
                facts = {"log": log_id, "since": now.isoformat()}
                self._begin(facts)
            return Kept(
                since=datetime.fromisoformat(facts["since"]),
                positions=dict(self._database.execute("SELECT stream, position FROM places")),
                histograms=self._histograms(),
            )

    def keep(self, positions: Mapping[str, int], histograms: Histograms) -> None:
        """Move on: these places, and what of the histograms has changed."""
        rows = [_row(key, histograms.series[key]) for key in histograms.changed]
        with self._lock:
            self._change(
                ("INSERT OR REPLACE INTO places VALUES (?, ?)", list(positions.items())),
                ("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)", rows),
            )
        histograms.changed.clear()

    def close(self) -> None:
        """Let another process have the file."""
        with self._lock:
            self._database.close()

    def _change(self, *changes: tuple[str, Sequence[tuple[object, ...]]]) -> None:
        self._database.execute("BEGIN")
        try:
            for statement, rows in changes:
                self._database.executemany(statement, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    def _begin(self, facts: Mapping[str, str]) -> None:
        tables = ("facts", "places", "series")
        self._change(
            *((f"DELETE FROM {table} WHERE 1 = ?", [(1,)]) for table in tables),  # noqa: S608
            ("INSERT INTO facts VALUES (?, ?)", list(facts.items())),
        )

    def _histograms(self) -> Histograms:
        found = Histograms()
        for name, dimensions, counts, total, least, most in self._database.execute(
            "SELECT name, dimensions, counts, total, least, most FROM series"
        ):
            numbers = json.loads(counts)
            if len(numbers) == len(BOUNDS.get(name, ())) + 1:  # else of another version
                key = (name, tuple((each, value) for each, value in json.loads(dimensions)))
                found.series[key] = Series(counts=numbers, total=total, least=least, most=most)
        return found


def _row(key: tuple[str, tuple[tuple[str, str], ...]], series: Series) -> tuple[object, ...]:
    name, dimensions = key
    counts = json.dumps(series.counts)
    return (name, json.dumps(dimensions), counts, series.total, series.least, series.most)
