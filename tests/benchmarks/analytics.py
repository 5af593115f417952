"""SQL over the event log: every dashboard query from Parquet, some beside SQLite and pandas.

    python tests/benchmarks/analytics.py                 # 10 million events
    python tests/benchmarks/analytics.py --events 1000000 --folder /tmp/events

The log is made up first (see ``generated_log.py``) and used again if it is there. Of each chart of
the dashboard, and of each view with all its columns, the time is told for everybody's events over
all time, for the last seven days, and for one owner: the best of three, of a process that has asked
before. The time of processors, for everybody's, changes little with other work on the machine.

Five of the charts' questions go to SQLite and to pandas (``analytics_elsewhere.py``); each way is
asked the same number of times, in one run. Memory is that of the asking process; where a question
needs more than it may take, its time is "nan".
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from math import nan
from pathlib import Path
from typing import Any

import duckdb

from notebook_agents.analytics.catalogue import VIEWS, catalogue
from notebook_agents.analytics.databases import FIRST_SHARE, MEMORY_MB, open_database
from notebook_agents.analytics.spilling import SpillFolders
from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.dashboards.board import CHARTS, OTHERS
from notebook_agents.dashboards.charts import statement
from notebook_agents.dashboards.filters import Filters

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.analytics_elsewhere import in_sqlite
from tests.benchmarks.analytics_questions import QUESTIONS
from tests.benchmarks.generated_log import copied, generate

LIMIT_S, LIMIT_MB, OVER_SQLITE, OVER_PANDAS = 1.0, 500, 10, 3
TIMES = ("started", "bucket", "day", "last_active", "last_seen", "decided_at", "ts", "ended")
"""By one of these a dashboard asks for the last days."""
TRIES = 3
OWNER = "user-7"
NOW, WEEK = "2026-11-22T00:00:00+00:00", "2026-11-15"


def say(line: str) -> None:
    """Show it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def best(work: Callable[[], Any], times: int = TRIES) -> float:
    """The shortest time in seconds."""
    return min(_time(work) for _ in range(times))


