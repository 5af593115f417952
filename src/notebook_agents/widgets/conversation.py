"""A conversation as a Python object, wherever it was begun: magic, panel, server or REST."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversations import ConversationChanges, ForkConversation
from notebook_agents.core.models import Usage
from notebook_agents.magics.conversation_files import SUFFIXES, written
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.markdown import plain
from notebook_agents.widgets.chat_history import History, load
from notebook_agents.widgets.chat_static import as_html, as_text

if TYPE_CHECKING:
    from notebook_agents.widgets.agents import Kept
    from notebook_agents.widgets.chat import ChatPanel
    from notebook_agents.widgets.chat_board import Record


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    id: str
    role: str
    text: str
    run_id: str = ""
    tools: tuple[str, ...] = ()
    """Names of the tools that were called for it."""

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        text = " ".join(self.text.split())
        used = f" [{', '.join(self.tools)}]" if self.tools else ""
        return f"{self.role}{used}: {text[:80]}{'…' if len(text) > 80 else ''}"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One of your conversations; what is read of it is as it was when it was looked up."""

    id: str
    _kept: Kept = field(repr=False, compare=False)
    _history: History = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        """The beginning of its first message, unless it was renamed."""
        return self._history.conversation.title if self._history.conversation else ""

    @property
    def messages(self) -> list[Said]:
        """What was said, oldest first."""
        return [_said(message) for message in self._history.messages]

    @property
    def usage(self) -> Usage:
        """Tokens, and the cost where it is known."""
        return self._history.usage

    def fork(self, at: Said | str | None = None) -> Conversation:
        """A new conversation with the same messages, up to ``at`` or all of them."""
        id = at.id if isinstance(at, Said) else at
        if id is not None and id not in self._history.tips:
            raise AgentError(f"there is no message {id!r} in this conversation")
        tip = self._history.tips[id] if id is not None else ""
        wish = ForkConversation(at=tip, in_place=True, with_files=True)
        actor, original = self._kept.actor, self.id
        fork = self._kept.do(lambda core: core.conversations.fork(actor, original, wish))
        return self._kept.conversation(fork.id)

    def rename(self, title: str) -> Conversation:
        """Give it another title."""
        actor, id, changes = self._kept.actor, self.id, ConversationChanges(title=title)
        self._kept.do(lambda core: core.conversations.update(actor, id, changes))
        return self._kept.conversation(id)

    def delete(self) -> None:
        """Forget it."""
        actor, id = self._kept.actor, self.id
        self._kept.do(lambda core: core.conversations.delete(actor, id))

    def export(self, path: str | Path) -> Path:
        """Write it in the form that the path's suffix names, as ``%agent save`` does."""
        target = Path(path).expanduser()
        if target.suffix.lower() not in SUFFIXES:
            raise AgentError(f"cannot write {target.name!r}; name a file {', '.join(SUFFIXES)}")
        actor, id = self._kept.actor, self.id
        target.write_bytes(self._kept.do(lambda core: written(core, actor, id, target.suffix)))
        return target

    def chat(self, **settings: Any) -> ChatPanel:
        """Go on with it in a panel."""
        from notebook_agents.widgets.chat_making import chat

        return chat(conversation=self.id, **settings)

    def __iter__(self) -> Iterator[Said]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self._history.messages)

    def __repr__(self) -> str:
        return f"<Conversation {self.title!r}, {len(self)} messages, {self.id}>"

    def __str__(self) -> str:
        return as_text(self.title, self._history.messages)

    def _repr_html_(self) -> str:
        return as_html(self.title, self._history.messages)


class Conversations(list[Conversation]):
    """Conversations, newest first."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "no conversations yet"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(plain(each.title))}</td><td>{len(each)}</td>"
            f"<td><code>{escape(each.id)}</code></td></tr>"
            for each in self
        )
        head = "<tr><th>Title</th><th>Messages</th><th>Id</th></tr>"
        return f"<table>{head}{rows}</table>" if self else "<p>No conversations yet.</p>"


async def read(core: Any, actor: Any, id: str) -> History:
    """What a conversation object shows."""
    return await load(core, actor, id, {})


def _said(message: Record) -> Said:
    blocks = message["blocks"]
    return Said(
        id=message["id"],
        role=message["role"],
        text="\n\n".join(block["text"] for block in blocks if block["type"] == "text"),
        run_id=message["run_id"],
        tools=tuple(block["name"] for block in blocks if block["type"] == "tool"),
    )
