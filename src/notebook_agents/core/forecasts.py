"""What a call is likely to take, told from what the same owner's calls took before.

Nothing is guessed: without an earlier call of the kind there is no forecast. The owner's history is
read with one query and kept in memory for a while. What the arguments of a call were is compared by
digests that never leave the memory of this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Analytics
    from notebook_agents.core.ports import Clock
    from notebook_agents.core.redaction import Redactor
    from notebook_agents.core.run_events import ApprovalRequested
    from notebook_agents.core.runs import Run
    from notebook_agents.core.spawn import Supervisor
    from notebook_agents.core.tools import ToolSpec

Basis: TypeAlias = Literal["call", "cell", "tool", "task"]
WAIT_S = 0.3
"""No question waits longer for a newer history than the one that is known."""
FIRST_WAIT_S = 1.5
"""Nor for an owner's first, which takes long in a new kernel; a dry run waits for it anyway."""
TASK_WAIT_S = 2.0
"""Nor does the beginning of a task; it takes longer anyway."""
FRESH_S = 5.0
"""A history this old is read again when it is needed; until that is done, it serves as it is.

For a question, also one that a call of its owner has ended since.
"""
MAX_OWNERS = 64
"""Histories kept in memory."""
MAX_CALLS = 5000
"""So many of the newest calls and cells of an owner are looked at."""
BASIS_WORDS: Mapping[Basis, str] = {
    "call": "",
    "cell": " (as cells)",
    "tool": " (other calls of this tool)",
    "task": "",
}
_FIGURES = """
    count(*) AS n,
    coalesce(quantile_cont(duration_ms, 0.5) FILTER (status = 'succeeded'),
             quantile_cont(duration_ms, 0.5)) AS p50,
    coalesce(quantile_cont(duration_ms, 0.95) FILTER (status = 'succeeded'),
             quantile_cont(duration_ms, 0.95)) AS p95,
    max(memory_bytes) AS memory_max,
    quantile_cont(memory_bytes, 0.95)::BIGINT AS memory_p95,
    count(*) FILTER (status <> 'succeeded') AS n_failed
"""
_HISTORY = f"""
WITH ended AS (
    SELECT run_id, call_id, tool_name, status, duration_ms, memory_bytes FROM events
    WHERE type = 'tool_finished' AND status IN ('succeeded', 'failed', 'timed_out')
    ORDER BY ts DESC LIMIT $n
), begun AS (
    SELECT run_id, call_id, sha256((payload -> 'arguments')::VARCHAR) AS digest FROM events
    WHERE type = 'tool_started' AND nullif(payload ->> 'allowed_by', '') IS NOT NULL
    ORDER BY ts DESC LIMIT $n
), cells AS (
    SELECT payload ->> 'source_digest' AS digest, status, duration_ms, memory_bytes FROM events
    WHERE type = 'cell_executed' AND payload ->> 'source_digest' <> ''
    ORDER BY ts DESC LIMIT $n
)
SELECT 'tool' AS basis, tool_name AS name, digest, {_FIGURES}
FROM ended JOIN begun USING (run_id, call_id)
GROUP BY GROUPING SETS ((tool_name, digest), (tool_name))
UNION ALL
SELECT 'cell', '', digest, {_FIGURES} FROM cells GROUP BY digest
"""  # noqa: S608
_EXECUTIONS = f"""
WITH ended AS (
    SELECT execution_id, ts, status, duration_ms, NULL::BIGINT AS memory_bytes FROM events
    WHERE type = 'execution_finished' AND task_id = $task
      AND status IN ('succeeded', 'failed', 'timed_out')
    ORDER BY ts DESC LIMIT 100
), cells AS (
    SELECT count(*) AS n_cells FROM events
    WHERE type = 'cell_finished' AND status <> 'kept'
      AND execution_id = (SELECT arg_max(execution_id, ts) FROM ended)
)
SELECT {_FIGURES}, any_value((SELECT n_cells FROM cells)) FROM ended
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What something took before."""

    n_seen: int
    """How often; at least 1."""
    basis: Basis = "call"
    """``call``: the same tool with the same arguments, ``cell``: a cell with the same text,
    ``tool``: the same tool with other arguments, ``task``: the same task."""
    duration_ms: float = 0.0
    """In the middle."""
    duration_p95_ms: float = 0.0
    memory_bytes: int | None = None
    """The most; None where nobody measured."""
    memory_p95_bytes: int | None = None
    n_cells: int = 0
    """That would run; 0 where it is about none."""
    n_failed: int = 0
    """Of those seen."""


