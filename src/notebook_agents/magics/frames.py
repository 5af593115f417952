"""What was recorded, as data frames: ``notebook_agents.frames``.

One function for each view, named as the view is without its ``v_``, and SQL for everything else. It
works in a notebook, where it shares the core of ``%agent``, and in plain Python, where it opens the
records of this machine's owner (``NOTEBOOK_AGENTS_HOME`` says where they lie). Waits until the
answer is there, also where an event loop runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.scores import Score
from notebook_agents.core.sql_text import parameters_in
from notebook_agents.core.users import Actor
from notebook_agents.magics.errors import AgentError, agent_error, close_to
from notebook_agents.magics.host import CoreHost
from notebook_agents.magics.sql_asking import answered, views_of
from notebook_agents.magics.sql_errors import Asked
from notebook_agents.magics.sql_frames import frame_of, view_frame
from notebook_agents.magics.sql_values import plain_value
from notebook_agents.magics.waiting import Waits, block_on, until

if TYPE_CHECKING:
    import pandas as pd

    from notebook_agents.core.analytics import Table, ViewInfo
    from notebook_agents.core.core import Core

TIMES = (
    "ts", "started", "bucket", "day", "scheduled_for", "decided_at", "opened_at", "begins",
    "last_used", "last_seen", "last_active", "last_attempt", "last_scored",
)  # fmt: skip
"""The column that says when a row was, the first of these that a view has."""

Moment = datetime | date | timedelta | str


@dataclass(frozen=True, slots=True)
class View:
    """Reads one view; call it."""

    name: str
    """In SQL."""

    def __call__(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        limit: int | None = None,
        **equal: Any,
    ) -> pd.DataFrame:
        """The rows of the view, the newest first.

        ``since`` and ``until``: a time, a day, ISO text (UTC where it names no zone), or a
        ``timedelta`` back from now. Any column as a keyword is what it must equal: one value, a
        list of those that will do, or None for missing.
        """
        wanted = _Wanted(since=since, until=until, limit=limit, equal=equal)
        return sql(*_statement(self._info(), wanted))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return self._info().columns

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """What ``help`` and ``?`` show, out of the view's own description."""
        info = self._info()
        columns = "\n".join(f"  {n}: {t}" for n, t in zip(info.columns, info.types, strict=True))
        usage = cleandoc(type(self).__call__.__doc__ or "")
        return f"{info.description}\n\n{usage}\n\nColumns:\n{columns}\n"

    def _info(self) -> ViewInfo:
        found = next((view for view in _catalogue() if view.name == self.name), None)
        if found is None:
            raise AgentError(f"the log that is read here has no view {self.name!r}")
        return found


events = View("events")
runs = View("v_runs")
tools = View("v_tools")
run_timeline = View("v_run_timeline")
run_phases = View("v_run_phases")
approvals = View("v_approvals")
model_calls = View("v_model_calls")
cost = View("v_cost")
models = View("v_models")
ttft_ts = View("v_ttft_ts")
tokens_context = View("v_tokens_context")
agents_daily = View("v_agents_daily")
latency_ts = View("v_latency_ts")
throughput_ts = View("v_throughput_ts")
errors = View("v_errors")
failed_runs = View("v_failed_runs")
tool_sequences = View("v_tool_sequences")
conversations = View("v_conversations")
users = View("v_users")
schedules = View("v_schedules")
security = View("v_security")
api = View("v_api")
streams = View("v_streams")
webhooks = View("v_webhooks")
gpu_ts = View("v_gpu_ts")
budget = View("v_budget")
evals = View("v_evals")
ab = View("v_ab")
cells = View("v_cells")


def sql(query: str, values: Mapping[str, Any] | None = None, /, **parameters: Any) -> pd.DataFrame:
    """One SELECT over ``events`` and the views; ``$name`` in it is the parameter of that name.

    ``frames.sql("SELECT * FROM v_runs WHERE model = $model", model="gpt-5")``. Raises AgentError,
    which points at what is wrong.
    """
    given = {**(values or {}), **parameters}
    if missing := [name for name in parameters_in(query) if name not in given]:
        raise AgentError(f"${missing[0]} in the query has no value; add it: {missing[0]}=…")
    if unknown := given.keys() - set(parameters_in(query)):
        raise AgentError(f"the query has no ${min(unknown)}, but a value for it was given")
    return frame_of(block_on(_asked(query, {n: _plain(n, v) for n, v in given.items()})))


def views() -> pd.DataFrame:
    """What can be read: a row for each view, with its function here, what it shows, its columns."""
    return view_frame(_catalogue())


class About(TypedDict, total=False):
    """What else can be said of a score."""

    is_passed: bool | None
    """Whether it is good enough."""
    label: str
    dataset: str
    """The set of questions it is part of; versions of an agent are compared within one."""
    dataset_version: str
    item: str
    """Which question of the set."""


