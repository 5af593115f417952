"""Charts of the dashboard in three ways: as they are, the same in SQLite, and with pandas.

In SQLite ``runs`` is what `v_runs` is, as far as these charts need it: a run is what its events
say. SQLite has no quantiles: there the rows are numbered in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.benchmarks.analytics_elsewhere import told_of

from notebook_agents.dashboards.board import CHARTS
from notebook_agents.dashboards.charts import statement
from notebook_agents.dashboards.filters import Filters

if TYPE_CHECKING:
    import pandas as pd

DAY_US = 86_400_000_000
"""Microseconds."""
WHOLE = Filters(days=None, now=datetime.fromisoformat("2027-01-01T00:00:00+00:00"))
RUN_TYPES = (
    "run_queued", "run_started", "model_started", "model_finished", "tool_finished", "run_finished",
)  # fmt: skip
_RUNS = f"""
runs AS MATERIALIZED (
    SELECT run_id, max(dialect) AS dialect, min(ts) AS started,
        max(CASE WHEN type = 'run_queued' THEN model END) AS model,
        coalesce(max(CASE WHEN type = 'run_finished' THEN status END), 'running') AS status,
        max(CASE WHEN type = 'run_finished' THEN ts END) AS ended,
        max(CASE WHEN type = 'run_finished' THEN duration_ms END) AS duration_ms,
        max(CASE WHEN type = 'run_finished' THEN error_type END) AS error_type,
        sum(CASE WHEN type = 'model_finished' THEN input_tokens END) AS input_tokens,
        sum(CASE WHEN type = 'model_finished' THEN output_tokens END) AS output_tokens
    FROM {{events}} WHERE run_id <> '' AND type IN {RUN_TYPES} GROUP BY run_id)"""
_CALLS = """
calls AS MATERIALIZED (
    SELECT run_id, tool_name, status, error_type, duration_ms FROM {events}
    WHERE type = 'tool_finished' AND run_id IN (SELECT run_id FROM runs))"""
_RANKED = """
    SELECT {place} AS place, {more} duration_ms AS ms, count(*) OVER (PARTITION BY {place}) AS n,
        row_number() OVER (PARTITION BY {place} ORDER BY duration_ms) AS at
    FROM {source}"""


def _quantile(percent: int) -> str:
    return f"max(CASE WHEN at = (n * {percent} + 99) / 100 THEN ms END)"


@dataclass(frozen=True, slots=True)
class Question:
    """One chart."""

    chart: str
    """Its name on the board."""
    sqlite: str
    pandas: Callable[[Path], Any]
    """From the CSV, its load included."""

    @property
    def ours(self) -> tuple[str, dict[str, Any]]:
        """The chart's own query over everything, and what its names stand for."""
        [chart] = [chart for chart in CHARTS if chart.name == self.chart]
        sql = statement(chart.sql, WHOLE)
        return sql, WHOLE.bound(sql)

    def in_sqlite(self, table: str) -> str:
        """The question to one of the two tables."""
        return f"WITH {self.sqlite}".format(events=told_of(table))


def _read(path: Path, *columns: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(path, usecols=["type", "run_id", *columns])


def _runs(frame: pd.DataFrame) -> pd.DataFrame:
    begun = frame[frame.type == "run_queued"].set_index("run_id")
    ended = frame[frame.type == "run_finished"].set_index("run_id")
    return begun.join(ended, rsuffix="_at_end")


def _sources(path: Path) -> Any:
    runs = _runs(_read(path, "dialect", "status"))
    return runs.fillna({"status_at_end": "running"}).groupby(["dialect", "status_at_end"]).size()


def _tokens(path: Path) -> Any:
    frame = _read(path, "ts", "model", "input_tokens", "output_tokens")
    begun = frame[frame.type == "run_queued"].set_index("run_id")[["ts", "model"]]
    answers = frame[frame.type == "model_finished"].groupby("run_id")
    runs = begun.join(answers[["input_tokens", "output_tokens"]].sum())
    runs["day"] = runs.ts // DAY_US
    return runs.groupby(["day", "model"])[["input_tokens", "output_tokens"]].sum()


def _latency(path: Path) -> Any:
    runs = _runs(_read(path, "ts", "duration_ms"))
    days = runs.groupby(runs.ts // DAY_US).duration_ms_at_end
    return days.quantile(np.array([0.5, 0.9, 0.95, 0.99]))


def _tools(path: Path) -> Any:
    frame = _read(path, "tool_name", "status", "duration_ms")
    calls = frame[frame.type == "tool_finished"]
    times = calls.groupby("tool_name").duration_ms.quantile(np.array([0.5, 0.95]))
    return calls.groupby(["tool_name", "status"]).size(), times


def _errors(path: Path) -> Any:
    frame = _read(path, "error_type")
    failed = frame[frame.type.isin(["run_finished", "tool_finished"]) & frame.error_type.notna()]
    return failed.groupby(["type", "error_type"]).size()


QUESTIONS = (
    Question(
        "sources", f"{_RUNS} SELECT dialect, status, count(*) FROM runs GROUP BY 1, 2", _sources
    ),
    Question(
        "tokens",
        f"""{_RUNS} SELECT started / {DAY_US}, model, sum(input_tokens), sum(output_tokens)
            FROM runs GROUP BY 1, 2""",
        _tokens,
    ),
    Question(
        "latency",
        f"""{_RUNS} SELECT place, {", ".join(map(_quantile, (50, 90, 95, 99)))}
            FROM ({
            _RANKED.format(
                place=f"started / {DAY_US}", more="", source="runs WHERE ended IS NOT NULL"
            )
        }) GROUP BY place""",
        _latency,
    ),
    Question(
        "tools",
        f"""{_RUNS}, {_CALLS} SELECT place, sum(status = 'succeeded'), sum(status = 'denied'),
            sum(status NOT IN ('succeeded', 'denied')), {_quantile(50)}, {_quantile(95)}
            FROM ({_RANKED.format(place="tool_name", more="status,", source="calls")})
            GROUP BY place""",
        _tools,
    ),
    Question(
        "errors",
        f"""{_RUNS}, {_CALLS} SELECT error_type, 'run', count(*), max(run_id) FROM runs
            WHERE error_type IS NOT NULL GROUP BY 1
            UNION ALL SELECT error_type, 'tool', count(*), max(run_id) FROM calls
            WHERE error_type IS NOT NULL GROUP BY 1""",
        _errors,
    ),
)
