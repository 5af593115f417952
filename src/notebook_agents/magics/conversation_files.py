"""``%agent save`` and ``%agent load``: a conversation as a file, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.core.conversations import StartConversation
from notebook_agents.core.reports import CreateReport
from notebook_agents.core.transcript_files import (
    SavedConversation,
    saved_from_json,
    transcript_to_json,
)
from notebook_agents.magics.conversations import take_up
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.facts import Facts, Help
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.report_documents import ReportFormat
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

REPORTS: dict[str, ReportFormat] = {
    ".md": "markdown", ".ipynb": "ipynb", ".html": "html", ".pdf": "pdf"
}  # fmt: skip
"""What is written, by the suffix of the file; ``.json`` can be loaded again."""
SUFFIXES = (*REPORTS, ".json")
FORCE = "--force"


def save(session: Session, text: str, _options: Options) -> Waits[Help]:
    """``%agent save [--force] PATH``."""
    is_forced = text.split(" ")[0] == FORCE
    path = _path("save", text.removeprefix(FORCE))
    if path.suffix.lower() not in SUFFIXES:
        raise AgentError(
            f"{path.name!r} says no form; end it in one of {', '.join(SUFFIXES)}, such as talk.md"
        )
    if not session.conversation_id:
        raise AgentError("nothing was said yet; go on with an earlier one: %agent resume")
    if path.exists() and not is_forced:
        raise AgentError(f"{path} exists; to replace it: %agent save {FORCE} {path}")
    actor, id = (yield from session.identify()).actor, session.conversation_id
    writing = session.host.submit(lambda core: written(core, actor, id, path.suffix))
    content = yield from until(writing)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AgentError(f"{path} cannot be written: {error.strerror}") from error
    more = f"; to go on with it: %agent load {path}" if path.suffix == ".json" else ""
    return Help(f"Saved to {path} ({len(content):,} bytes){more}")


def load(session: Session, text: str, _options: Options) -> Waits[Facts]:
    """``%agent load PATH.json``."""
    path = _path("load", text)
    if path.suffix.lower() != ".json":
        raise AgentError(
            f"only what was saved as .json can be loaded, not {path.name!r};"
            " to go on with a recorded conversation: %agent resume ID"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = "to go on with a recorded one: %agent resume"
        raise AgentError(f"{path} cannot be read: {error.strerror}; {hint}") from error
    saved = saved_from_json(content)
    identity = yield from session.identify()
    if identity.engaged is not None:
        raise AgentError("the notebook of a task has no conversation but its own")
    wish = StartConversation(
        agent_id=identity.agent_id, title=saved.title[:80], workspace=str(Path.cwd())
    )
    actor = identity.actor
    begun = yield from until(
        session.host.submit(lambda core: core.transcripts.begin(actor, wish, saved.messages))
    )
    facts = take_up(session, begun)
    return Facts((*facts.rows, *_models(saved)))


def _models(saved: SavedConversation) -> tuple[tuple[str, str], ...]:
    return (("Answered by", ", ".join(saved.models)),) if saved.models else ()


def _path(command: str, text: str) -> Path:
    text = text.strip()
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        text = text[1:-1]
    if not text:
        raise AgentError(f"%agent {command} needs a path, such as: %agent {command} talk.json")
    return Path(text).expanduser()


async def written(core: Core, actor: Actor, conversation_id: str, suffix: str) -> bytes:
    """A conversation as a file of that suffix, one of `SUFFIXES`."""
    if (form := REPORTS.get(suffix.lower())) is not None:
        return await core.reports.render(
            actor, CreateReport(conversation_id=conversation_id, format=form)
        )
    transcript = await core.transcripts.get(actor, conversation_id)
    return await asyncio.to_thread(transcript_to_json, transcript)
