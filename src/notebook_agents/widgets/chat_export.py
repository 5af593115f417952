"""A conversation as a file that the browser keeps: what ``%agent save`` writes, with a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notebook_agents.magics.conversation_files import written
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.markdown import plain

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.widgets.chat_board import Record

FORMATS = {
    "notebook": (".ipynb", "application/x-ipynb+json"),
    "markdown": (".md", "text/markdown"),
}


async def exported(core: Core, actor: Actor, conversation: Conversation, format: str) -> Record:
    """The file: ``name``, ``media_type`` and ``text``; ``format`` is notebook or markdown."""
    if format not in FORMATS:
        raise AgentError(f"there is no format {format!r}; known: {', '.join(FORMATS)}")
    suffix, media_type = FORMATS[format]
    name = re.sub(r"[^\w.-]+", "-", plain(conversation.title)).strip("-.").lower()[:60] or "chat"
    content = await written(core, actor, conversation.id, suffix)
    return {"name": f"{name}{suffix}", "media_type": media_type, "text": content.decode()}
