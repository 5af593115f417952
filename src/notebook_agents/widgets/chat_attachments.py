"""What goes with the next message of a panel: files, pictures, and names of the notebook."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversations import StartConversation
from notebook_agents.core.messages import AttachmentPart
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.mentions import mentions
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.widgets.chat_board import Record
    from notebook_agents.widgets.chat_session import ChatSession

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MAX_IMAGE_BYTES = 8 << 20
MAX_PREVIEW_BYTES = 200_000
"""A larger picture is sent to the model, but not back to the browser."""
MAX_CELL_CHARS = 50_000
MAX_LABEL_CHARS = 40
CHARS_PER_TOKEN = 4
MENTIONS = {"variable": "@", "function": "&", "file": "@file:", "cell": "@cell:"}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """One thing that goes along."""

    chip: Record
    """What the panel shows of it."""
    parts: tuple[AttachmentPart, ...] = ()
    mention: str = ""
    """Words that the prompt gets, where the thing is named and not sent."""


def named(kind: str, value: str) -> Attached:
    """A variable, file or cell, by its name in a prompt."""
    if kind not in MENTIONS or not value:
        raise AgentError(f"cannot attach {kind or 'this'}; known: {', '.join(MENTIONS)}")
    bare = value
    for prefix in ("@file:", "@cell:", "file:", "cell:", "@", "&"):
        bare = bare.removeprefix(prefix)
    mention = f"{MENTIONS[kind]}{bare}"
    return Attached(
        chip={"id": _id(), "label": mention, "kind": kind, "tokens": None}, mention=mention
    )


def cell(session: ChatSession, source: str, number: int) -> Attached:
    """A cell that was dropped: by its number when it ran like this, else with its source."""
    ran = session.namespace.get("In", [])
    if 0 < number < len(ran) and ran[number].strip() == source.strip():
        return named("cell", str(number))
    if len(source) > MAX_CELL_CHARS:
        raise AgentError(f"the cell has more than {MAX_CELL_CHARS:,} characters; copy a part of it")
    content = session.visibility.masker(session.namespace).masked(source)
    first = next(iter(content.strip().splitlines()), "")
    chip = {
        "id": _id(),
        "label": f"cell: {first[:MAX_LABEL_CHARS]}",
        "kind": "cell",
        "tokens": len(content) // CHARS_PER_TOKEN,
    }
    return Attached(chip=chip, parts=(AttachmentPart(kind="code", content=content, name="cell"),))


def picture(name: str, media_type: str, content: bytes) -> Attached:
    """A picture that was pasted or dropped."""
    if len(content) > MAX_IMAGE_BYTES:
        raise AgentError(f"the picture {name!r} has more than {MAX_IMAGE_BYTES >> 20} MB")
    encoded = base64.b64encode(content).decode()
    chip: Record = {"id": _id(), "label": name, "kind": "image", "tokens": None}
    if len(content) <= MAX_PREVIEW_BYTES and media_type in ("image/png", "image/jpeg"):
        chip["image"] = f"data:{media_type};base64,{encoded}"
    part = AttachmentPart(kind="image", content=encoded, name=name, media_type=media_type)
    return Attached(chip=chip, parts=(part,))


def file(session: ChatSession, name: str, content: bytes) -> Waits[Attached]:
    """A file that was dropped: kept with the conversation, and read for the model."""
    identity = yield from session.identify()
    actor, folder = identity.actor, str(Path.cwd())
    if not session.conversation_id:
        start = StartConversation(agent_id=identity.agent_id, title=name[:80], workspace=folder)
        begun = yield from until(
            session.host.submit(lambda core: core.conversations.start(actor, start))
        )
        session.conversation_id = begun.id
    id = session.conversation_id
    parts = yield from until(
        session.host.submit(lambda core: _keep(core, actor, id, name, content))
    )
    n_tokens = sum(len(part.content) for part in parts) // CHARS_PER_TOKEN
    chip = {"id": _id(), "label": name, "kind": "file", "tokens": n_tokens}
    return Attached(chip=chip, parts=tuple(parts))


def offers(text: str, namespace: Mapping[str, Any], limit: int) -> list[Record]:
    """What could stand after an ``@``."""
    found = mentions(f"@{text}", namespace, Path.cwd())[:limit]
    return [_offer(name.removeprefix("@"), namespace) for name in found]


async def _keep(
    core: Core, actor: Actor, conversation_id: str, name: str, content: bytes
) -> Sequence[AttachmentPart]:
    receiving = await core.attachments.receive(actor)
    try:
        await receiving.write(content)
        kept = await core.attachments.add(actor, conversation_id, receiving, name)
    finally:
        await receiving.discard()
    return await core.attachments.message_parts(actor, conversation_id, [kept.id])


def _offer(name: str, namespace: Mapping[str, Any]) -> Record:
    for kind in ("file", "cell"):
        if name.startswith(f"{kind}:"):
            return {"value": name, "label": name, "kind": kind, "detail": ""}
    return {
        "value": name,
        "label": name,
        "kind": "variable",
        "detail": _detail(namespace.get(name)),
    }


def _detail(value: object) -> str:
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and all(isinstance(n, int) for n in shape):
        return f"{kind} {' x '.join(map(str, shape))}"
    return kind


def _id() -> str:
    return f"a{next(_numbers)}"
