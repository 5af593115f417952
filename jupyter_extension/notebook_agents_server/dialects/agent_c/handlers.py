"""What the handlers of Agent C share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from notebook_agents_server.base import BaseHandler, Dialect
from notebook_agents_server.dialects.agent_c.dialect import AGENT_C

if TYPE_CHECKING:
    from notebook_agents.core.chats import Chat
    from notebook_agents.core.conversations import Conversation


class SessionHandler(BaseHandler):
    """A handler that answers errors as Agent C documents them."""

    dialect: ClassVar[Dialect] = AGENT_C

    async def ui_session(self, id: str) -> Conversation:
        """The conversation behind a session's id, which is its slug or its UUID."""
        return await self.core.conversations.resolve(self.actor, id)

    async def toolsets_of(self, chat: Chat) -> tuple[str, ...]:
        """The names of a chat's toolsets, those of the caller's tool servers among them."""
        return await self.core.toolsets.of_tools(self.actor, chat.tools)
