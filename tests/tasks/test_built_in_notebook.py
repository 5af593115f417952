"""The built-in notebook in a real kernel: the server's store, its engine, a sandboxed tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.core import Core
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.tasks import TaskSettings
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, call
from notebook_agents_server.testing import Client

from .conftest import Watch, create, executed

pytestmark = pytest.mark.slow
CHECKS = ("number(result['text']) == 42", "'42' in result['text']", "len(tool_calls) == 1")


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(call("python_executor", code="6*7"), "It is 42, as computed")


async def test_a_prompt_is_answered_by_the_servers_model_with_tools_and_reported(
    client: Client, core: Core, owner: Actor, engine: ScriptedEngine, home: Path
) -> None:
    settings = TaskSettings(
        agent=ConversationSettings(tools=("python_executor",)), checks=CHECKS, max_tokens=1000
    )
    prompt = "What is {{a}} times {7}? {{b}}"
    task = await create(core, owner, prompt_template=prompt, settings=settings)
    watch = Watch(core, owner)
    ended = await watch.run(task, variables={"a": 6, "b": "{{a}}"})
    assert (ended.state, ended.error_message) == ("succeeded", "")
    assert engine.requests[0].messages[-1].text == "What is 6 times {7}? {{a}}"
    assert watch.cells("succeeded") == [1, 2, 4, 5]
    labels = [body.source for body in watch.bodies if body.type == "cell_started"]
    assert labels[:2] == ['prompt = "What is 6 times {7}? {{a}}"', "%load_ext notebook_agents"]
    wish = ListRuns(conversation_id=ended.conversation_id)
    [run] = (await core.runs.list(owner, wish)).items
    assert (run.usage, run.owner_id, run.dialect) == (ended.usage, owner.user_id, "agent_api")
    assert [use.content for use in run.tool_calls] == ["42"]
    [answer] = executed(home, ended).cells[3].outputs
    assert "It is 42" in answer.data["text/markdown"]
    names = [artifact.name for artifact in await core.executions.artifacts(owner, ended.id)]
    assert names == ["executed.ipynb", "executed.html"]
    _, page = await core.executions.artifact(owner, ended.id, "executed.html")
    assert b"default-src 'none'" in page[:1000]
    assert b"It is 42" in page
