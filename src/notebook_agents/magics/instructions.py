"""What a prompt's flags tell the model beside its text: a persona, instructions, the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.magics.errors import AgentError, close_to
from notebook_agents.magics.formats import INSTRUCTIONS
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.magics.flags import Options
    from notebook_agents.magics.session import Session


def instructions_of(session: Session, options: Options) -> Waits[str]:
    """The instructions of one prompt, or nothing; AgentError for a persona nobody knows."""
    persona = (yield from _persona(session, options.persona)) if options.persona else ""
    form = INSTRUCTIONS[options.format or "markdown"]
    return "\n".join(filter(None, (persona, options.system, form)))


def _persona(session: Session, name: str) -> Waits[str]:
    found = yield from until(session.host.submit(lambda core: core.personas.list()))
    by_name = {persona.name: persona.content for persona in found}
    session.known_personas = list(by_name)
    if name not in by_name:
        near = close_to(name, list(by_name))
        hint = f"did you mean {near}? " if near else ""
        raise AgentError(f"there is no persona {name!r}; {hint}known: {', '.join(by_name)}")
    return by_name[name]