def score(run: Any, scorer: str, value: float, **about: Unpack[About]) -> None:
    """Keep a judgement of an answer, the higher the better; ``frames.evals()`` compares them.

    ``run`` is an answer, a run, or a run's id; ``scorer`` says what was judged, such as
    ``exact_match``. About it: ``is_passed``, ``label``, ``dataset``, ``dataset_version``, ``item``.
    """
    if unknown := about.keys() - About.__annotations__.keys():
        raise AgentError(f"a score has no {min(unknown)}, only {', '.join(About.__annotations__)}")
    run_id = run if isinstance(run, str) else _id_of(run)
    block_on(_scored(Score(run_id=run_id, scorer=scorer, value=_number(value), **about)))


def _id_of(run: Any) -> str:
    run_id = getattr(run, "run_id", None) or getattr(run, "id", None)
    if not isinstance(run_id, str):
        raise AgentError(f"run must be an answer, a run, or a run's id, not {_shown(run)}")
    return run_id


def _number(value: Any) -> float:
    plain = None
    with suppress(TypeError):
        plain = plain_value(value)
    if not isinstance(plain, (int, float, Decimal)) or not math.isfinite(plain):
        raise AgentError(f"value must be a finite number, not {_shown(value)}; leave the score out")
    return float(plain)


def _shown(value: Any) -> str:
    """A number as it is; of anything else its kind, because it may be long or secret."""
    return repr(value) if value is None or isinstance(value, float) else f"a {type(value).__name__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which rows of a view."""

    since: Moment | None
    until: Moment | None
    limit: int | None
    equal: dict[str, Any]


def _statement(view: ViewInfo, wanted: _Wanted) -> tuple[str, dict[str, Any]]:
    """The SELECT and its values; names of columns are those of the view, values are bound."""
    conditions, values = [], dict[str, Any]()
    at = next((name for name in TIMES if name in view.columns), "")
    is_day = at and view.types[view.columns.index(at)] == "DATE"
    for name, moment, sign in (("since", wanted.since, ">="), ("until", wanted.until, "<")):
        if moment is None:
            continue
        if not at:
            raise AgentError(f"{view.name} has no column of times, so it takes no {name}")
        values[name] = _moment(name, moment)
        until_day = f'"{at}" {">=" if sign == ">=" else "<="} CAST(${name} AS DATE)'
        conditions.append(until_day if is_day else f'"{at}" {sign} ${name}')
    for column, value in wanted.equal.items():
        conditions.append(_condition(view, column, value, values))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = f' ORDER BY "{at}" DESC' if at else ""
    return f"SELECT * FROM {view.name}{where}{order}{_limit(wanted.limit)}", values  # noqa: S608


def _condition(view: ViewInfo, column: str, value: Any, values: dict[str, Any]) -> str:
    if column not in view.columns:
        near = close_to(column, list(view.columns))
        hint = f"did you mean {near}?" if near else f"its columns: {', '.join(view.columns)}"
        raise AgentError(f"{view.name} has no column {column!r}; {hint}")
    plain = _plain(column, value)
    if plain is None:
        return f'"{column}" IS NULL'
    name = f"is_{column}"
    values[name] = plain
    return (
        f'list_contains(${name}, "{column}")'
        if isinstance(plain, list)
        else (f'"{column}" = ${name}')
    )


def _limit(limit: int | None) -> str:
    if limit is None:
        return ""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise AgentError(f"limit must be a whole number from 1, not {limit!r}")
    return f" LIMIT {limit}"


def _moment(name: str, moment: Moment) -> datetime:
    if isinstance(moment, timedelta):
        return datetime.now(UTC) - moment
    try:
        told = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError as error:
        raise AgentError(
            f"{name}={moment!r} is no time; write 2026-01-31 or a timedelta"
        ) from error
    if not isinstance(told, datetime):
        told = datetime(told.year, told.month, told.day, tzinfo=UTC)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _plain(name: str, value: Any) -> Any:
    try:
        return plain_value(value)
    except TypeError as error:
        raise AgentError(f"{name}: {error}") from error


def _asked(query: str, values: Mapping[str, Any]) -> Waits[Table]:
    host, actor = yield from _place()
    return (yield from answered(host, actor.user_id, Asked(query, values)))


def _scored(judged: Score) -> Waits[None]:
    host, actor = yield from _place()
    try:
        yield from until(host.submit(lambda core: core.scores.record(actor, judged)))
    except NotebookAgentsError as error:
        raise agent_error(error) from error


def _catalogue() -> Sequence[ViewInfo]:
    return block_on(_listed())


def _listed() -> Waits[Sequence[ViewInfo]]:
    host, _ = yield from _place()
    return (yield from until(host.submit(views_of)))


def _place() -> Waits[tuple[CoreHost, Actor]]:
    """The core to ask, and in whose name: those of the notebook, else this machine's owner."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        host = _own_host()
        return host, (yield from until(host.submit(_actor_of)))
    from notebook_agents.magics.magic import installed_magics

    session = installed_magics(shell).session
    return session.host, (yield from session.identify()).actor


@cache
def _own_host() -> CoreHost:
    """That of a program without IPython, until it ends."""
    from notebook_agents.magics.environment import default_core

    return CoreHost(default_core)


async def _actor_of(core: Core) -> Actor:
    owner, _is_new = await core.users.ensure_owner("")
    return Actor(
        user_id=owner.id,
        username=owner.username,
        is_admin=owner.is_admin,
        dialect="python",
        credential="kernel",
    )
