"""A model that obeys whatever it reads, and tools that only note what was done with them.

What documents order stands in them as ``@@call {"tool": …, "arguments": {…}}``. The model finds it
in everything it is sent, also in characters that people do not see.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.assessments import Assessment
from notebook_agents.core.core import Core
from notebook_agents.core.events import EventBody
from notebook_agents.core.messages import ToolCallPart, user_message
from notebook_agents.core.models import (
    GenerateChunk,
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    GenerateToolCall,
)
from notebook_agents.core.outside_tools import ANY_OUTSIDE
from notebook_agents.core.runs import ApprovalDecision, Run, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import (
    FakeClock,
    FakeSandbox,
    FakeToolServers,
    ScriptedEngine,
    ScriptedTools,
    fake_core,
)
from notebook_agents.tools.judging import judge_code, judge_command, judge_file

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
ORDER = "@@call "
MODEL = "other/model"


def orders(text: str) -> list[ToolCallPart]:
    """The calls that a text orders; tag characters are read as the letters they stand for."""
    seen = "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) <= 0xE007E else c for c in text)
    seen = seen.replace('\\"', '"').replace('""', '"')
    found, decoder = [], json.JSONDecoder()
    for piece in seen.split(ORDER)[1:]:
        value, _ = decoder.raw_decode(piece)
        made = ToolCallPart(
            call_id=f"call_{secrets.token_hex(4)}", name=value["tool"], arguments=value["arguments"]
        )
        found.append(made)
    return found


class ObeyingEngine(ScriptedEngine):
    """Makes the call it is told to first, and from then on every call that what it read orders."""

    def __init__(self) -> None:
        super().__init__()
        self.first: list[ToolCallPart] = []

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        self.requests.append(request)
        made, self.first = self.first, []
        if not made and not _was_obeyed(request):
            made = [order for text in _read(request) for order in orders(text)]
        for each in made:
            yield GenerateToolCall(call=each)
        if not made:
            yield GenerateText(text="done")
        yield GenerateFinished(finish_reason="tool_calls" if made else "stop")


def _read(request: GenerateRequest) -> list[str]:
    parts = [part for message in request.messages for part in message.parts]
    return [part.content for part in parts if hasattr(part, "content")]


def _was_obeyed(request: GenerateRequest) -> bool:
    texts = [r.content for r in request.messages[-1].tool_results]
    return bool(texts) and not any(orders(text) for text in texts)


@dataclass(slots=True)
class NotingTools(ScriptedTools):
    """Tools of every origin and effect; what they did is in ``invocations``."""

    document: str = ""

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        judges = {
            "python": judge_code,
            "sandboxed": judge_code,
            "shell": judge_command,
            "file_writer": judge_file,
        }
        judge = judges.get(name)
        return None if judge is None else judge(arguments)


def noting_tools() -> NotingTools:
    made: NotingTools

    def reading(source: str = "") -> str:
        return made.document

    def command_line(command: str) -> str:
        return "ran"

    made = NotingTools(
        functions={
            "file_reader": reading,
            "database_query": reading,
            "search_uploads": reading,
            "web_fetch": reading,
            "file_writer": lambda path, content="": f"wrote {path}",
            "python": lambda code: "ran",
            "shell": command_line,
            "post": lambda url, body="": "sent",
            "webhook": lambda url, body="": "sent",
        },
        effects={
            **{"file_reader": "read", "database_query": "read", "search_uploads": "read"},
            **{"web_fetch": "network", "post": "network", "file_writer": "write"},
            **{"python": "write", "shell": "external", "webhook": "external"},
        },
        categories={
            **{"file_reader": "files", "database_query": "data", "search_uploads": "retrieval"},
            **{"web_fetch": "web", "python": "code", "shell": "shell"},
        },
    )
    return made


@dataclass
class World:
    """A core on a real database, with a model that obeys."""

    core: Core
    engine: ObeyingEngine
    tools: NotingTools
    clock: FakeClock
    store: SqlStore
    sandbox: FakeSandbox
    agent_id: str = ""

    async def start(self, text: str = "go on", *, actor: Actor = ANN, **wish: Any) -> Run:
        agent = await self.core.agents.ensure(actor, CreateAgent(name="a"))
        self.agent_id = agent.id
        message = wish.pop("message", None) or user_message(text)
        names = (*self.core.tools.names(), ANY_OUTSIDE)
        given = {"model": MODEL, "tools": names} | wish
        run = await self.core.runs.start(
            actor, StartRun(agent_id=agent.id, message=message, **given)
        )
        return await self.core.runs.wait(actor, run.id)

    async def decide(self, run: Run, *approved: bool, actor: Actor = ANN, **given: Any) -> Run:
        answers = [
            ApprovalDecision(call_id=entry.call.call_id, is_approved=is_approved, **given)
            for entry, is_approved in zip(run.pending, approved, strict=True)
        ]
        await self.core.runs.decide(actor, run.id, answers)
        return await self.core.runs.wait(ANN, run.id)

    def done(self) -> list[str]:
        """The tools that ran, in order."""
        return [invocation.name for invocation in self.tools.invocations]

    async def bodies(self, run: Run, *kinds: type[EventBody]) -> list[Any]:
        gathered = await self.core.journal.gather(run.conversation_id, run_id=run.id)
        return [event.body for event in gathered.events if isinstance(event.body, kinds)]


def make_world(home: Path, **ports: Any) -> World:
    engine, tools, clock = ObeyingEngine(), noting_tools(), FakeClock()
    host = FakeToolServers(look=lambda _text: tools.document)
    sandbox = FakeSandbox()
    ports |= {"tool_servers": host, "tool_commands": ("serve",), "sandbox": sandbox}
    store = SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders"))
    core = fake_core(
        engine=engine, tools=tools, clock=clock, store=store, home=home / "work", **ports
    )
    return World(core, engine, tools, clock, store, sandbox)
