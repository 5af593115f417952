"""What the handlers of the AI-Agent-API-Service share."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from notebook_agents.core.errors import NotFound
from notebook_agents_server.base import BaseHandler, Dialect
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents_server.sockets import BaseSocket


class AgentApiHandler(BaseHandler):
    """A handler that answers errors as the AI-Agent-API-Service documents them."""

    dialect: ClassVar[Dialect] = AGENT_API


async def session_of(door: BaseHandler | BaseSocket, name: str) -> Conversation:
    """A session of the caller's by its id, in any dialect's form, or by its slug."""
    with suppress(NotFound):  # it may be a slug
        name = door.id_of("conversation", name)
    return await door.core.conversations.resolve(door.actor, name)
