"""``jupyter agents keys``: the owner's API keys, made and ended on the server's own machine.

It works on the same records as a running server, so a new key is good at once.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from jupyter_core.application import JupyterApp

from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError
from notebook_agents.core.users import Actor
from notebook_agents_server.config import ServerSettings
from notebook_agents_server.identity import ensure_owner
from notebook_agents_server.passwords import Argon2Hasher

if TYPE_CHECKING:
    from notebook_agents.core.api_keys import ApiKeys

USAGE = "jupyter agents keys create NAME | list | revoke KEY_ID"


class KeysApp(ServerSettings, JupyterApp):
    """Make, list and revoke API keys of the owner."""

    name = "jupyter-agents-keys"
    description = f"Make, list and revoke API keys of the owner:\n\n    {USAGE}"
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **JupyterApp.aliases,
        "home": "KeysApp.home",
    }

    def start(self) -> None:
        """Do what the command line says."""
        try:
            lines = asyncio.run(self._run(list(self.extra_args)))
        except NotebookAgentsError as error:
            sys.exit(f"jupyter agents keys: {error.message}")
        sys.stdout.write("".join(f"{line}\n" for line in lines))

    async def _run(self, words: list[str]) -> list[str]:
        config = self.build_config()
        core = self.core_factory(config, hasher=Argon2Hasher())
        try:
            owner = await ensure_owner(core.users, config.home)
            actor = Actor(user_id=owner.id, username=owner.username, is_admin=True)
            return await _obey(words, core.api_keys, actor)
        finally:
            await core.aclose()


async def _obey(words: list[str], keys: ApiKeys, actor: Actor) -> list[str]:
    match words:
        case ["create", name]:
            _, secret = await keys.create(actor, name)
            return [secret]
        case ["list"]:
            page = await keys.list(actor, limit=1000)
            return [
                f"{key.id}  {key.prefix}…  {'revoked' if key.revoked_at else 'valid'}  {key.name}"
                for key in page.items
            ]
        case ["revoke", key_id]:
            key = await keys.revoke(actor, key_id)
            return [f"revoked {key.name}"]
        case _:
            raise InvalidRequest(f"usage: {USAGE}")
