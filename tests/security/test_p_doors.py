"""P04 and P05 at the doors: no credential that a model or its code could hold allows a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tests.security.doors import person

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call, fake_core
from notebook_agents_server.testing import Client, services_of

APPROVE = "/notebook-agents/agent_c/api/v1/approve"
SESSIONS = "/notebook-agents/agent_api/api/v1/sessions"


@pytest.fixture
def made() -> ScriptedTools:
    return ScriptedTools({"shell": lambda command: "ran"}, effects={"shell": "external"})


@pytest.fixture
def core(engine: ScriptedEngine, made: ScriptedTools, tmp_path: Path) -> Core:
    engine.script = [[call("shell", "c1", command="ls")], "done"]
    return fake_core(engine=engine, tools=made, home=tmp_path / "work")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


async def test_p04_p05_only_the_person_whose_run_it_is_allows_a_call(
    core: Core, client: Client, jp_serverapp: ServerApp, made: ScriptedTools
) -> None:
    _, gatekeeper = services_of(jp_serverapp).ready()
    ann, bob = await person(client, core, "ann"), await person(client, core, "bob")
    actor = Actor(user_id=ann.user.id, username="ann")
    agent = await core.agents.ensure(actor, CreateAgent(name="a", model="other/model"))
    start = StartRun(agent_id=agent.id, message=user_message("go"))
    run = await core.runs.start(actor, start)
    run = await core.runs.wait(actor, run.id)
    assert run.state == "waiting_approval"
    reads = (await core.api_keys.create(actor, "r", scopes=("read",)))[1]
    kernels = gatekeeper.kernel_tokens
    session = f"{SESSIONS}/{run.conversation_id}/approvals"
    yes = {"decision": "allow"}
    held: list[tuple[str, Client, set[int]]] = [
        ("a kernel of hers", client.holding(kernels.issue(ann.user.id)), {403}),
        ("a kernel of the owner", client.holding(kernels.issue()), {403}),
        ("a key that only reads", client.holding(reads), {403}),
        ("nothing", client.holding(None), {401}),
        ("a guess", client.holding("nbk_guess"), {401}),
        ("somebody else", bob.client, {403, 404}),
        ("the administrator", client, {403, 404}),
    ]
    for name, holder, statuses in held:
        wish = {
            "ui_session_id": run.conversation_id,
            "approvals": [{"tool_call_id": "c1", "approved": True}],
        }
        for path, body in ((session, yes), (APPROVE, wish)):
            answer = await holder.post(path, body)
            assert answer.status in statuses, (name, path, answer.status, answer.body)
    guesses = [{"id": each, "decision": "allow"} for each in ("c2", "C1", "c1 ", "*", run.id)]
    for guess in guesses:
        answer = await ann.client.post(session, {"decisions": [guess]})
        assert answer.status in {400, 422}, guess
    assert (await core.runs.get(actor, run.id)).state == "waiting_approval"
    assert made.invocations == []
    assert (await ann.client.post(session, yes)).status == 200
    assert (await core.runs.wait(actor, run.id)).state == "succeeded"
    assert (await ann.client.post(session, yes)).status == 409
    assert len(made.invocations) == 1
