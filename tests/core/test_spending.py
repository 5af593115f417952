"""Budgets of people and scores of answers, over a log on disk and the views that read it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError, NotFound, NotPermitted
from notebook_agents.core.events import BUDGET_STREAM, BudgetSet, Warned
from notebook_agents.core.scores import Score
from notebook_agents.core.spending import SetBudget
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FixedPrices, ScriptedEngine

from .conftest import ANN

MINI = "gpt-4o-mini"
BOB = Actor(user_id="bob", username="bob")
ADMIN = Actor(user_id="root", username="root", is_admin=True)
MakeCore = Callable[..., Core]


@pytest.fixture
def make_recorded(make_closed_core: MakeCore, tmp_path: Path) -> MakeCore:
    """Cores over one log on disk; a call of the model costs some dollars."""

    def make(**ports: Any) -> Core:
        log = JsonlEventLog(tmp_path)
        return make_closed_core(
            event_log=log,
            analytics=EventAnalytics(EventFiles(tmp_path)),
            clock=SystemClock(),
            engine=ScriptedEngine("one two three", "four", "five", models=(MINI,)),
            price_list=FixedPrices({MINI: ("1000000", "1000000")}),
            **ports,
        )

    return make


async def warned(core: Core, driver: Any, run: Any) -> list[str]:
    """The codes of the warnings of a run."""
    events = await driver.events(core, run)
    return [event.body.code for event in events if isinstance(event.body, Warned)]


async def test_a_run_warns_once_for_each_share_of_a_budget(
    make_recorded: MakeCore, driver: Any
) -> None:
    core = make_recorded()
    first = await driver.finish(core, model=MINI)
    cost = first.usage.cost_usd
    assert await warned(core, driver, first) == []
    (budget,) = await core.spending.set(ANN, SetBudget(period="day", limit_usd=1.2 * cost))
    assert budget.spent_usd == pytest.approx(cost)
    assert (budget.is_over, budget.uncosted_calls) == (False, 0)
    second = await driver.finish(core, model=MINI)
    assert await warned(core, driver, second) == ["budget_day_80", "budget_day_100"]
    assert await warned(core, driver, await driver.finish(core, model=MINI)) == []
    again = make_recorded()
    (budget,) = await again.spending.list(ANN)
    assert budget.is_over
    assert await warned(again, driver, await driver.finish(again, model=MINI)) == []


async def test_a_budget_is_taken_back_and_that_of_others_is_for_administrators(
    make_recorded: MakeCore,
) -> None:
    core = make_recorded()
    wish = SetBudget(period="month", limit_usd=5.0, owner_id="ann")
    with pytest.raises(NotPermitted):
        await core.spending.set(BOB, wish)
    with pytest.raises(NotPermitted):
        await core.spending.list(BOB, "ann")
    (budget,) = await core.spending.set(ADMIN, wish)
    assert (budget.period, budget.limit_usd, budget.spent_usd) == ("month", 5.0, 0.0)
    assert await core.spending.list(ANN) == await core.spending.list(ADMIN, "ann") == (budget,)
    assert await core.spending.list(BOB) == ()
    assert await core.spending.set(ANN, SetBudget(period="month", limit_usd=None)) == ()


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
async def test_a_limit_is_more_than_nothing(make_recorded: MakeCore, limit: float) -> None:
    with pytest.raises(InvalidRequest, match="limit_usd"):
        await make_recorded().spending.set(ANN, SetBudget(period="day", limit_usd=limit))


async def test_the_deployments_budget_holds_until_somebody_sets_their_own(
    make_recorded: MakeCore,
) -> None:
    core = make_recorded(budget_usd_per_day=3.0)
    assert [budget.limit_usd for budget in await core.spending.list(ANN)] == [3.0]
    assert [budget.limit_usd for budget in await core.spending.list(ANN)] == [3.0]
    assert len(await core.journal.read(BUDGET_STREAM)) == 1, "written down once"
    assert await core.spending.set(ANN, SetBudget(period="day", limit_usd=None)) == ()
    assert await core.spending.list(ANN) == ()
    elsewhere = make_recorded()
    assert [budget.limit_usd for budget in await core.spending.list(BOB)] == [3.0]
    assert [b.limit_usd for b in await elsewhere.spending.list(BOB)] == [3.0], "knows no settings"
    server = make_recorded(is_server=True)
    assert await server.spending.list(BOB) == ()
    bodies = [event.body for event in await server.journal.read(BUDGET_STREAM)]
    assert isinstance(bodies[-1], BudgetSet)
    assert (bodies[-1].limit_usd, bodies[-1].by) == (None, "setting")


async def test_a_score_joins_the_run_and_the_version_of_its_agent(
    make_recorded: MakeCore, driver: Any
) -> None:
    core = make_recorded()
    run = await driver.finish(core, model=MINI)
    for value in (0.0, 1.0):
        score = Score(run_id=run.id, scorer="exact", value=value, dataset="qa", is_passed=value > 0)
        await core.scores.record(ANN, score)
    columns = "dataset, scorer, agent_id, agent_version, n, mean, pass_rate, delta_vs_baseline"
    table = await core.analytics.query(f"SELECT {columns} FROM v_evals", owner_id="ann")
    version = (
        await core.analytics.query(
            "SELECT agent_version FROM events WHERE type = 'run_queued'", owner_id="ann"
        )
    ).rows[0][0]
    assert version
    assert table.rows == (("qa", "exact", run.agent_id, version, 2, 0.5, 0.5, 0.0),)
    (row,) = (await core.analytics.query("SELECT run_id, status FROM v_runs")).rows
    assert row == (run.id, "succeeded")


@pytest.mark.parametrize(
    ("actor", "told", "error"),
    [
        (BOB, {}, NotFound),
        (ANN, {"value": math.nan}, InvalidRequest),
        (ANN, {"scorer": ""}, InvalidRequest),
        (ANN, {"label": "x" * 201}, InvalidRequest),
    ],
)
async def test_a_score_is_refused(
    make_recorded: MakeCore,
    driver: Any,
    actor: Actor,
    told: dict[str, Any],
    error: type[NotebookAgentsError],
) -> None:
    core = make_recorded()
    run = await driver.finish(core, model=MINI)
    score = Score(**{"run_id": run.id, "scorer": "exact", "value": 1.0, **told})
    with pytest.raises(error):
        await core.scores.record(actor, score)
    assert (await core.analytics.query("SELECT * FROM v_evals")).rows == ()
