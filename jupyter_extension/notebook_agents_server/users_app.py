"""``jupyter agents users``: accounts, opened, blocked and promoted on the server's own machine.

A password is never an argument, which others on the machine could see: it is asked for, or read as
a line of the standard input; an empty one makes a random one, which is printed once.
"""

from __future__ import annotations

import asyncio
import getpass
import secrets
import sys
from typing import TYPE_CHECKING

from traitlets import Bool, Unicode

from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.users import CreateUser, ListUsers
from notebook_agents_server.account_commands import AccountCommand

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor, User, Users

USAGE = """\
jupyter agents users create NAME EMAIL | list | disable NAME | enable NAME | password NAME
                     | promote NAME | demote NAME"""
DESCRIPTION = f"""\
Open, list, block and promote accounts:

    {USAGE}

create and password ask for the password, or read it from the standard input; an empty one makes a
random one and prints it. disable, enable and password end every login of the account.
"""
HEADER = "number  username  email  role  state  last login"
ALL_USERS = 100_000
"""More accounts than one deployment has."""


class UsersApp(AccountCommand):
    """Open, list, block and promote accounts."""

    name = "jupyter-agents-users"
    words = "jupyter agents users"
    description = DESCRIPTION
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.aliases,
        "full-name": "UsersApp.full_name",
    }
    flags = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.flags,
        "admin": ({"UsersApp": {"is_admin": True}}, "Open the account of an administrator."),
    }
    full_name = Unicode(help="What to call the user of a new account on screens.").tag(config=True)
    is_admin = Bool(help="Whether a new account is an administrator's.").tag(config=True)

    async def obey(self, core: Core, owner: Actor) -> list[str]:
        """Do what the command line says."""
        users = core.users
        match self.extra_args:
            case ["create", name, email]:
                return await self._create(users, name, email)
            case ["list"]:
                page = await users.list(owner, ListUsers(limit=ALL_USERS))
                return [HEADER, *(_line(user) for user in page.items)]
            case ["disable" | "enable" as word, name]:
                user = await _named(users, name)
                await users.set_active(owner, user.id, is_active=word == "enable")
                return [f"{word}d {user.username}"]
            case ["password", name]:
                user = await _named(users, name)
                password, lines = await _new_password()
                await users.set_password(owner, user.id, password)
                return [f"changed the password of {user.username}", *lines]
            case ["promote" | "demote" as word, name]:
                user = await _named(users, name)
                await users.set_admin(owner, user.id, is_admin=word == "promote")
                return [f"{word}d {user.username}"]
            case _:
                raise InvalidRequest(f"usage: {USAGE}")

    async def _create(self, users: Users, name: str, email: str) -> list[str]:
        password, lines = await _new_password()
        wish = CreateUser(
            username=name,
            email=email,
            password=password,
            name=self.full_name,
            is_admin=self.is_admin,
            is_email_verified=True,  # whoever may run this command vouches for it
        )
        user = await users.register(wish)
        return [f"created {user.username} ({user.role}, number {user.number})", *lines]


async def _new_password() -> tuple[str, list[str]]:
    """A password, and what to print when it was made here."""
    given = await asyncio.get_running_loop().run_in_executor(None, _ask)
    if given:
        return given, []
    made = secrets.token_urlsafe(15)
    return made, [f"password: {made}"]


def _ask() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password (empty makes one): ")
    return sys.stdin.readline().rstrip("\r\n")


async def _named(users: Users, name: str) -> User:
    user = await users.find(name)
    if user is None:
        raise NotFound("user", name)
    return user


def _line(user: User) -> str:
    state = "active" if user.is_active else "disabled"
    last = user.last_login.isoformat(timespec="seconds") if user.last_login else "never"
    return f"{user.number}  {user.username}  {user.email}  {user.role}  {state}  {last}"
