"""``jupyter agents keys``: the owner's API keys, made and ended on the server's own machine.

It works on the same records as a running server, so a new key is good at once.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jupyter_core.application import JupyterApp
from traitlets import Bool, Int, Unicode

from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError
from notebook_agents.core.users import Actor
from notebook_agents_server.config import ServerSettings
from notebook_agents_server.identity import ensure_owner
from notebook_agents_server.passwords import Argon2Hasher
from notebook_agents_server.signing import rotate

if TYPE_CHECKING:
    from notebook_agents.core.api_keys import ApiKey, ApiKeys

USAGE = "jupyter agents keys create NAME | list | revoke KEY_ID | rotate-signing-key"
DESCRIPTION = f"""\
Make, list and revoke API keys of the owner, and replace the key that signs login tokens:

    {USAGE}

A new key may read, run and write; --scopes=read,run,write,admin says otherwise, --days=30 lets it
end. The signing key that was replaced is accepted until its tokens have expired; with --end-logins
it is not, and everybody logs in again.
"""


class KeysApp(ServerSettings, JupyterApp):
    """Make, list and revoke API keys of the owner."""

    name = "jupyter-agents-keys"
    description = DESCRIPTION
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **JupyterApp.aliases,
        "home": "KeysApp.home",
        "scopes": "KeysApp.scopes",
        "days": "KeysApp.expires_in_days",
    }
    flags = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **JupyterApp.flags,
        "end-logins": ({"KeysApp": {"end_logins": True}}, "Accept no token of the old key."),
    }
    scopes = Unicode(help="What a new key is good for, with commas.").tag(config=True)
    expires_in_days = Int(0, min=0, help="When a new key ends; 0 is never.").tag(config=True)
    end_logins = Bool(help="Whether a replaced signing key is refused at once.").tag(config=True)

    def start(self) -> None:
        """Do what the command line says."""
        try:
            words = list(self.extra_args)
            is_rotation = words == ["rotate-signing-key"]
            lines = [self._rotate()] if is_rotation else asyncio.run(self._run(words))
        except NotebookAgentsError as error:
            sys.exit(f"jupyter agents keys: {error.message}")
        sys.stdout.write("".join(f"{line}\n" for line in lines))

    async def _run(self, words: list[str]) -> list[str]:
        config = self.build_config()
        core = self.core_factory(config, hasher=Argon2Hasher())
        try:
            owner = await ensure_owner(core.users, config.home)
            actor = Actor(user_id=owner.id, username=owner.username, is_admin=True)
            return await self._obey(words, core.api_keys, actor)
        finally:
            await core.aclose()

    async def _obey(self, words: list[str], keys: ApiKeys, actor: Actor) -> list[str]:
        match words:
            case ["create", name]:
                return [await self._create(name, keys, actor)]
            case ["list"]:
                page = await keys.list(actor, limit=1000)
                return [_line(key, datetime.now(UTC)) for key in page.items]
            case ["revoke", key_id]:
                key = await keys.revoke(actor, key_id)
                return [f"revoked {key.name}"]
            case _:
                raise InvalidRequest(f"usage: {USAGE}")

    async def _create(self, name: str, keys: ApiKeys, actor: Actor) -> str:
        scopes = [scope.strip() for scope in self.scopes.split(",")] if self.scopes else None
        days = timedelta(days=self.expires_in_days)
        expires_at = datetime.now(UTC) + days if days else None
        return (await keys.create(actor, name, scopes=scopes, expires_at=expires_at))[1]

    def _rotate(self) -> str:
        longest_s = max(self.token_lifetime_s, self.login_lifetime_s)
        home = self.build_config().home
        kid = rotate(home, accept_s=0 if self.end_logins else longest_s)
        return f"tokens are signed with the new key {kid} from the next login on"


def _line(key: ApiKey, now: datetime) -> str:
    is_over = key.expires_at is not None and key.expires_at <= now
    state = "revoked" if key.revoked_at else "expired" if is_over else "valid"
    return f"{key.id}  {key.prefix}…  {state}  {','.join(key.scopes)}  {key.name}"