def _time(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _of_owner(whole: LogSnapshot) -> LogSnapshot:
    """The files of one owner."""
    return replace(
        whole, cold=tuple(path for path in whole.cold if f"{OWNER}." in path or f"{OWNER}-" in path)
    )


def aggregated(view: str, columns: tuple[str, ...], since: str = "") -> str:
    """What a dashboard asks of a view: a figure of each of its columns, over some of its rows."""
    if view == "v_run_timeline":  # of one run
        return f"SELECT * FROM {view} WHERE run_id = $run"
    moment = next((name for name in TIMES if name in columns), "")
    where = f" WHERE {moment} >= '{since}'" if since and moment else ""
    figures = ", ".join(f"count({name}), max({name})" for name in columns if name != "payload")
    return f"SELECT count(*), {figures} FROM {view}{where}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is asked, and with how much."""

    whole: LogSnapshot
    folder: Path
    memory_mb: float

    def of_owner(self) -> Setup:
        """The same of one owner's files."""
        return replace(self, whole=_of_owner(self.whole))


class Asked:
    """An owner's events, or everybody's, as the product asks: memory first, then the disk too."""

    def __init__(self, setup: Setup, owner_id: str | None = None) -> None:
        self._setup, self._whole = setup, (setup.whole, owner_id)
        self._spill = SpillFolders(setup.folder / "spill")
        self._memory = open_database(*self._whole, memory_mb=FIRST_SHARE * setup.memory_mb)
        self._disk: duckdb.DuckDBPyConnection | None = None
        self.n_spilled = 0

    def rows(self, sql: str, bound: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        try:
            rows: list[tuple[Any, ...]] = self._memory.execute(sql, bound).fetchall()
        except duckdb.OutOfMemoryException:
            self.n_spilled += 1
            self._disk = self._disk or open_database(
                *self._whole, spill=self._spill.new(), memory_mb=self._setup.memory_mb
            )
            rows = self._disk.execute(sql, bound).fetchall()
        return rows

    def close(self) -> None:
        self._memory.close()
        if self._disk is not None:
            self._disk.close()
        self._spill.remove()


def show_views(setup: Setup) -> bool:
    """Times of every view; whether all are below the limit."""
    everybody = Asked(setup)
    owner = Asked(setup.of_owner(), OWNER)
    columns = {info.name: info.columns for info in catalogue()}
    slow = []
    say(f"\n{'view':20}{'everybody':>11}{'7 days':>9}{'one owner':>11}{'processor':>11}   s")
    for view in VIEWS:
        run = owner.rows("SELECT min(run_id) FROM events")[0][0]
        named = {"run": run} if view == "v_run_timeline" else None

        def ask(database: Asked, since: str = "") -> float:
            sql = aggregated(view, columns[view], since)  # noqa: B023 - asked at once
            return best(lambda: database.rows(sql, named))  # noqa: B023

        begun = time.process_time()
        whole_s = ask(everybody)
        busy = (time.process_time() - begun) / TRIES
        times = whole_s, ask(everybody, WEEK), ask(owner)
        slow += [view] if max(times) > LIMIT_S else []
        say(f"{view:20}{times[0]:11.3f}{times[1]:9.3f}{times[2]:11.3f}{busy:11.3f}")
    say(f"above {LIMIT_S:g} s: {', '.join(slow) or 'none'}; used the disk: {everybody.n_spilled}")
    everybody.close()
    owner.close()
    return not slow


def show_board(setup: Setup, tries: int) -> None:
    """Times of what the dashboard asks."""
    everybody = Asked(setup)
    owner = Asked(setup.of_owner(), OWNER)
    now = datetime.fromisoformat(NOW)
    slow = []
    say(f"\n{'chart':20}{'everybody':>11}{'7 days':>9}{'one owner':>11}{'processor':>11}   s")
    for name, sql in {**OTHERS, **{chart.name: chart.sql for chart in CHARTS}}.items():

        def ask(database: Asked, days: float | None) -> float:
            filters = Filters(days=days, now=now)
            whole_sql = statement(sql, filters)  # noqa: B023 - asked at once
            with suppress(duckdb.OutOfMemoryException):
                return best(lambda: database.rows(whole_sql, filters.bound(whole_sql)), tries)
            return nan  # more memory than a question may take

        begun = time.process_time()
        whole_s = ask(everybody, None)
        busy = (time.process_time() - begun) / tries
        times = whole_s, ask(everybody, 7), ask(owner, None)
        slow += [] if max(times) <= LIMIT_S else [name]
        say(f"{name:20}{times[0]:11.3f}{times[1]:9.3f}{times[2]:11.3f}{busy:11.3f}")
    say(f"above {LIMIT_S:g} s or refused: {', '.join(slow) or 'none'}")
    say(f"used the disk: {everybody.n_spilled} times")
    everybody.close()
    owner.close()


def show_ratios(setup: Setup) -> None:
    """The same charts out of SQLite, twice, and with pandas."""
    everybody = Asked(setup)
    database, rows = in_sqlite(setup.whole, setup.folder)
    say(f"\n{'chart':12}{'Parquet':>9}{'log':>9}{'table':>9}{'pandas':>9}   ratios")
    for question in QUESTIONS:
        sql, bound = question.ours
        found: dict[str, int] = {}

        def ask(way: str, work: Callable[[], Any]) -> float:
            return best(lambda: found.update({way: len(work())}), 2)  # noqa: B023 - at once

        ours = ask("Parquet", lambda: everybody.rows(sql, bound))  # noqa: B023
        log, table = (
            ask(name, lambda: database.execute(question.in_sqlite(name)).fetchall())  # noqa: B023
            for name in ("log", "events")
        )
        frames = ask("pandas", lambda: question.pandas(rows))  # noqa: B023
        times = f"{ours:9.3f}{log:9.2f}{table:9.2f}{frames:9.2f}"
        say(
            f"{question.chart:12}{times}   {log / ours:.0f} x log in SQLite,"
            f" {table / ours:.0f} x table, {frames / ours:.0f} x pandas",
        )
        if len({found[way] for way in ("Parquet", "log", "events")}) > 1:
            say(f"  the ways do not agree: {found}")


def main() -> None:
    """Make the log, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/notebook-agents-events"))
    parser.add_argument("--copies", type=int, default=1, help="make the log so many times as large")
    parser.add_argument("--memory-mb", type=float, default=MEMORY_MB, help="what a question has")
    parser.add_argument("--views-only", action="store_true", help="leave SQLite and pandas out")
    parser.add_argument("--tries", type=int, default=TRIES, help="of each chart; the best counts")
    parser.add_argument("--charts-only", action="store_true", help="leave the views out too")
    asked = parser.parse_args()
    began = time.perf_counter()
    whole = generate(asked.folder, asked.events)
    if asked.copies > 1:
        whole = copied(whole, asked.copies)
    size = sum(Path(file).stat().st_size for file in whole.cold)
    say(
        f"{asked.events * asked.copies:,} events in {len(whole.cold)} files, {size / 1e6:.0f} MB,"
        f" made or found in {time.perf_counter() - began:.0f} s"
    )
    setup = Setup(whole, asked.folder, asked.memory_mb)
    show_board(setup, asked.tries)
    if not asked.charts_only:
        show_views(setup)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(f"peak memory of the process: {peak:.0f} MB (limit {LIMIT_MB})")
    if not (asked.views_only or asked.charts_only):
        folder = asked.folder / f"rows-{asked.events}"
        folder.mkdir(exist_ok=True)
        show_ratios(replace(setup, folder=folder))


if __name__ == "__main__":
    main()
