"""Real cores with tool servers, and servers of others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.messages import user_message
from notebook_agents.core.policy import ALLOW_POLICY
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.tool_servers import RegisterToolServer
from notebook_agents.core.users import Actor

PLAIN = str(Path(__file__).with_name("plain_server.py"))
ANN = Actor(user_id="ann", username="ann", is_admin=True)
BOB = Actor(user_id="bob", username="bob", is_admin=True)


@pytest.fixture
async def real_core(tmp_path: Path) -> AsyncGenerator[Core, None]:
    """Everything is real; the engine is not started, because nobody asks the model."""
    config = BuildConfig(home=tmp_path / "home", sandbox_level="low", mcp_allow_private=True)
    core = build_core(config, secret_keys=lambda: [b"k" * 32])
    await core.start()
    yield core
    await core.aclose()


def plain(name: str = "plain", *args: str, **given: Any) -> RegisterToolServer:
    """Our own server."""
    return RegisterToolServer(
        name=name, kind="stdio", command=sys.executable, args=(PLAIN, *args), **given
    )


async def say(core: Core, text: str, actor: Actor = ANN, **wish: Any) -> Run:
    """What comes of a message to the agent of the model in the box."""
    agent = await core.agents.ensure(actor, CreateAgent(name="Helper", policy=ALLOW_POLICY))
    start = StartRun(agent_id=agent.id, message=user_message(text), **wish)
    run = await core.runs.start(actor, start)
    return await core.runs.wait(actor, run.id)


async def value_of(core: Core, text: str, actor: Actor = ANN) -> Any:
    """The result of a call, which is JSON."""
    run = await say(core, text, actor)
    content = run.tool_calls[0].content
    assert run.tool_calls[0].status == "succeeded", content
    return json.loads(content.split("\n", 1)[-1])


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
