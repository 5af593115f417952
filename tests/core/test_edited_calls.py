"""A person may change a call while allowing it: that runs, and everybody is told."""

from __future__ import annotations

from pathlib import Path

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.events import ApprovalDecided, ToolStarted
from notebook_agents.core.messages import ToolResultPart, user_message
from notebook_agents.core.policy import ASK_POLICY
from notebook_agents.core.runs import ApprovalDecision, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, call, fake_core

ACTOR = Actor(user_id="u", username="ada")


async def test_the_changed_call_runs_and_the_model_is_told(tmp_path: Path) -> None:
    engine = ScriptedEngine(call("python_executor", code="x = 1"), "done")
    core = fake_core(engine=engine, home=tmp_path)
    agent = await core.agents.create(ACTOR, CreateAgent(name="a"))
    wish = StartRun(agent_id=agent.id, message=user_message("go"), policy=ASK_POLICY)
    run = await core.runs.wait(ACTOR, (await core.runs.start(ACTOR, wish)).id)
    [waiting] = run.pending
    answer = ApprovalDecision(
        call_id=waiting.call.call_id, is_approved=True, edited={"code": "x = 2"}
    )
    await core.runs.decide(ACTOR, run.id, [answer])
    ended = await core.runs.wait(ACTOR, run.id)
    bodies = [event.body async for event in core.runs.events(ACTOR, run.id)]
    [told] = [body for body in bodies if isinstance(body, ApprovalDecided)]
    [started] = [body for body in bodies if isinstance(body, ToolStarted)]
    assert told.edited == started.arguments == {"code": "x = 2"}
    assert ended.tool_calls[0].arguments == {"code": "x = 2"}
    result = engine.requests[-1].messages[-1].parts[0]
    assert isinstance(result, ToolResultPart)
    assert result.content == "The user changed the call before it ran:\nx = 2\nResult:\nran: x = 2"
    await core.aclose()
