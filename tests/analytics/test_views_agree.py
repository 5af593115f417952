"""What a core really records gives the same figures in every view that shows them."""

from __future__ import annotations

from pathlib import Path

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FixedPrices, ScriptedEngine, call, fake_core

MODEL = "gpt-4o-mini"
SUMS = "sum(output_tokens)::BIGINT, sum(cost_usd), sum(uncosted_calls)::BIGINT"


def core_of(home: Path) -> Core:
    tools = [call("python_executor", code="1"), call("python_executor")]
    return fake_core(
        engine=ScriptedEngine("Hello there", tools, "Done", models=(MODEL, "unpriced")),
        home=home / "work",
        event_log=JsonlEventLog(home),
        analytics=EventAnalytics(EventFiles(home)),
        price_list=FixedPrices({MODEL: ("0", "1000000")}),
    )


async def run(core: Core, username: str, model: str) -> None:
    actor = Actor(user_id=username, username=username)
    agent = await core.agents.ensure(actor, CreateAgent(name="a"))
    wish = StartRun(agent_id=agent.id, message=user_message("hi"), model=model)
    await core.runs.wait(actor, (await core.runs.start(actor, wish)).id)


async def test_all_views_of_tokens_and_cost_have_the_same_sums(tmp_path: Path) -> None:
    core = core_of(tmp_path)
    await run(core, "ann", MODEL)
    await run(core, "ann", MODEL)
    await run(core, "bob", "unpriced")
    views = ("v_runs", "v_cost", "v_models", "v_agents_daily", "v_conversations", "v_users")
    sql = " UNION ALL ".join(f"SELECT {SUMS} FROM {view}" for view in views)
    for owner, n_uncosted in (("ann", 0), (None, 1)):
        rows = (await core.analytics.query(sql, owner_id=owner)).rows
        assert len(set(rows)) == 1, rows
        # A dollar a token: 2 of the first run, 2 and 1 of the second.
        assert rows[0][1:] == (5.0, n_uncosted)
    await core.aclose()


async def test_views_of_a_real_run_tell_its_calls_and_its_failed_tool(tmp_path: Path) -> None:
    core = core_of(tmp_path)
    await run(core, "ann", MODEL)
    await run(core, "ann", MODEL)
    seen = {
        "SELECT model, finish_reasons, error_rate FROM v_models": (
            (MODEL, '{"stop":2,"tool_calls":1}', 0.0),
        ),
        "SELECT operation, error_type, tool FROM v_errors": (
            ("tool", "INVALID_ARGUMENTS", "python_executor"),
        ),
        "SELECT sequence, occurrences, success_rate FROM v_tool_sequences": (
            ("python_executor → python_executor", 1, 0.0),
        ),
        "SELECT runs_queued, runs_finished, in_flight, queue_depth FROM v_throughput_ts": (
            (2, 2, 0, 0),
        ),
        "SELECT agent, runs, success_rate FROM v_agents_daily": (("a", 2, 1.0),),
        "SELECT run_id FROM v_failed_runs": (),
    }
    for sql, rows in seen.items():
        assert (await core.analytics.query(sql, owner_id="ann")).rows == rows
    await core.aclose()
