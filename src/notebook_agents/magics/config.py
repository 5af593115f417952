"""``%agent config``: the traits of the magic, where their values come from, and setting one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from traitlets import TraitError

from notebook_agents.magics.errors import AgentError, close_to
from notebook_agents.magics.facts import Facts
from notebook_agents.magics.waiting import Waits

if TYPE_CHECKING:
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.preferences import Preferences
    from notebook_agents.magics.session import Session


def config(session: Session, text: str, _options: Options) -> Waits[Facts]:
    """``%agent config [NAME[=VALUE]]``."""
    preferences = session.preferences
    name, _, value = re.sub(r"\s*=\s*", " ", text, count=1).strip().partition(" ")
    if not name:
        return Facts(tuple((name, _told(preferences, name)) for name in preferences.names()))
    if name not in preferences.names():
        near = close_to(name, list(preferences.names()))
        hint = f"did you mean {near}?" if near else "see: %agent config"
        raise AgentError(f"there is no setting {name!r}; {hint}")
    if value:
        try:
            preferences.set(name, value.strip().strip("\"'"))
        except TraitError as error:
            raise AgentError(str(error)) from error
    return Facts(((name, _told(preferences, name)),))
    yield


def _told(preferences: Preferences, name: str) -> str:
    value = getattr(preferences, name)
    return f"{value!r} ({preferences.source(name)}). {preferences.about(name)}"
