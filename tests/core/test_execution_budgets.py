"""Budgets of executions, in tokens and in money: of all their answers together."""

from __future__ import annotations

import pytest
from tests.core.test_executions import ANN, Make, ask, make_task, start

from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.errors import LimitExceeded
from notebook_agents.core.models import Usage
from notebook_agents.testing import FixedPrices, ScriptedEngine, ScriptedRunner


async def test_usage_is_summed_and_a_budget_ends_it(make_closed_core: Make) -> None:
    runner = ScriptedRunner(None)
    core = make_closed_core("one two three", "four five six", task_runner=runner)
    execution = await start(core, await make_task(core, max_tokens=4))
    await runner.is_working.wait()
    first = await ask(core, execution, "count")
    second = await ask(core, execution, "go on")
    with pytest.raises(LimitExceeded, match="budget of 4 output tokens"):
        await ask(core, execution, "and on")
    runner._stops[execution.id].set()
    ended = await core.executions.wait(ANN, execution.id)
    assert (ended.state, ended.error_code, ended.n_runs) == ("failed", "budget_exceeded", 2)
    assert ended.usage == sum((first.usage, second.usage), start=Usage())
    assert "6 of 4 output tokens" in ended.error_message


async def test_a_budget_in_money_ends_it(make_closed_core: Make) -> None:
    runner, mini = ScriptedRunner(None), "gpt-4o-mini"
    core = make_closed_core(
        engine=ScriptedEngine("one", "two", models=(mini,)),
        price_list=FixedPrices({mini: ("0", "1000000")}),
        task_runner=runner,
    )
    settings = ConversationSettings(model=mini)
    execution = await start(core, await make_task(core, agent=settings, max_cost_usd=1.0))
    await runner.is_working.wait()
    run = await ask(core, execution, "count")
    assert run.usage.cost_usd == run.usage.output_tokens == 1
    with pytest.raises(LimitExceeded, match=r"budget of \$1"):
        await ask(core, execution, "go on")
    runner._stops[execution.id].set()
    ended = await core.executions.wait(ANN, execution.id)
    assert (ended.state, ended.error_code, ended.n_runs) == ("failed", "budget_exceeded", 1)
    assert "$1 of $1" in ended.error_message
