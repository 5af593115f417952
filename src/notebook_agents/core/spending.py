"""Budgets of people: what may be spent in a day or a month, and a warning before it is.

A budget is an event, so every process finds it, and what was spent of it is what `v_budget` says.
It stops nothing: runs have limits of their own. While a run works, the log is asked in the
background, and the run is warned at its next model step, once for each share of each period.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError, NotPermitted
from notebook_agents.core.events import (
    BUDGET_STREAM,
    BudgetSet,
    EventBody,
    ModelFinished,
    ModelStarted,
    Warned,
)
from notebook_agents.core.journal import Source

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Analytics
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Clock
    from notebook_agents.core.spawn import Supervisor
    from notebook_agents.core.users import Actor

Period: TypeAlias = Literal["day", "month"]
SHARES_PERCENT = (80, 100)
"""Of a budget, at which its owner is warned."""
KNOWN_S = 30.0
"""How long what is known of an owner's budgets is taken for true; other processes set them too."""
BY_SETTING = "setting"
"""Who set a budget that is the deployment's."""
WARNING = "budget_{period}_{share}"
"""The code of a warning: ``budget_day_80``."""
SQL = """
SELECT
    period, begins, limit_usd, spent_usd, projected_usd, pct, is_over, uncosted_calls,
    (
        SELECT list(DISTINCT payload ->> 'code') FROM events
        WHERE type = 'warned' AND starts_with(payload ->> 'code', 'budget_')
            AND (ts AT TIME ZONE 'UTC') >= begins
    ) AS warned
FROM v_budget
WHERE begins = date_trunc(period, now() AT TIME ZONE 'UTC')::DATE
ORDER BY period
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBudget:
    """The wish for a budget."""

    period: Period
    limit_usd: float | None
    """None takes it back."""
    owner_id: str = ""
    """Whose; empty is the actor's own, and that of others is for administrators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget and its period that goes on, in UTC."""

    period: Period
    begins: date
    limit_usd: float
    spent_usd: float | None
    """As far as it is known; None where nothing is."""
    projected_usd: float | None
    """At the end of the period, if it goes on like this."""
    percent: float | None
    is_over: bool | None
    uncosted_calls: int
    """Calls of models whose cost nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingPorts:
    """What budgets need."""

    journal: Journal
    analytics: Analytics
    clock: Clock
    supervisor: Supervisor
    usd_per_day: float | None = None
    """Of everybody who has not said otherwise; None is no budget."""
    is_server: bool = False
    """Whether None takes back what was there: of other processes some know no settings."""


@dataclass(slots=True)
class _Known:
    """What is known of an owner's budgets."""

    budgets: tuple[Budget, ...] = ()
    warned: set[str] = field(default_factory=set)
    looked_at: float = -math.inf
    is_looking: bool = False
    n_steps: int = 0
    """Model steps of this process that cost something, ever."""


