"""What the commands for accounts share: the records of a deployment, used on its own machine.

They work on the same records as a running server, so what they change is so at once.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, ClassVar

from jupyter_core.application import JupyterApp

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.users import Actor
from notebook_agents_server.config import ServerSettings
from notebook_agents_server.identity import ensure_owner
from notebook_agents_server.passwords import Argon2Hasher

if TYPE_CHECKING:
    from notebook_agents.core.core import Core


class AccountCommand(ServerSettings, JupyterApp):
    """A command of the owner's."""

    words: ClassVar[str] = ""
    """How the command is called."""
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **JupyterApp.aliases,
        "home": "AccountCommand.home",
        "database-url": "AccountCommand.database_url",
    }

    async def obey(self, core: Core, owner: Actor) -> list[str]:
        """Do what the command line says; returns the lines to print."""
        raise NotImplementedError

    def start(self) -> None:
        """Do what the command line says, or say why not."""
        try:
            lines = self.run()
        except NotebookAgentsError as error:
            sys.exit(f"{self.words}: {error.message}")
        sys.stdout.write("".join(f"{line}\n" for line in lines))

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
