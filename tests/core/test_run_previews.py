"""What a run would send is what it sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateRequest, TokenCount
from notebook_agents.core.runs import ListRuns, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, ScriptedTools, fake_core

ACTOR = Actor(user_id="u1", username="ada")


class CountingEngine(ScriptedEngine):
    """Counts words."""

    async def count_tokens(self, request: GenerateRequest) -> TokenCount | None:
        return TokenCount(n_tokens=sum(len(m.text.split()) for m in request.messages))


@pytest.mark.parametrize("n_before", [0, 2])
async def test_a_preview_is_the_request_that_the_run_makes(tmp_path: Path, n_before: int) -> None:
    engine = CountingEngine()
    tools = ScriptedTools({"python_executor": lambda code: code})
    core = fake_core(engine=engine, tools=tools, home=tmp_path)
    await core.start()
    wish = CreateAgent(name="a", description="d", instructions="Be brief.", tools=None)
    agent = await core.agents.create(ACTOR, wish)
    start = StartRun(agent_id=agent.id, message=user_message("how are you"), system="Be kind.")
    for _ in range(n_before):
        run = await core.runs.start(ACTOR, start)
        start = replace(start, conversation_id=run.conversation_id)
        await core.runs.wait(ACTOR, run.id)
    n_runs = (await core.runs.list(ACTOR, ListRuns())).total
    previewed = await core.runs.preview(ACTOR, start)
    assert (await core.runs.list(ACTOR, ListRuns())).total == n_runs
    assert len(engine.requests) == n_before
    run = await core.runs.start(ACTOR, start)
    await core.runs.wait(ACTOR, run.id)
    sent = engine.requests[-1]
    assert previewed.request.messages == sent.messages
    assert previewed.request.tools == sent.tools
    assert (previewed.n_tokens, previewed.is_counted) == (
        sum(len(message.text.split()) for message in sent.messages),
        True,
    )
    await core.aclose()


async def test_what_cannot_start_cannot_be_previewed_and_a_guess_is_marked(tmp_path: Path) -> None:
    core = fake_core(engine=ScriptedEngine(), home=tmp_path)
    await core.start()
    agent = await core.agents.create(ACTOR, CreateAgent(name="a", description="d"))
    start = StartRun(agent_id=agent.id, message=user_message("x" * 400))
    with pytest.raises(InvalidRequest, match="no model"):
        await core.runs.preview(ACTOR, replace(start, model="nobody/knows"))
    previewed = await core.runs.preview(ACTOR, start)
    assert not previewed.is_counted
    assert 100 <= previewed.n_tokens < 200
    await core.aclose()
