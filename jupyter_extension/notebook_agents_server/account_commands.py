"""What the commands for accounts share: the records of a deployment, used on its own machine.

They work on the same records as a running server, so what they change is so at once.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, ClassVar

from jupyter_core.application import JupyterApp
from traitlets import TraitError

from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError
from notebook_agents.core.users import Actor
from notebook_agents_server.config import ServerSettings
from notebook_agents_server.identity import ensure_owner
from notebook_agents_server.passwords import Argon2Hasher

if TYPE_CHECKING:
    from traitlets.config import Config

    from notebook_agents.build import BuildConfig
    from notebook_agents.core.core import Core

RECORDS_FILE = "store.db"
"""What makes a folder a home when the records are not in another database."""
_TRAIT = re.compile(r"(?:value of the )?'(\w+)' trait of an? \w+ instance")


class AccountCommand(ServerSettings, JupyterApp):
    """A command of the owner's."""

    words: ClassVar[str] = ""
    """How the command is called."""
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **JupyterApp.aliases,
        "home": "AccountCommand.home",
        "database-url": "AccountCommand.database_url",
    }

    def update_config(self, config: Config) -> None:
        """Take settings; a wrong one is named by the option that people type."""
        try:
            super().update_config(config)
        except TraitError as error:
            raise TraitError(_TRAIT.sub(self._option, str(error))) from None

    def _option(self, named: re.Match[str]) -> str:
        typed = (
            alias
            for alias, long in self.aliases.items()
            if isinstance(alias, str) and str(long).endswith(f".{named[1]}")
        )
        return f"option --{next(typed, f'{type(self).__name__}.{named[1]}')}"

    async def obey(self, core: Core, owner: Actor) -> list[str]:
        """Do what the command line says; returns the lines to print."""
        raise NotImplementedError

    def start(self) -> None:
        """Do what the command line says, or say why not."""
        try:
            _require_home(self.build_config())
            lines = self.run()
        except NotebookAgentsError as error:
            said = "\n".join(printable(line) for line in error.message.split("\n"))
            sys.exit(f"{self.words}: {said}")
        sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))

    def run(self) -> list[str]:
        """Obey on a loop of our own."""
        return asyncio.run(self._run())

    async def _run(self) -> list[str]:
        config = self.build_config()
        core = self.core_factory(config, hasher=Argon2Hasher())
        try:
            user = await ensure_owner(core.users, config.home)
            owner = Actor(user_id=user.id, username=user.username, is_admin=True)
            return await self.obey(core, owner)
        finally:
            await core.aclose()


def printable(text: str) -> str:
    """The text with escapes for what would steer a terminal or turn its writing around."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def _require_home(config: BuildConfig) -> None:
    """InvalidRequest for a mistyped folder, where an empty installation would be made."""
    if not config.database_url and not (config.home / RECORDS_FILE).is_file():
        raise InvalidRequest(
            f"{config.home} is no home of notebook-agents: it has no {RECORDS_FILE};"
            " correct --home, or start the server there once with `jupyter agents`",
            field="home",
        )
