"""``jupyter agents keys``: the owner's API keys, made and ended on the server's own machine.

It works on the same records as a running server, so a new key is good at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from traitlets import Bool, Int, Unicode

from notebook_agents.core.errors import InvalidRequest
from notebook_agents_server.account_commands import AccountCommand
from notebook_agents_server.signing import rotate

if TYPE_CHECKING:
    from notebook_agents.core.api_keys import ApiKey, ApiKeys
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor

USAGE = "jupyter agents keys create NAME | list | revoke KEY_ID | rotate-signing-key"
DESCRIPTION = f"""\
Make, list and revoke API keys of the owner, and replace the key that signs login tokens:

    {USAGE}

A new key may read, run and write; --scopes=read,run,write,admin says otherwise, --days=30 lets it
end. The signing key that was replaced is accepted until its tokens have expired; with --end-logins
it is not, and everybody logs in again.
"""


class KeysApp(AccountCommand):
    """Make, list and revoke API keys of the owner."""

    name = "jupyter-agents-keys"
    words = "jupyter agents keys"
    description = DESCRIPTION
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.aliases,
        "scopes": "KeysApp.scopes",
        "days": "KeysApp.expires_in_days",
    }
    flags = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.flags,
        "end-logins": ({"KeysApp": {"end_logins": True}}, "Accept no token of the old key."),
    }
    scopes = Unicode(help="What a new key is good for, with commas.").tag(config=True)
    expires_in_days = Int(0, min=0, help="When a new key ends; 0 is never.").tag(config=True)
    end_logins = Bool(help="Whether a replaced signing key is refused at once.").tag(config=True)

    def run(self) -> list[str]:
        """Obey; the signing key is no record of the database."""
        return [self._rotate()] if self.extra_args == ["rotate-signing-key"] else super().run()

    async def obey(self, core: Core, owner: Actor) -> list[str]:
        """Make, list or end a key."""
        keys = core.api_keys
        match self.extra_args:
            case ["create", name]:
                return [await self._create(name, keys, owner)]
            case ["list"]:
                page = await keys.list(owner, limit=1000)
                return [_line(key, datetime.now(UTC)) for key in page.items]
            case ["revoke", key_id]:
                key = await keys.revoke(owner, key_id)
                return [f"revoked {key.name}"]
            case _:
                raise InvalidRequest(f"usage: {USAGE}")

    async def _create(self, name: str, keys: ApiKeys, owner: Actor) -> str:
        scopes = [scope.strip() for scope in self.scopes.split(",")] if self.scopes else None
        days = timedelta(days=self.expires_in_days)
        expires_at = datetime.now(UTC) + days if days else None
        return (await keys.create(owner, name, scopes=scopes, expires_at=expires_at))[1]

    def _rotate(self) -> str:
        longest_s = max(self.token_lifetime_s, self.login_lifetime_s)
        home = self.build_config().home
        kid = rotate(home, accept_s=0 if self.end_logins else longest_s)
        return f"tokens are signed with the new key {kid}, by running servers in a few seconds"


def _line(key: ApiKey, now: datetime) -> str:
    is_over = key.expires_at is not None and key.expires_at <= now
    state = "revoked" if key.revoked_at else "expired" if is_over else "valid"
    return f"{key.id}  {key.prefix}…  {state}  {','.join(key.scopes)}  {key.name}"
