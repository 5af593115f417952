"""Netra's routes: parse, call the core, reply.

``/v2`` is another name for ``/api``. Beside the document's paths there are older names of the same
things: ``run_agent``, ``{run_id}/status``, ``{run_id}/state`` and ``thread/{thread_id}/runs``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from notebook_agents.core.conversations import ConversationChanges, StartConversation
from notebook_agents_server.base import BaseHandler, Dialect, Route, UnknownPath
from notebook_agents_server.dialects.netra import health_routes, mapping, wire, workload_routes
from notebook_agents_server.dialects.netra.dialect import NETRA
from notebook_agents_server.dialects.netra.sockets import NetraSocket
from notebook_agents_server.dialects.netra.starting import start
from notebook_agents_server.operations import operation

NEW_TITLE = "New thread"


class NetraHandler(BaseHandler):
    """A handler that answers errors as Netra documents them."""

    dialect: ClassVar[Dialect] = NETRA


# -- Agent Endpoints ---------------------------------------------------------------------------


class Execute(NetraHandler):
    """``POST /api/agent/execute``."""

    scope = "run"
    limit_group = "agent_execution"

    @operation(
        body=wire.ExecuteRequest,
        answer=wire.ExecuteAnswer,
        errors=(400, 404),
        example="agent_execute",
    )
    async def post(self) -> None:
        """Start an optimization; it goes on in the background."""
        await self.execute(self.parse(wire.ExecuteRequest))

    async def execute(self, body: wire.ExecuteRequest) -> None:
        """Start what the body asks for."""
        context = body.context
        thread = self.id_of("thread", body.thread_id) if body.thread_id else ""
        parameters = mapping.parameters_from_wire(context.workload_id, context.parameters)
        wish = mapping.start_from_wire(body.message, parameters, thread, {})
        self.reply(mapping.started_to_wire(await start(self.core, self.actor, wish)))


class RunAgent(Execute):
    """``POST /api/agent/run_agent``."""

    @operation(body=wire.RunAgentRequest, answer=wire.ExecuteAnswer, errors=(400, 404))
    async def post(self) -> None:
        """Start an optimization, under its older name."""
        await self.execute(self.parse(wire.RunAgentRequest))


class Status(NetraHandler):
    """``GET /api/agent/status/{run_id}`` and ``GET /api/agent/{run_id}/status``."""

    @operation(answer=wire.StatusAnswer, example="agent_status")
    async def get(self, run_id: str) -> None:
        """A run now, with its result once it has one."""
        run = await self.core.runs.get(self.actor, self.id_of("run", run_id))
        self.reply(mapping.run_to_wire(run))


class State(NetraHandler):
    """``GET /api/agent/{run_id}/state``."""

    @operation(answer=wire.StateAnswer)
    async def get(self, run_id: str) -> None:
        """All about a run."""
        run = await self.core.runs.get(self.actor, self.id_of("run", run_id))
        state = mapping.run_to_wire(run)
        self.reply(wire.StateAnswer(run_id=state.run_id, state=state))


class History(NetraHandler):
    """``GET /api/agent/history``."""

    @operation(query=wire.HistoryQuery, answer=wire.HistoryAnswer, example="agent_history")
    async def get(self) -> None:
        """The caller's runs, newest first."""
        wish = mapping.list_from_wire(self.parse_query(wire.HistoryQuery))
        self.reply(mapping.history_to_wire(await self.core.runs.list(self.actor, wish)))


class ThreadRuns(NetraHandler):
    """``GET /api/agent/thread/{thread_id}/runs``."""

    @operation(query=wire.PageQuery, answer=wire.ThreadRunsAnswer)
    async def get(self, thread_id: str) -> None:
        """The runs of a thread, newest first."""
        id = self.id_of("thread", thread_id)
        await self.core.conversations.get(self.actor, id)
        query = wire.HistoryQuery(**self.parse_query(wire.PageQuery).model_dump())
        wish = replace(mapping.list_from_wire(query), conversation_id=id)
        self.reply(mapping.thread_runs_to_wire(id, await self.core.runs.list(self.actor, wish)))


# -- Thread Endpoints --------------------------------------------------------------------------


