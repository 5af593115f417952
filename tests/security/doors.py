"""What the cases about doors share: people, their credentials, and tokens that are wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser, User
from notebook_agents_server.signing import Keyring, SigningKey
from notebook_agents_server.testing import Client

PASSWORD = "correct horse battery"
NOTHING = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Person:
    """An account that has logged in."""

    user: User
    client: Client
    token: str
    refresh: str


async def person(client: Client, core: Core, name: str) -> Person:
    """Open an account and log in."""
    wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
    user = await core.users.create(wish)
    body = {"username": name, "password": PASSWORD}
    login = (await client.holding(None).post("/v1/auth/login", body)).json
    token = login["access_token"]
    return Person(user, client.holding(token), token, login.get("refresh_token", ""))


async def signing_key(home: Path) -> SigningKey:
    """The key that a server signs with."""
    loop = asyncio.get_running_loop()
    return (await loop.run_in_executor(None, Keyring.open, home)).current


def token(
    key: SigningKey, user_id: str, *, header: Mapping[str, Any] | None = None, **claims: Any
) -> str:
    """A token as the server would sign it, but for the given claims and headers."""
    now = datetime.now(UTC)
    usual = {
        "iss": "notebook-agents",
        "aud": "notebook-agents",
        "sub": user_id,
        "jti": "j",
        "nbf": now,
        "exp": now + timedelta(hours=1),
    }
    whole = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    given = {"alg": "HS256", "kid": key.kid, **(header or {})}
    return jwt.encode(given, whole, OctKey.import_key(key.bytes), algorithms=[given["alg"]])
