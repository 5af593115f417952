"""What the views of a panel may ask for: one function for each kind of request.

A function is a generator of waits; it returns what the view that asked is told beside the state, or
nothing. The state itself is told to all views by the board.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversations import ConversationChanges, ListConversations
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.waiting import Waits, until
from notebook_agents.widgets import chat_attachments, chat_changes
from notebook_agents.widgets.chat_export import exported

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.widgets.chat_board import Record
    from notebook_agents.widgets.chat_work import Chat

MAX_LISTED = 100
MAX_SEARCHED = 2000
Buffers = Sequence[Any]
Request = Callable[["Chat", "Record", Buffers], "Waits[Record | None]"]


def refresh(chat: Chat, _asked: Record, _buffers: Buffers) -> Waits[None]:
    """The whole state, for a view that is new or has missed something."""
    chat.board.tell_all()
    return
    yield


def send(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """A message of the person."""
    chat.send(_text(asked, "text"), _text(asked, "client_id"))
    return
    yield


def stop(chat: Chat, _asked: Record, _buffers: Buffers) -> Waits[None]:
    """End the run; what was written stays."""
    chat.stop()
    return
    yield


def cancel_queued(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Do not send a message that waits."""
    chat.take_back(_text(asked, "id"))
    return
    yield


def decide(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Allow or deny a call."""
    edited = asked.get("arguments")
    chat.decide(
        _text(asked, "call_id"),
        _text(asked, "decision"),
        _text(asked, "feedback"),
        edited if isinstance(edited, dict) else None,
    )
    return
    yield


def edit(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Say something else in place of a message."""
    yield from chat_changes.edit(
        chat, _text(asked, "message"), _text(asked, "text"), _text(asked, "client_id")
    )


def fork(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[Record]:
    """Go on from a message in a new conversation."""
    yield from chat_changes.fork(chat, _text(asked, "message"))
    return {"kind": "done", "text": "This is a new conversation; the other one is in the list"}


def hide(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Keep a question and its answer from the model, or no longer."""
    yield from chat_changes.hide(
        chat, _text(asked, "message"), is_hidden=bool(asked.get("is_hidden"))
    )


def set_model(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Let another model answer."""
    yield from chat_changes.choose_model(chat, _text(asked, "model"))


def set_mode(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Ask for more or for less."""
    chat.choose_mode(_text(asked, "mode"))
    return
    yield


def undo(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[Record]:
    """Take back what an answer changed."""
    text = yield from chat_changes.undo(chat, _text(asked, "run_id"))
    return {"kind": "done", "text": text}


def rate(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """What the person thinks of an answer."""
    yield from chat_changes.rate(chat, _text(asked, "run_id"), _text(asked, "rating"))


def new_conversation(chat: Chat, _asked: Record, _buffers: Buffers) -> Waits[None]:
    """An empty conversation."""
    yield from chat.open()


def open_conversation(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Another conversation."""
    yield from chat.open(_text(asked, "id"))


def list_conversations(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Those of the person, newest first, whose title has some words."""
    actor = (yield from chat.session.identify()).actor
    words = _text(asked, "query").lower().split()
    found = yield from until(chat.session.host.submit(lambda core: _search(core, actor, words)))
    here = chat.session.conversation_id
    rows = [
        {
            "id": each.id,
            "title": each.title or "Untitled",
            "updated_at": each.updated_at.timestamp(),
            "n_messages": each.message_count,
            "is_open": each.id == here,
        }
        for each in found
    ]
    chat.board.set(conversations=rows)
    chat.board.flush()


def rename_conversation(chat: Chat, asked: Record, buffers: Buffers) -> Waits[None]:
    """Another title."""
    id, title = _text(asked, "id"), _text(asked, "title").strip()
    if not title:
        raise AgentError("a conversation needs a title")
    yield from chat_changes.change(chat, id, ConversationChanges(title=title))
    yield from list_conversations(chat, {}, buffers)


def delete_conversation(chat: Chat, asked: Record, buffers: Buffers) -> Waits[None]:
    """Forget a conversation."""
    id = _text(asked, "id")
    is_open = id == chat.session.conversation_id
    if is_open:
        chat.require_rest()
    actor = (yield from chat.session.identify()).actor
    yield from until(chat.session.host.submit(lambda core: core.conversations.delete(actor, id)))
    if is_open:
        yield from chat.open()
    yield from list_conversations(chat, {}, buffers)


def complete(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[Record]:
    """What could stand after an ``@``."""
    limit = asked.get("limit")
    limit = limit if isinstance(limit, int) and 0 < limit <= MAX_LISTED else 20
    names = dict(chat.session.namespace)
    items = chat_attachments.offers(_text(asked, "text"), names, limit)
    return {"kind": "completions", "items": items}
    yield


def attach(chat: Chat, asked: Record, buffers: Buffers) -> Waits[None]:
    """Something that goes with the next message."""
    kind, name = _text(asked, "sort"), _text(asked, "name")
    if kind == "source":
        n_run = asked.get("number")
        attached = chat_attachments.cell(
            chat.session, _text(asked, "value"), n_run if isinstance(n_run, int) else 0
        )
    elif not buffers:
        attached = chat_attachments.named(kind, _text(asked, "value"))
    elif (media_type := _text(asked, "media_type")) in chat_attachments.IMAGES:
        attached = chat_attachments.picture(name or "picture", media_type, bytes(buffers[0]))
    else:
        attached = yield from chat_attachments.file(chat.session, name or "file", bytes(buffers[0]))
    chat.attachments[attached.chip["id"]] = attached
    chat.put_attachments()


def detach(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[None]:
    """Do not send it along."""
    chat.attachments.pop(_text(asked, "id"), None)
    chat.put_attachments()
    return
    yield


def export(chat: Chat, asked: Record, _buffers: Buffers) -> Waits[Record]:
    """The conversation as a file."""
    conversation, format = chat_changes.require(chat), _text(asked, "format")
    actor = (yield from chat.session.identify()).actor
    file = yield from chat.core(lambda core: exported(core, actor, conversation, format))
    return {"kind": "file", **file}


REQUESTS: dict[str, Request] = {
    function.__name__: function
    for function in (
        refresh, send, stop, cancel_queued, decide, edit, fork, hide, set_model, set_mode, undo,
        rate, new_conversation, open_conversation, list_conversations, rename_conversation,
        delete_conversation, complete, attach, detach, export,
    )
}  # fmt: skip
"""By the word that a view says."""
AT_ONCE = frozenset({"refresh", "send", "stop", "cancel_queued", "decide", "set_mode", "complete"})
"""Served without waiting for the request before."""


async def _search(core: Core, actor: Actor, words: Sequence[str]) -> list[Conversation]:
    page = await core.conversations.select(actor, ListConversations(limit=MAX_SEARCHED))
    found = [
        each
        for each in page.items
        if each.message_count and all(word in each.title.lower() for word in words)
    ]
    return found[:MAX_LISTED]


def _text(asked: Record, name: str) -> str:
    value = asked.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AgentError(f"{name} must be a text")
    return value
