"""``%agent history`` and ``%agent resume``: what was said, and going on with it another day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.core.errors import NotFound
from notebook_agents.magics.conversation_text import Talk, talk_of
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.facts import Facts, Help
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    import pandas as pd

    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

MAX_LISTED = 50
MAX_LOOKED_AT = 1000
SHORT_ID = 8
"""Characters of an id that people are shown: the last ones, since the first tell the time."""
MIN_ID = 4


def history(session: Session, text: str, _options: Options) -> Waits[Talk | Help | pd.DataFrame]:
    """``%agent history [N|ID]`` and ``%agent history --all``."""
    actor = (yield from session.identify()).actor
    if text == "--all":
        found = yield from until(session.host.submit(lambda core: _newest(core, actor)))
        return _table(found, session.conversation_id)
    if len(text.split()) > 1:
        raise AgentError(
            "%agent history takes a number, the id of a conversation, or --all;"
            f" to send it as a prompt: %agent -- history {text}"
        )
    here, n = session.conversation_id, 0
    if text.isdecimal() and len(text) < MIN_ID:
        n = int(text)
    elif text:
        here = (yield from find(session, text)).id
    if not here:
        return Help("Nothing was said yet. Earlier conversations: %agent history --all")
    transcript = yield from until(
        session.host.submit(lambda core: core.transcripts.get(actor, here))
    )
    talk = talk_of(transcript)
    return _last(talk, n) if n else talk


def resume(session: Session, name: str, _options: Options) -> Waits[Facts]:
    """``%agent resume [ID]``."""
    identity = yield from session.identify()
    if identity.engaged is not None:
        raise AgentError("the notebook of a task has no conversation but its own")
    if name:
        found = yield from find(session, name)
    else:
        found = yield from _latest_here(session, identity.actor)
    return take_up(session, found)


def take_up(session: Session, conversation: Conversation) -> Facts:
    """Go on with a conversation; what it is, for people."""
    conversation.require_open()
    session.reset()
    session.conversation_id, session.folder = conversation.id, str(Path.cwd())
    rows = [
        (
            "Conversation",
            f"{conversation.id[-SHORT_ID:]}: {conversation.title or 'without a title'}",
        ),
        ("Messages", f"{conversation.message_count}; to read them: %agent history"),
    ]
    if conversation.workspace != session.folder:
        rows.append(("Its tools work in", conversation.workspace))
    rows.append(("Next", "the next prompt goes on with it; %agent reset begins a new one"))
    return Facts(tuple(rows))


def find(session: Session, name: str) -> Waits[Conversation]:
    """The conversation of that id, or of a part of it; AgentError when there is not one."""
    actor = (yield from session.identify()).actor
    found = yield from until(session.host.submit(lambda core: _find(core, actor, name)))
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} conversations have the id" if found else "there is no conversation"
    raise AgentError(f"{what} {name!r}; see: %agent history --all")


async def _find(core: Core, actor: Actor, name: str) -> list[Conversation]:
    try:
        return [await core.conversations.resolve(actor, name)]
    except NotFound:
        if len(name) < MIN_ID:
            return []
        page = await core.conversations.list(actor, limit=MAX_LOOKED_AT)
        part = name.lower()
        return [each for each in page.items if each.id.startswith(part) or each.id.endswith(part)]


async def _newest(core: Core, actor: Actor) -> list[Conversation]:
    """Those in which something was said, the one that was said last first."""
    page = await core.conversations.list(actor, limit=MAX_LOOKED_AT)
    said = [each for each in page.items if each.message_count]
    return sorted(said, key=lambda each: each.updated_at, reverse=True)


def _latest_here(session: Session, actor: Actor) -> Waits[Conversation]:
    found = yield from until(session.host.submit(lambda core: _newest(core, actor)))
    others = [each for each in found if each.id != session.conversation_id]
    for conversation in others:
        if conversation.workspace == str(Path.cwd()):
            return conversation
    if others:
        raise AgentError("no earlier conversation began in this folder; see: %agent history --all")
    raise AgentError("there is no earlier conversation; ask something with: %agent text")


def _last(talk: Talk, n: int) -> Talk:
    """The last ``n`` questions with their answers."""
    asked = [place for place, said in enumerate(talk.said) if said.who == "You"]
    return Talk(title=talk.title, said=talk.said[asked[-n] :]) if n <= len(asked) else talk


def _table(found: list[Conversation], current: str) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "id": each.id[-SHORT_ID:],
            "said last": each.updated_at.astimezone().strftime("%Y-%m-%d %H:%M"),
            "messages": each.message_count,
            "begins with": each.title[:60] + (" (this one)" if each.id == current else ""),
            "folder": each.workspace,
        }
        for each in found[:MAX_LISTED]
    ]
    return pd.DataFrame(rows, columns=["id", "said last", "messages", "begins with", "folder"])
