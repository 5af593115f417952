"""Tool servers with secrets in kernels, which have no keys: the server uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tests.mcp.conftest import plain

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.core import Core
from notebook_agents.core.executions import StartExecution
from notebook_agents.core.policy import ALLOW_POLICY
from notebook_agents.core.tasks import CreateTask, TaskSettings
from notebook_agents.core.tool_servers import ToolServer
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents_server.passwords import Argon2Hasher
from notebook_agents_server.testing import Client, services_of

LENT = "/notebook-agents/engine/tool-servers"


@pytest.fixture
def core(tmp_path: Path) -> Core:
    config = BuildConfig(home=tmp_path / "home", sandbox_level="low", sandbox_fallback="low")
    return build_core(config, hasher=Argon2Hasher(), secret_keys=lambda: [b"k" * 32])


@pytest.fixture
def owner(client: Client, jp_serverapp: ServerApp) -> Actor:
    _, gatekeeper = services_of(jp_serverapp).ready()
    return gatekeeper.owner_actor


def kernel_of(client: Client, serverapp: ServerApp, user_id: str = "") -> Client:
    """What a kernel that works for a user can reach."""
    _, gatekeeper = services_of(serverapp).ready()
    return client.holding(gatekeeper.kernel_tokens.issue(user_id))


def echo(tool: Any, **given: Any) -> dict[str, Any]:
    call = {"tool": "echo", "digest": tool["digest"], "arguments": {"text": "hi"}, "timeout_s": 20}
    return call | given


async def echo_of(kernel: Client, server: ToolServer) -> Any:
    tools = (await kernel.post(f"{LENT}/{server.id}/tools", {})).json["tools"]
    return next(tool for tool in tools if tool["tool"] == "echo")


@pytest.mark.slow
async def test_a_task_uses_a_tool_server_with_secrets(core: Core, owner: Actor) -> None:
    server = await core.tool_servers.register(owner, plain("Calc", secrets={"SAID": "s3cret"}))
    settings = TaskSettings(
        agent=ConversationSettings(tools=("calc__*",), policy=ALLOW_POLICY), timeout_s=60
    )
    prompt = '/calc__environment {"text": ""}'
    task = await core.tasks.create(
        owner, CreateTask(name="t", prompt_template=prompt, settings=settings)
    )
    execution = await core.executions.start(owner, StartExecution(task_id=task.id))
    execution = await core.executions.wait(owner, execution.id)
    assert execution.state == "succeeded", execution.error_message
    _, notebook = await core.executions.artifact(owner, execution.id, "executed.ipynb")
    assert b"s3cret" in notebook
    health = core.tool_servers.host.health(server, owner.user_id)
    assert (health.is_running, health.n_starts) == (True, 1)


async def test_only_kernels_come_in_and_only_to_what_is_their_users(
    core: Core, client: Client, owner: Actor, jp_serverapp: ServerApp
) -> None:
    bob = await core.users.create(CreateUser(username="bob", email="bob@example.org"))
    as_bob = Actor(user_id=bob.id, username="bob", is_admin=True)  # to register a program
    mine = await core.tool_servers.register(owner, plain("Mine", secrets={"A": "b"}))
    everybodys = await core.tool_servers.register(owner, plain("All", is_global=True))
    his = await core.tool_servers.register(as_bob, plain("His"))
    kernel, bobs = (kernel_of(client, jp_serverapp, id) for id in ("", bob.id))
    for path in (f"{LENT}/{mine.id}/tools", f"{LENT}/{mine.id}/call"):
        assert (await client.holding(None).post(path, {})).status == 401
        assert (await client.holding("nbk_wrong").post(path, {})).status == 401
        assert (await client.post(path, {})).status == 403  # an administrator, but no kernel
    tool = await echo_of(kernel, mine)
    call = f"{LENT}/{mine.id}/call"
    assert (await kernel.post(call, echo(tool))).json["reason"] == "CHANGED"  # not approved yet
    await core.tool_servers.refresh(owner, mine.id)
    assert (await kernel.post(call, echo(tool))).json["result"]["text"] == "hi"
    wrong = (await kernel.post(call, echo(tool, arguments={"other": 1}))).json
    assert wrong["result"] is None
    assert "other" in wrong["failure"]
    assert (await kernel.post(call, echo(tool, timeout_s=1e9))).status == 400
    assert (await bobs.post(f"{LENT}/{mine.id}/tools", {})).status == 404
    assert (await bobs.post(f"{LENT}/{mine.id}/call", echo(tool))).status == 404
    assert (await kernel.post(f"{LENT}/{his.id}/tools", {})).status == 404
    assert (await echo_of(bobs, everybodys))["state"] == "ready"
    await core.users.set_active(owner, bob.id, is_active=False)
    assert (await bobs.post(f"{LENT}/{everybodys.id}/tools", {})).status == 401