class Threads(NetraHandler):
    """``/api/threads``."""

    @operation(query=wire.PageQuery, answer=wire.ThreadsAnswer, example="threads")
    async def get(self) -> None:
        """The caller's threads, newest first."""
        limit, offset = mapping.window(self.parse_query(wire.PageQuery))
        page = await self.core.conversations.list(self.actor, limit=limit, offset=offset)
        self.reply(mapping.threads_to_wire(page))

    @operation(body=wire.ThreadRequest, answer=wire.ThreadAnswer, status=201)
    async def post(self) -> None:
        """Begin an empty thread."""
        body = self.parse(wire.ThreadRequest)
        agent = await self.core.agents.ensure(self.actor, mapping.AGENT)
        wish = StartConversation(
            agent_id=agent.id, title=body.title or NEW_TITLE, context=body.metadata or {}
        )
        thread = await self.core.conversations.start(self.actor, wish)
        self.reply(mapping.thread_to_wire(thread), status=201)


class Thread(NetraHandler):
    """``/api/threads/{thread_id}``."""

    @operation(answer=wire.ThreadDetailAnswer, example="thread")
    async def get(self, thread_id: str) -> None:
        """A thread with its messages."""
        id = self.id_of("thread", thread_id)
        thread = await self.core.conversations.get(self.actor, id)
        nodes = await self.core.conversations.messages(self.actor, id)
        self.reply(mapping.detail_to_wire(thread, nodes))

    @operation(body=wire.ThreadRequest, answer=wire.ThreadAnswer)
    async def put(self, thread_id: str) -> None:
        """Change what is given."""
        id, body = self.id_of("thread", thread_id), self.parse(wire.ThreadRequest)
        changes = ConversationChanges(title=body.title, context=body.metadata)
        thread = await self.core.conversations.update(self.actor, id, changes)
        self.reply(mapping.thread_to_wire(thread))

    @operation(answer=wire.MessageAnswer, example="thread_delete")
    async def delete(self, thread_id: str) -> None:
        """Delete a thread with its messages and runs; what still runs is stopped."""
        id = self.id_of("thread", thread_id)
        await self.core.conversations.get(self.actor, id)
        await self.core.runs.cancel_all(self.actor, id)
        await self.core.conversations.delete(self.actor, id)
        self.reply(wire.MessageAnswer(message="Thread deleted successfully"))


class Messages(NetraHandler):
    """``GET /api/threads/{thread_id}/messages``."""

    @operation(query=wire.PageQuery, answer=wire.MessagesAnswer)
    async def get(self, thread_id: str) -> None:
        """The messages of a thread, oldest first."""
        query, id = self.parse_query(wire.PageQuery), self.id_of("thread", thread_id)
        thread = await self.core.conversations.get(self.actor, id)
        nodes = await self.core.conversations.messages(self.actor, id)
        self.reply(mapping.messages_to_wire(thread, nodes, query))


class Unknown(UnknownPath):
    """JSON 404 for the rest of Netra's paths."""

    dialect = NETRA


AGENT = r"/(?:api|v2)/agent"
THREADS = r"/(?:api|v2)/threads"
ROUTES: list[Route] = [
    (rf"{AGENT}/execute", Execute),
    (rf"{AGENT}/run_agent", RunAgent),
    (rf"{AGENT}/status/([^/]+)", Status),
    (rf"{AGENT}/history", History),
    (rf"{AGENT}/thread/([^/]+)/runs", ThreadRuns),
    (rf"{AGENT}/([^/]+)/status", Status),
    (rf"{AGENT}/([^/]+)/state", State),
    (rf"{THREADS}", Threads),
    (rf"{THREADS}/([^/]+)", Thread),
    (rf"{THREADS}/([^/]+)/messages", Messages),
    *workload_routes.ROUTES,
    *health_routes.ROUTES,
    (r"/ws", NetraSocket),
    (r"/health/.+", Unknown),
    (r"/v2(/.*)?", Unknown),
]
UNKNOWN: Route = (r"/api/(?:agent|threads|workloads)/.+", Unknown)
"""Nothing broader: the rest of ``/api`` is Jupyter's own."""