class Forecasts:
    """Tells what calls and tasks are likely to take; knows nothing of anybody else's."""

    def __init__(
        self, analytics: Analytics, clock: Clock, supervisor: Supervisor, redactor: Redactor
    ) -> None:
        self._analytics = analytics
        self._clock = clock
        self._supervisor = supervisor
        self._redactor = redactor
        self._known: OrderedDict[str, _History] = OrderedDict()
        self._outdated: set[str] = set()
        self._loading: dict[str, asyncio.Task[None]] = {}

    def read_ahead(self, owner_id: str) -> None:
        """Begin to read a history that is not known, before there is a run; waits for nothing."""
        if owner_id not in self._known:
            self._reading(owner_id)

    def prepare(self, run: Run, specs: Sequence[ToolSpec]) -> None:
        """Begin to read the owner's history where the run may ask a person; waits for nothing."""
        decide = run.policy.decide
        if run.policy.is_attended and any(decide(spec.effect) == "ask" for spec in specs):
            self._reading(run.owner_id)

    def outdate(self, owner_id: str) -> None:
        """Have the next question read anew: a call of the owner has ended."""
        if owner_id in self._known or owner_id in self._loading:
            self._outdated.add(owner_id)

    async def told(
        self, questions: Sequence[ApprovalRequested], owner_id: str
    ) -> list[ApprovalRequested]:
        """The questions with what the calls took before, where that is known in time."""
        if not questions:
            return []
        history = await self._history(owner_id)
        if history is None:
            return list(questions)
        return [
            replace(asked, forecast=history.of_call(asked.name, self._recorded(asked.arguments)))
            for asked in questions
        ]

    async def of_task(self, owner_id: str, task_id: str) -> Forecast | None:
        """What executing a task takes."""
        table = await self._analytics.query(
            _EXECUTIONS, owner_id=owner_id, parameters={"task": task_id}
        )
        *figures, n_cells = table.rows[0] if table.rows else (0, 0)
        if not figures[0]:
            return None
        return replace(_forecast("task", figures), n_cells=n_cells or 0)

    async def words_of_task(self, owner_id: str, task_id: str) -> str:
        """The same in words; empty where nothing is known, or not in `TASK_WAIT_S`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TASK_WAIT_S):
                found = await self.of_task(owner_id, task_id)
                return words_of(found) if found else ""
        return ""

    def _recorded(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments as the log has them."""
        return self._redactor.value(dict(arguments))

    async def _history(self, owner_id: str) -> _History | None:
        is_known = owner_id in self._known
        if (reading := self._reading(owner_id, anew=owner_id in self._outdated)) is not None:
            await asyncio.wait((reading,), timeout=WAIT_S if is_known else FIRST_WAIT_S)
        return self._known.get(owner_id)

    def _reading(self, owner_id: str, *, anew: bool = False) -> asyncio.Task[None] | None:
        """The task that reads a history; None where it is known already."""
        known = self._known.get(owner_id)
        if known is not None and not anew and self._clock.monotonic() - known.read_at < FRESH_S:
            return None
        reading = self._loading.get(owner_id)
        if reading is None:
            reading = self._supervisor.spawn(self._load(owner_id), name="history for forecasts")
            self._loading[owner_id] = reading
            reading.add_done_callback(lambda _: self._loading.pop(owner_id, None))
        return reading

    async def _load(self, owner_id: str) -> None:
        self._outdated.discard(owner_id)  # now, as calls that end meanwhile may not be read
        table = await self._analytics.query(
            _HISTORY, owner_id=owner_id, parameters={"n": MAX_CALLS}
        )
        self._known[owner_id] = _History(table.rows, self._clock.monotonic())
        self._known.move_to_end(owner_id)
        while len(self._known) > MAX_OWNERS:
            self._outdated.discard(self._known.popitem(last=False)[0])


