"""Agent C's routes of sessions and of how their agents are configured."""

from __future__ import annotations

from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.runs import ListRuns
from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import session_mapping as mapping
from notebook_agents_server.dialects.agent_c import session_wire as wire
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.operations import operation

SESSIONS, CONFIGURATION = "sessions", "agent configuration"


class Initialize(SessionHandler):
    """``POST /api/v1/initialize``."""

    @operation(
        body=wire.InitializeRequest,
        answer=wire.InitializeAnswer,
        errors=(400, 409),
        example="initialize",
        tag=SESSIONS,
    )
    async def post(self) -> None:
        """Begin a session, or set one up anew whose history goes on.

        Fields that the model does not have are not applied and named in ``not_applied``, and so is
        a persona that is not there, for which the default one is taken.
        """
        wish = mapping.start_from_wire(self.parse(wire.InitializeRequest))
        self.reply(mapping.started_to_wire(await self.core.chats.start(self.actor, wish)))


class VerifySession(SessionHandler):
    """``GET /api/v1/verify_session/{ui_session_id}``."""

    @operation(answer=wire.VerifyAnswer, example="verify_session", tag=SESSIONS)
    async def get(self, ui_session_id: str) -> None:
        """Whether there is such a session of yours in which something can be said."""
        try:
            (await self.ui_session(ui_session_id)).require_open()
        except (NotFound, Conflict):
            self.reply(wire.VerifyAnswer(valid=False))
        else:
            self.reply(wire.VerifyAnswer(valid=True))


class UpdateSettings(SessionHandler):
    """``POST /api/v1/update_settings``."""

    @operation(
        body=wire.UpdateSettingsRequest,
        answer=wire.UpdateSettingsAnswer,
        errors=(400, 404),
        example="update_settings",
        tag=CONFIGURATION,
    )
    async def post(self) -> None:
        """Change how a session's agent answers from now on.

        What cannot be changed, such as a value that the model does not take or a persona that is
        not there, is named in ``failed_updates``; the rest changes.
        """
        body = self.parse(wire.UpdateSettingsRequest)
        session = await self.ui_session(body.ui_session_id)
        changes, skipped = mapping.changes_from_wire(body)
        update = await self.core.chats.update(self.actor, session, changes)
        self.reply(mapping.update_to_wire(update, skipped))


class AgentConfig(SessionHandler):
    """``GET /api/v1/get_agent_config/{ui_session_id}``."""

    @operation(answer=wire.AgentConfigAnswer, example="get_agent_config", tag=CONFIGURATION)
    async def get(self, ui_session_id: str) -> None:
        """How a session's agent is configured."""
        session = await self.ui_session(ui_session_id)
        chat = await self.core.chats.of(self.actor, session)
        self.reply(mapping.config_to_wire(chat, await self.toolsets_of(chat)))


class UpdateTools(SessionHandler):
    """``POST /api/v1/update_tools``."""

    @operation(
        body=wire.UpdateToolsRequest,
        answer=wire.UpdateToolsAnswer,
        errors=(400, 404),
        example="update_tools",
        tag=CONFIGURATION,
    )
    async def post(self) -> None:
        """Give a session's agent these toolsets and the essential ones, and no others."""
        body = self.parse(wire.UpdateToolsRequest)
        session = await self.ui_session(body.ui_session_id)
        chat = await self.core.chats.choose_tools(self.actor, session, tuple(body.tools))
        self.reply(mapping.tools_to_wire(chat, await self.toolsets_of(chat)))


class AgentTools(SessionHandler):
    """``GET /api/v1/get_agent_tools/{ui_session_id}``."""

    @operation(answer=wire.AgentToolsAnswer, example="get_agent_tools", tag=CONFIGURATION)
    async def get(self, ui_session_id: str) -> None:
        """The toolsets of a session's agent."""
        session = await self.ui_session(ui_session_id)
        chat = await self.core.chats.of(self.actor, session)
        self.reply(wire.AgentToolsAnswer(initialized_tools=list(await self.toolsets_of(chat))))


class AgentState(SessionHandler):
    """``GET /api/v1/debug_agent_state/{ui_session_id}``."""

    @operation(answer=wire.AgentStateAnswer, example="debug_agent_state", tag=CONFIGURATION)
    async def get(self, ui_session_id: str) -> None:
        """What was asked for, and what the next answer is really made with."""
        session = await self.ui_session(ui_session_id)
        self.reply(mapping.state_to_wire(await self.core.chats.of(self.actor, session)))


class ChatSession(SessionHandler):
    """``GET /api/v1/chat_session_debug/{ui_session_id}``."""

    @operation(answer=wire.ChatSessionAnswer, tag=CONFIGURATION)
    async def get(self, ui_session_id: str) -> None:
        """All about a session: its agent, its state and the newest messages."""
        session = await self.ui_session(ui_session_id)
        chat = await self.core.chats.of(self.actor, session)
        agent = await self.core.agents.get(self.actor, session.agent_id)
        wish = ListRuns(conversation_id=session.id, limit=1)
        runs = await self.core.runs.list(self.actor, wish)
        nodes = await self.core.conversations.messages(self.actor, session.id)
        toolsets = await self.toolsets_of(chat)
        self.reply(mapping.debug_to_wire(chat, toolsets, agent, runs, nodes))


ROUTES: list[Route] = [
    (r"/api/v1/initialize", Initialize),
    (r"/api/v1/verify_session/([^/]+)", VerifySession),
    (r"/api/v1/update_settings", UpdateSettings),
    (r"/api/v1/get_agent_config/([^/]+)", AgentConfig),
    (r"/api/v1/update_tools", UpdateTools),
    (r"/api/v1/get_agent_tools/([^/]+)", AgentTools),
    (r"/api/v1/debug_agent_state/([^/]+)", AgentState),
    (r"/api/v1/chat_session_debug/([^/]+)", ChatSession),
]
