"""What a run costs, where a price is known: in its usage, its events and its budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from notebook_agents.core.core import Core
from notebook_agents.core.events import ModelFinished, RunFinished
from notebook_agents.core.models import BUNDLED_MODEL, ModelInfo, Usage
from notebook_agents.core.prices import Prices
from notebook_agents.core.runs import Limits
from notebook_agents.core.webhook_events import told
from notebook_agents.testing import FakeClock, FixedPrices, MemoryStore, ScriptedEngine, call

MakeCore = Callable[..., Core]
MINI = "gpt-4o-mini"
PRICES = FixedPrices({MINI: ("0.15", "0.60"), BUNDLED_MODEL: ("1", "1"), "own/model": ("1", "1")})


def engine_of(*script: Any) -> ScriptedEngine:
    return ScriptedEngine(*script, models=(MINI, "gpt-unknown", "own/model"))


def costs(events: list[Any], kind: type[Any]) -> list[float | None]:
    return [event.body.usage.cost_usd for event in events if isinstance(event.body, kind)]


async def test_each_step_has_its_cost_and_the_run_their_sum(
    make_core: MakeCore, driver: Any
) -> None:
    engine = engine_of([call("python_executor", code="1")], "It is one, I think.")
    core = make_core(engine=engine, price_list=PRICES)
    run = await driver.finish(core, model=MINI)
    events = await driver.events(core, run)
    steps = costs(events, ModelFinished)
    expected = [
        (e.body.usage.input_tokens * 0.15 + e.body.usage.output_tokens * 0.60) / 1e6
        for e in events
        if isinstance(e.body, ModelFinished)
    ]
    assert len(steps) == 2
    assert [round(cost or 0, 12) for cost in steps] == [round(cost, 12) for cost in expected]
    assert run.usage.cost_usd == sum(cost for cost in steps if cost)
    assert costs(events, RunFinished) == [run.usage.cost_usd]
    await core.aclose()


async def test_a_webhook_tells_the_cost_where_it_is_known(make_core: MakeCore, driver: Any) -> None:
    core = make_core(engine=engine_of(), price_list=PRICES)
    wanted = frozenset({"conversation.completed"})
    for model, is_known in ((MINI, True), (BUNDLED_MODEL, False)):
        run = await driver.finish(core, model=model)
        end = (await driver.events(core, run))[-1]
        data = (await told(end, wanted, MemoryStore()))["conversation.completed"]
        assert ("cost_usd" in data) is is_known
        assert data.get("cost_usd") == run.usage.cost_usd
    await core.aclose()


async def test_what_has_no_price_costs_nothing_that_is_known(
    make_core: MakeCore, driver: Any
) -> None:
    """Neither the model in the box, nor one that runs here, nor one that no list has."""
    core = make_core(engine=engine_of(), price_list=PRICES)
    for model in (BUNDLED_MODEL, "own/model", "gpt-unknown"):
        run = await driver.finish(core, model=model)
        assert run.usage.output_tokens > 0
        assert run.usage.cost_usd is None, model
        assert costs(await driver.events(core, run), RunFinished) == [None]
    await core.aclose()


async def test_a_budget_in_money_ends_the_run(make_core: MakeCore, driver: Any) -> None:
    engine = engine_of(*([call("python_executor", code=str(n))] for n in range(9)))
    dear = FixedPrices({MINI: ("0", "1000000")})
    core = make_core(engine=engine, price_list=dear)
    run = await driver.finish(core, model=MINI, limits=Limits(max_cost_usd=1.5))
    assert (run.state, run.error_code) == ("failed", "limit_exceeded")
    assert run.error_message == "the run used its $1.5 budget"
    assert (run.n_steps, run.usage.cost_usd) == (2, 2.0)
    await core.aclose()


async def test_without_a_list_nothing_is_priced_and_known_costs_stay() -> None:
    model = ModelInfo(id=MINI, name=MINI, provider="openai")
    usage = Usage(input_tokens=1)
    assert await Prices(None, FakeClock()).priced(model, usage) == usage
    told = Usage(input_tokens=1, cost_usd=3.0)
    assert await Prices(PRICES, FakeClock()).priced(model, told) == told
    tiny = await Prices(PRICES, FakeClock()).priced(model, usage)
    assert tiny.cost_usd == 1.5e-07
    assert usage.cost_usd is None


async def test_a_metered_engine_is_the_engine(make_core: MakeCore) -> None:
    engine = engine_of()
    core = make_core(engine=engine, price_list=PRICES)
    metered = core.prices.metered(engine)
    assert await metered.models() == await engine.models()
    assert (await metered.load(MINI)).status == "loaded"
    await metered.unload(MINI)
    assert (await metered.health()).is_ready
    assert make_core(engine=engine).prices.metered(engine) is engine
    await metered.aclose()
