"""What a person does to a conversation in a panel beside writing: fork, edit, hide, undo."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.checkpoint_events import AnswerRated, Rating
from notebook_agents.core.conversations import ConversationChanges, ForkConversation
from notebook_agents.core.journal import Source
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.undo import undo_answer
from notebook_agents.magics.waiting import Waits

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.core import Core
    from notebook_agents.widgets.chat_work import Chat

RATINGS: dict[str, Rating] = {"good": "good", "bad": "bad", "none": "none"}


def fork(chat: Chat, message_id: str) -> Waits[None]:
    """Go on in a new conversation that ends with this message."""
    yield from _fork(chat, ForkConversation(at=_known(chat.history.tips, message_id)))


def edit(chat: Chat, message_id: str, text: str, client_id: str = "") -> Waits[None]:
    """Say something else in place of a message, in a new conversation; the old one stays."""
    chat.require_rest()
    if not text.strip():
        raise AgentError("the message is empty; write something first")
    if any(message["id"] == message_id for message in chat.unsent):
        chat.unsent = []
        chat.show()
    else:
        before = _known(chat.history.parents, message_id)
        wish = ForkConversation(at=before) if before else ForkConversation(n_messages=0)
        yield from _fork(chat, wish)
    chat.send(text, client_id)


def hide(chat: Chat, message_id: str, *, is_hidden: bool) -> Waits[None]:
    """Keep a question and its answer from the model, or tell them again."""
    chat.require_rest()
    conversation = require(chat)
    run_id = next((m["run_id"] for m in chat.history.messages if m["id"] == message_id), "")
    if not run_id:
        raise AgentError("this message belongs to no answer, so it cannot be hidden")
    others = [id for id in conversation.settings.hidden_runs if id != run_id]
    hidden = (*others, *([run_id] if is_hidden else []))
    settings = replace(conversation.settings, hidden_runs=hidden)
    yield from change(chat, conversation.id, ConversationChanges(settings=settings))


def rate(chat: Chat, run_id: str, rating: str) -> Waits[None]:
    """Keep what the person thinks of an answer; ``none`` takes it back."""
    if rating not in RATINGS:
        raise AgentError(f"there is no rating {rating!r}; known: {', '.join(RATINGS)}")
    conversation = require(chat)
    actor = (yield from chat.session.identify()).actor
    run = yield from chat.core(lambda core: core.runs.get(actor, run_id))
    others = {id: known for id, known in conversation.settings.ratings.items() if id != run.id}
    ratings = others if rating == "none" else {**others, run.id: rating}
    settings = replace(conversation.settings, ratings=ratings)
    yield from change(chat, conversation.id, ConversationChanges(settings=settings))
    source = Source(
        user_id=actor.user_id,
        dialect=actor.dialect,
        conversation_id=conversation.id,
        run_id=run.id,
    )
    event = AnswerRated(rating=RATINGS[rating])
    yield from chat.core(lambda core: _record(core, event, source))


def change(chat: Chat, conversation_id: str, changes: ConversationChanges) -> Waits[None]:
    """Change a conversation, and show it when it is the one that is shown."""
    actor = (yield from chat.session.identify()).actor
    yield from chat.core(lambda core: core.conversations.update(actor, conversation_id, changes))
    if conversation_id == chat.session.conversation_id and not chat.is_busy:
        yield from chat.reload()


def choose_model(chat: Chat, model: str) -> Waits[None]:
    """Let another model answer from the next message on; empty is the agent's own."""
    if model:
        yield from chat.core(lambda core: core.models.check(model))
    chat.session.chosen_model = model
    if chat.is_busy:
        chat.board.set(header=chat.header_record())
        chat.board.flush()
    else:
        yield from chat.reload()


def undo(chat: Chat, run_id: str) -> Waits[str]:
    """Take back what a run changed in variables and files; what was put back, in words."""
    chat.require_rest()
    actor = (yield from chat.session.identify()).actor
    run = yield from chat.core(lambda core: core.runs.get(actor, run_id))
    chat.undone[run_id] = str(undo_answer(chat.session, run, is_forced=False))
    chat.show()
    return chat.undone[run_id]


def require(chat: Chat) -> Conversation:
    """The conversation that is shown; AgentError before its first message."""
    if chat.history.conversation is None:
        raise AgentError("nothing was said yet")
    return chat.history.conversation


def _fork(chat: Chat, wish: ForkConversation) -> Waits[None]:
    chat.require_rest()
    conversation = require(chat)
    actor = (yield from chat.session.identify()).actor
    wish = replace(wish, in_place=True, with_files=True)
    made = yield from chat.core(lambda core: core.conversations.fork(actor, conversation.id, wish))
    yield from chat.open(made.id)


async def _record(core: Core, body: AnswerRated, source: Source) -> None:
    core.journal.record(body, source)


def _known(places: dict[str, str], message_id: str) -> str:
    if message_id not in places:
        raise AgentError("this message is not kept, so nothing can follow it")
    return places[message_id]
