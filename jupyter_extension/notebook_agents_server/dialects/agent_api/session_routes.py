"""Session Endpoints: make, list, read, fork and delete sessions, and read what was said in them.

A session is a conversation: those of the same user that were begun through other APIs are here too,
under their id or the words that they are remembered by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.agents import ASSISTANT
from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_api import session_mapping as mapping
from notebook_agents_server.dialects.agent_api import session_wire as wire
from notebook_agents_server.dialects.agent_api.handlers import AgentApiHandler, session_of
from notebook_agents_server.dialects.agent_api.paging import PageQuery
from notebook_agents_server.operations import operation

if TYPE_CHECKING:
    from notebook_agents.core.templates import Template
    from notebook_agents.core.transcripts import Transcript

SESSIONS = "/api/v1/sessions"


class Sessions(AgentApiHandler):
    """``/api/v1/sessions``."""

    endpoint = SESSIONS

    @operation(query=wire.SessionsQuery, answer=wire.SessionsAnswer, example="sessions")
    async def get(self) -> None:
        """The caller's sessions, newest first."""
        query = self.parse_query(wire.SessionsQuery)
        page = await self.core.conversations.select(self.actor, mapping.list_from_wire(query))
        self.reply(self.listing(mapping.sessions_to_wire(page, self.request.path, query)))

    def listing(self, answer: wire.SessionsAnswer) -> wire.SessionsAnswer:
        """The answer with what a server says beside it."""
        return answer

    @operation(
        body=wire.CreateSessionRequest,
        answer=wire.SessionAnswer,
        status=201,
        errors=(404,),
        example="session_create",
    )
    async def post(self) -> None:
        """Make a session, from a template if one is named."""
        body = self.parse(wire.CreateSessionRequest)
        template = await self._template(body.template_id)
        wish = mapping.start_from_wire(body, template, self.core.tools.names())
        if wish.settings.model is not None:
            await self.core.models.check(wish.settings.model)
        agent = await self.core.agents.ensure(self.actor, ASSISTANT)
        wish = replace(wish, agent_id=agent.id)
        session = await self.core.conversations.start(self.actor, wish)
        self.reply(mapping.session_to_wire(session), status=201)

    async def _template(self, id: str | None) -> Template | None:
        if id is None:
            return None
        return await self.core.templates.get(self.actor, self.id_of("template", id))


class SessionHandler(AgentApiHandler):
    """A handler of what belongs to one session."""

    async def session_id(self, name: str) -> str:
        """The id of a session of the caller's, by any name of it."""
        return (await session_of(self, name)).id

    async def transcript(self, name: str) -> Transcript:
        """All that was said and done in a session."""
        return await self.core.transcripts.get(self.actor, await self.session_id(name))


class Session(SessionHandler):
    """``/api/v1/sessions/{session_id}``."""

    endpoint = f"{SESSIONS}/{{session_id}}"

    @operation(answer=wire.SessionDetailAnswer, example="session")
    async def get(self, session_id: str) -> None:
        """A session with its totals."""
        self.reply(mapping.detail_to_wire(await self.transcript(session_id)))

    @operation(status=204, errors=(409,))
    async def delete(self, session_id: str) -> None:
        """End and delete a session with its files and its archive; what runs is stopped."""
        id = await self.session_id(session_id)
        await self.core.runs.cancel_all(self.actor, id)
        await self.core.conversations.delete(self.actor, id)
        self.set_status(204)


class Fork(SessionHandler):
    """``POST /api/v1/sessions/{session_id}/fork``."""

    endpoint = f"{SESSIONS}/{{session_id}}/fork"

    @operation(
        body=wire.ForkRequest,
        answer=wire.SessionAnswer,
        status=201,
        errors=(400,),
        example="session_fork",
    )
    async def post(self, session_id: str) -> None:
        """Another session with the same beginning and copies of the files."""
        body, id = self.parse(wire.ForkRequest), await self.session_id(session_id)
        fork = await self.core.conversations.fork(self.actor, id, mapping.fork_from_wire(body))
        self.reply(mapping.session_to_wire(fork), status=201)


class Messages(SessionHandler):
    """``GET /api/v1/sessions/{session_id}/messages``."""

    endpoint = f"{SESSIONS}/{{session_id}}/messages"

    @operation(query=PageQuery, answer=wire.MessagesAnswer, example="session_messages")
    async def get(self, session_id: str) -> None:
        """What was said, oldest first."""
        query, transcript = self.parse_query(PageQuery), await self.transcript(session_id)
        self.reply(mapping.messages_to_wire(transcript, self.request.path, query))


class ToolCalls(SessionHandler):
    """``GET /api/v1/sessions/{session_id}/tool-calls``."""

    endpoint = f"{SESSIONS}/{{session_id}}/tool-calls"

    @operation(query=PageQuery, answer=wire.ToolCallsAnswer, example="session_tool_calls")
    async def get(self, session_id: str) -> None:
        """The uses of tools, oldest first."""
        query, transcript = self.parse_query(PageQuery), await self.transcript(session_id)
        self.reply(mapping.tool_calls_to_wire(transcript, self.request.path, query))


ONE = rf"{SESSIONS}/([^/]+)"
ROUTES: list[Route] = [
    (SESSIONS, Sessions),
    (ONE, Session),
    (rf"{ONE}/fork", Fork),
    (rf"{ONE}/messages", Messages),
    (rf"{ONE}/tool-calls", ToolCalls),
]