class Spending:
    """Keeps budgets, and knows when somebody is to be warned."""

    def __init__(self, ports: SpendingPorts) -> None:
        self._ports = ports
        self._known: dict[str, _Known] = {}

    async def set(self, actor: Actor, wish: SetBudget) -> tuple[Budget, ...]:
        """Set or take back a budget; returns those that hold now."""
        owner_id = _whose(actor, wish.owner_id)
        if wish.period not in get_args(Period):
            raise InvalidRequest("period is day or month", field="period")
        limit = wish.limit_usd
        if limit is not None and not (math.isfinite(limit) and limit > 0):
            raise InvalidRequest("limit_usd is more than 0; None takes it back", field="limit_usd")
        body = BudgetSet(period=wish.period, limit_usd=limit, by=actor.user_id)
        self._ports.journal.record(body, Source(user_id=owner_id, dialect=actor.dialect))
        await self.look(owner_id)
        return self._known[owner_id].budgets

    async def list(self, actor: Actor, owner_id: str = "") -> tuple[Budget, ...]:
        """The budgets of the periods that go on; of others for administrators."""
        owner_id = _whose(actor, owner_id)
        await self.look(owner_id)
        return self._known[owner_id].budgets

    async def look(self, owner_id: str) -> None:
        """Read anew what the log says of an owner's budgets."""
        known = self._known.setdefault(owner_id, _Known())
        if not await self._has_budget(owner_id):
            known.budgets = ()
        else:
            table = await self._ports.analytics.query(SQL, owner_id=owner_id)
            rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            known.budgets = tuple(_budget(row) for row in rows)
            known.warned = {code for row in rows for code in row["warned"] or ()}
        known.looked_at = self._ports.clock.monotonic()

    def warnings(self, body: EventBody, owner_id: str) -> Iterator[Warned]:
        """What to tell a run of this owner after one of its events; waits for nothing."""
        if isinstance(body, ModelStarted):
            self._look_soon(owner_id)
        elif isinstance(body, ModelFinished):
            known = self._known.setdefault(owner_id, _Known())
            if cost := body.usage.cost_usd:
                known.n_steps += 1
                known.budgets = tuple(_spent_more(budget, cost) for budget in known.budgets)
            yield from _due(known)

    def _look_soon(self, owner_id: str) -> None:
        known = self._known.setdefault(owner_id, _Known())
        age_s = self._ports.clock.monotonic() - known.looked_at
        if not known.is_looking and age_s >= KNOWN_S:
            known.is_looking = True
            self._ports.supervisor.spawn(
                self._look_until_sure(owner_id, known), name=f"budgets of {owner_id}"
            )

    async def _look_until_sure(self, owner_id: str, known: _Known) -> None:
        """A step that ends while the log is read would be counted twice, or not at all."""
        n_steps = -1
        try:
            while n_steps != known.n_steps:
                n_steps = known.n_steps
                await self.look(owner_id)
        except NotebookAgentsError:
            known.budgets = ()  # a run does not fail for want of a figure; it is tried again
        finally:
            known.is_looking = False

    async def _has_budget(self, owner_id: str) -> bool:
        """Whether a budget holds; the deployment's is written down where the owner has none."""
        events = await self._ports.journal.read(BUDGET_STREAM)
        limits: Mapping[str, BudgetSet] = {
            event.body.period: event.body
            for event in events
            if event.user_id == owner_id and isinstance(event.body, BudgetSet)
        }
        default, day = self._ports.usd_per_day, limits.get("day")
        is_ours = day is None or day.by == BY_SETTING
        is_known = default is not None or self._ports.is_server
        if is_ours and is_known and default != (day.limit_usd if day is not None else None):
            body = BudgetSet(period="day", limit_usd=default, by=BY_SETTING)
            self._ports.journal.record(body, Source(user_id=owner_id))
            limits = {**limits, "day": body}
        return any(limit.limit_usd is not None for limit in limits.values())


def _whose(actor: Actor, owner_id: str) -> str:
    if owner_id in ("", actor.user_id):
        return actor.user_id
    if not actor.is_admin:
        raise NotPermitted("only administrators see and set the budgets of others")
    return owner_id


def _budget(row: Mapping[str, object]) -> Budget:
    named = {("percent" if name == "pct" else name): row[name] for name in row if name != "warned"}
    return Budget(**named)  # type: ignore[arg-type] # as the view says


def _spent_more(budget: Budget, cost_usd: float) -> Budget:
    spent = (budget.spent_usd or 0.0) + cost_usd
    percent = 100 * spent / budget.limit_usd
    return replace(budget, spent_usd=spent, percent=percent, is_over=spent > budget.limit_usd)


def _due(known: _Known) -> Iterator[Warned]:
    for budget in known.budgets:
        for share in SHARES_PERCENT:
            code = WARNING.format(period=budget.period, share=share)
            if (budget.percent or 0.0) >= share and code not in known.warned:
                known.warned.add(code)
                yield Warned(code=code, message=_words(budget, share))


def _words(budget: Budget, share: int) -> str:
    spent, limit = budget.spent_usd or 0.0, budget.limit_usd
    known = f"; of {budget.uncosted_calls} calls nobody knows the cost"
    return (
        f"{share} % of the budget of this {budget.period} (UTC) is spent: ${spent:.4g} of"
        f" ${limit:.4g}{known if budget.uncosted_calls else ''}; nothing is stopped"
    )
