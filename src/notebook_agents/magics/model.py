"""``%agent model``: which model answers in this notebook, and choosing another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from notebook_agents.core.errors import NotFound
from notebook_agents.core.models import BUNDLED_MODEL, ModelInfo
from notebook_agents.magics.errors import AgentError, close_to, offer_model
from notebook_agents.magics.facts import Facts
from notebook_agents.magics.options import DEFAULT_MODEL
from notebook_agents.magics.transcript import BUNDLED_BADGE
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

CHANGE = (
    f"%agent model NAME, and back: %agent model {DEFAULT_MODEL}; for one prompt: %agent -m NAME …"
)


def choose_model(session: Session, name: str, _options: Options) -> Waits[Facts]:
    """Let ``name`` answer from now on, if one is given, and tell about the model that answers.

    Raises AgentError for a model that is not listed or not on this machine.
    """
    identity = yield from session.identify(anew=True)
    infos = yield from until(session.host.submit(lambda core: core.models.list()))
    session.known_models = [info.id for info in infos]
    name = session.aliases.resolve(name)
    if name in (DEFAULT_MODEL, session.preferences.model or identity.model):
        session.chosen_model = ""
    elif name:
        session.chosen_model = yield from _usable(session, name, infos)
    return Facts(tuple(_facts(session, infos)))


def model_text(session: Session) -> str:
    """The model that the next prompt goes to, and why that one."""
    model, default = session.model, session.default_model
    badge = f" ({BUNDLED_BADGE})" if model == BUNDLED_MODEL else ""
    why = f"chosen here; the default is {default}" if session.chosen_model else "the default"
    if session.preferences.model and not session.chosen_model:
        why = f"set by {session.preferences.source('model')}"
    return f"{model}{badge}, {why}"


def _facts(session: Session, infos: Sequence[ModelInfo]) -> Iterator[tuple[str, str]]:
    yield "Model", model_text(session)
    for info in infos:
        if info.id == session.model and info.description:
            yield "About", info.description
    if others := [_named(info) for info in infos if info.id != session.model]:
        yield "Others", ", ".join(others)
    yield "Change", CHANGE


def _named(info: ModelInfo) -> str:
    is_usable = info.status in ("available", "loaded", "loading")
    return info.id if is_usable else f"{info.id} ({info.status.replace('_', ' ')})"


def _usable(session: Session, name: str, infos: Sequence[ModelInfo]) -> Waits[str]:
    try:
        # A provider may have a model that it does not list.
        info = yield from until(session.host.submit(lambda core: core.models.get(name)))
    except NotFound:
        near = _nearest(name, [info.id for info in infos])
        known = f"known: {', '.join(info.id for info in infos)}"
        hint = f"did you mean {near}? {known}" if near else f"{known}; {offer_model(name)}"
        raise AgentError(f"there is no model {name!r}; {hint}") from None
    if info.status == "not_downloaded":
        # A download may take hours, so it is the person who begins it.
        raise AgentError(f"model {name!r} is not on this machine; run: hf download {name}")
    if info.status == "failed":
        raise AgentError(f"model {name!r} cannot be used: {info.description}".rstrip(": "))
    return name


def _nearest(name: str, ids: list[str]) -> str:
    """The id that is like the name, or whose last part is."""
    spellings = {id.rpartition("/")[2].lower(): id for id in ids} | {id.lower(): id for id in ids}
    return spellings.get(close_to(name.lower(), list(spellings)), "")
