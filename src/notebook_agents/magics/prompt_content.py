"""What is asked in the end: the prompt with everything in it that it names."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.messages import AttachmentPart, Message, user_message
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.interpolation import Interpolated, interpolate
from notebook_agents.magics.references import Privacy
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.magics.options import Prompt
    from notebook_agents.magics.pictures import Picture
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.transcript import Transcript

_CALLED = re.compile(r"\s*/([A-Za-z_]\w*)(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A prompt, ready to be sent."""

    text: str
    pictures: tuple[Picture, ...] = ()
    parts: tuple[AttachmentPart, ...] = ()
    """What was sent along."""

    @property
    def message(self) -> Message:
        """What goes into the conversation."""
        return user_message(self.text, [*self.parts, *map(_attachment, self.pictures)])


def what_is_asked(request: Prompt, session: Session, transcript: Transcript) -> Waits[Asked]:
    """Put variables, cells, files and functions in; what was left out is noted.

    Raises AgentError when the prompt names something explicitly that is not there.
    """
    if request.is_literal:
        return Asked(text=request.text, parts=request.parts)
    is_tiny = transcript.model == BUNDLED_MODEL
    names = ChainMap({"Err": session.errors}, session.namespace)
    privacy = Privacy(
        why_hidden=session.visibility.why_hidden, masked=lambda text: _masked(text, session)
    )
    prompt = interpolate(request.text, names, are_frames_named=is_tiny, privacy=privacy)
    if prompt.problems:
        raise AgentError("; ".join(prompt.problems))
    for note in _notes(prompt):
        transcript.note(note)
    _offer(prompt.functions, session)
    yield from _offer_called(request.text, session)
    model, pictures = transcript.model, prompt.pictures
    yield from session.context.meet(session.host, model)
    if pictures and not session.context.sees(model):
        transcript.note(f"{model} does not see images; it was told in words what there is")
        pictures = ()
    return Asked(text=prompt.text, pictures=pictures, parts=request.parts)


def _masked(text: str, session: Session) -> str:
    """Without the secrets of the notebook, of its errors and of its results."""
    found = {f"error {n}": error.secrets for n, error in session.errors.items()}
    results = {"results": session.namespace.get("Out")}
    return session.visibility.masker(session.namespace, found | results).masked(text)


def _notes(prompt: Interpolated) -> list[str]:
    left = "was left as it is"
    return [
        *(f"{{{name}}} {left}: there is no variable {name}" for name in prompt.unresolved),
        *(f"{{{name}}} {left}: its value cannot be written as text" for name in prompt.unwritable),
        *prompt.notes,
    ]


def _offer_called(text: str, session: Session) -> Waits[None]:
    """A call that a person writes, ``/name …``, may be of a function of the notebook."""
    found = _CALLED.match(text)
    function = session.namespace.get(found[1]) if found else None
    if found is None or not callable(function):
        return
    known = yield from until(session.host.submit(_tool_names))
    if found[1] not in known:
        _offer([(found[1], function)], session)


async def _tool_names(core: Core) -> Sequence[str]:
    return core.tools.names()


def _offer(functions: Sequence[tuple[str, Callable[..., Any]]], session: Session) -> None:
    """Let the model call the functions, from now on."""
    for name, function in functions:
        try:
            session.functions.offer(name, function)
        except NotebookAgentsError as error:
            raise AgentError(error.message) from error


def _attachment(picture: Picture) -> AttachmentPart:
    return AttachmentPart(
        kind="image",
        content=picture.content,
        name=picture.about,
        media_type=picture.media_type,
        is_own=True,
    )
