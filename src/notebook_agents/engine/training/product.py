"""The product as the measurements use it: its engine, parser, loop, tools and sandbox, as shipped.

This is the one place where the training meets the rest of the product: what is measured is the
path that users take, not a copy of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.conversations import MessageNode, StartConversation
from notebook_agents.core.core import Core
from notebook_agents.core.messages import ToolCallPart, user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.core.users import Actor
from notebook_agents.engine.training.conversation import TOOLS, Call

RUN_S = 60.0
"""How long one request may take."""
OWNER = Actor(user_id="evaluation", username="evaluation")


@dataclass(frozen=True)
class Reply:
    """What happened for one request."""

    calls: tuple[Call, ...]
    results: tuple[str, ...]
    answer: str
    is_valid: bool = True
    """Whether every call could be read."""


@dataclass(frozen=True)
class Setting:
    """What a conversation finds: files of its folder, data frames of its kernel, tools."""

    files: dict[str, bytes]
    frames_code: str = ""
    """Python that defines the data frames; run in the tool kernel as a notebook would lend them."""
    frames_line: str = ""
    """The line `Dataframes: …` that a notebook sends."""
    tools: tuple[str, ...] = TOOLS


class Product:
    """A core with the built-in model, and the one agent that answers."""

    def __init__(self, core: Core, agent_id: str) -> None:
        self._core = core
        self._agent_id = agent_id

    async def ask(self, setting: Setting, requests: Sequence[str]) -> list[Reply]:
        """Make the requests one after the other in a new conversation; one reply each."""
        core = self._core
        wish = StartConversation(agent_id=self._agent_id)
        conversation = await core.conversations.start(OWNER, wish)
        try:
            await asyncio.to_thread(_lay_out, Path(conversation.workspace), setting.files)
            if setting.frames_code:
                await core.conversations.run_code(OWNER, conversation.id, setting.frames_code)
            return [await self._reply(conversation.id, setting, text) for text in requests]
        finally:
            await core.conversations.delete(OWNER, conversation.id)

    async def _reply(self, conversation_id: str, setting: Setting, text: str) -> Reply:
        run = await self._core.runs.start(
            OWNER,
            StartRun(
                agent_id=self._agent_id,
                message=user_message(text),
                conversation_id=conversation_id,
                system=setting.frames_line,
                tools=setting.tools,
            ),
        )
        run = await self._core.runs.wait(OWNER, run.id)
        nodes = await self._core.conversations.messages(OWNER, conversation_id)
        own = [node for node in nodes if node.run_id == run.id]
        return _reply([part for node in own for part in node.message.tool_calls], own, run.text)


@asynccontextmanager
async def open_product(folder: Path) -> AsyncIterator[Product]:
    """The product in a folder of its own, at the default level of its sandbox where possible."""
    core = build_core(BuildConfig(home=folder, sandbox_fallback="low", engine_threads=1))
    await core.start()
    try:
        wish = CreateAgent(name="evaluation", timeout_s=RUN_S, tools=TOOLS)
        agent = await core.agents.create(OWNER, wish)
        yield Product(core, agent.id)
    finally:
        await core.aclose()


def _reply(calls: Sequence[ToolCallPart], nodes: Sequence[MessageNode], answer: str) -> Reply:
    results = [result.content for node in nodes for result in node.message.tool_results]
    return Reply(
        tuple(Call(call.name, dict(call.arguments)) for call in calls),
        tuple(results),
        answer,
        is_valid=not any(call.invalid for call in calls),
    )


def _lay_out(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
