"""``%agent alias``: short names for models, kept in the profile of IPython."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.magics.errors import AgentError, close_to
from notebook_agents.magics.facts import Facts, Help
from notebook_agents.magics.waiting import Waits

if TYPE_CHECKING:
    from notebook_agents.magics.flags import Options
    from notebook_agents.magics.session import Session

FOLDER = "notebook_agents"
FILE = "aliases.json"


class Aliases:
    """The aliases of one profile; read anew each time, as another kernel may add one."""

    def __init__(self, shell: Any) -> None:
        profile = getattr(shell, "profile_dir", None)
        self._path = Path(profile.location, FOLDER, FILE) if profile is not None else None
        self._own: dict[str, str] = {}
        """Where there is no profile."""

    def all(self) -> dict[str, str]:
        """The models by alias; AgentError when the file is not what we wrote."""
        if self._path is None:
            return dict(self._own)
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise AgentError(f"the aliases in {self._path} cannot be read: {error}") from error
        return {str(name): str(model) for name, model in dict(found).items()}

    def resolve(self, name: str) -> str:
        """The model that a name stands for: itself, unless it is an alias."""
        return self.all().get(name, name) if name else name

    def keep(self, aliases: dict[str, str]) -> None:
        """These are all, from now on."""
        self._own = dict(aliases)
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            written = self._path.with_suffix(".new")
            written.write_text(json.dumps(aliases, indent=1, sort_keys=True), "utf-8")
            written.replace(self._path)
        except OSError as error:
            raise AgentError(f"the alias cannot be kept in {self._path}: {error}") from error


def alias(session: Session, text: str, _options: Options) -> Waits[Facts | Help]:
    """``%agent alias [NAME MODEL]``."""
    words, known = text.split(), session.aliases.all()
    if len(words) == 2:
        name, model = words
        if "/" in name or name == "default" or name.startswith("-"):
            raise AgentError(f"an alias is one word without a slash, not {name!r}")
        known[name] = session.aliases.resolve(model)
        session.aliases.keep(known)
    elif words:
        raise AgentError("%agent alias takes a name and a model: %agent alias NAME MODEL")
    if not known:
        return Help("No aliases yet; make one: %agent alias NAME MODEL")
    return Facts(tuple(sorted(known.items())))
    yield


def dealias(session: Session, name: str, _options: Options) -> Waits[Help]:
    """``%agent dealias NAME``."""
    known = session.aliases.all()
    if not name:
        raise AgentError("%agent dealias takes the name of an alias; see: %agent alias")
    if name not in known:
        near = close_to(name, list(known))
        hint = f"did you mean {near}?" if near else "see: %agent alias"
        raise AgentError(f"there is no alias {name!r}; {hint}")
    model = known.pop(name)
    session.aliases.keep(known)
    return Help(f"{name} is no alias any more (it was {model}).")
    yield