class _History:
    """What the calls and cells of one owner took, by tool and digest."""

    def __init__(self, rows: Sequence[Sequence[Any]], read_at: float) -> None:
        self.read_at = read_at
        self._rows = {tuple(row[:3]): row[3:] for row in rows}

    def of_call(self, name: str, arguments: Mapping[str, Any]) -> Forecast | None:
        """Of a call: of the very same one, of a cell with its code, or of its tool."""
        if same := self._rows.get(("tool", name, _digest(_as_written(arguments)))):
            return _forecast("call", same)
        code = arguments.get("code")
        if isinstance(code, str) and (cell := self.of_cell(code)):
            return cell
        other = self._rows.get(("tool", name, None))
        return _forecast("tool", other) if other else None

    def of_cell(self, text: str) -> Forecast | None:
        """Of a cell with this text."""
        row = self._rows.get(("cell", "", _digest(text.strip())))
        return replace(_forecast("cell", row), n_cells=1) if row else None


def words_of(forecast: Forecast) -> str:
    """``about 14 min, 9 GB; seen 4 times``: what to expect, and from what that is told."""
    parts = [_time_words(forecast)]
    if forecast.memory_bytes:
        parts.append(size_words(forecast.memory_bytes))
    times = "once" if forecast.n_seen == 1 else f"{forecast.n_seen} times"
    seen = f"seen {times}"
    if forecast.n_failed:
        seen += f", failed {forecast.n_failed} of them" if forecast.n_seen > 1 else ", failed"
    cells = "cell" if forecast.n_cells == 1 else "cells"
    n_cells = f"runs {forecast.n_cells} {cells}, " if forecast.n_cells > 1 else ""
    return f"{n_cells}{', '.join(parts)}{BASIS_WORDS[forecast.basis]}; {seen}"


def time_words(ms: float) -> str:
    """A duration as people say it: ``8 s``, ``14 min``, ``2.5 h``."""
    seconds = ms / 1000
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f}".removesuffix(".0") + " h"


def size_words(n_bytes: int) -> str:
    """A size as people say it: ``9 GB``, ``0.3 GB``, ``40 MB``."""
    if n_bytes < 100_000_000:
        return f"{max(1, round(n_bytes / 1e6))} MB"
    return f"{n_bytes / 1e9:.1f}".removesuffix(".0") + " GB"


def _time_words(forecast: Forecast) -> str:
    middle, most = time_words(forecast.duration_ms), time_words(forecast.duration_p95_ms)
    about = middle if middle.startswith("under") else f"about {middle}"
    is_wide = forecast.duration_p95_ms > 2 * forecast.duration_ms and most != middle
    return f"{about}, at times {most}" if is_wide else about


def _forecast(basis: Basis, figures: Sequence[Any]) -> Forecast:
    n_seen, p50, p95, memory_max, memory_p95, n_failed = figures
    return Forecast(
        n_seen=n_seen,
        basis=basis,
        duration_ms=p50 or 0.0,
        duration_p95_ms=p95 or 0.0,
        memory_bytes=memory_max,
        memory_p95_bytes=memory_p95,
        n_failed=n_failed,
    )


def _as_written(arguments: Mapping[str, Any]) -> str:
    """Arguments as a line of the log has them."""
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"), default=str)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
