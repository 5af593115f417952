"""N02, N03: login tokens and API keys that are almost right."""

from __future__ import annotations

import base64
import hmac
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.security.doors import person, signing_key, token
from tornado.simple_httpclient import HTTPStreamClosedError

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor
from notebook_agents_server.signing import SigningKey
from notebook_agents_server.testing import Client

MEGABYTE = 1 << 20


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


def encoded(value: bytes | str | dict[str, Any]) -> str:
    """Base64 of a part of a token."""
    text = value if isinstance(value, bytes | str) else json.dumps(value)
    data = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: dict[str, Any], claims: dict[str, Any] | str, secret: bytes) -> str:
    """A token by hand: the library refuses to write most of these."""
    head = f"{encoded(header)}.{encoded(claims)}"
    return f"{head}.{encoded(hmac.digest(secret, head.encode(), 'sha256'))}"


def forged(key: SigningKey, user_id: str) -> dict[str, str]:
    """Everything that must not pass, by its name."""
    now = datetime.now(UTC)
    rsa = RSAKey.generate_key(2048)
    claims: dict[str, Any] = {"iss": "notebook-agents", "aud": "notebook-agents", "jti": "j"}
    claims |= {"sub": user_id, "nbf": 0, "exp": 9_999_999_999}
    ours = {"alg": "HS256", "kid": key.kid}
    twice = json.dumps(claims)[:-1] + ', "sub": "somebody"}'
    made = {
        "none": f"{encoded({**ours, 'alg': 'none'})}.{encoded(claims)}.",
        "None": f"{encoded({**ours, 'alg': 'None'})}.{encoded(claims)}.",
        "public key as secret": signed(ours, claims, rsa.as_pem(private=False)),
        "rsa": jwt.encode({**ours, "alg": "RS256"}, claims, rsa, algorithms=["RS256"]),
        "expired": token(key, user_id, nbf=now - timedelta(2), exp=now - timedelta(1)),
        "not yet": token(key, user_id, nbf=now + timedelta(1), exp=now + timedelta(2)),
        "audience": token(key, user_id, aud="somebody"),
        "issuer": token(key, user_id, iss="somebody"),
        "no audience": token(key, user_id, aud=None),
        "no end": token(key, user_id, exp=None),
        "no beginning": token(key, user_id, nbf=None),
        "two users": signed(ours, twice, key.bytes),
        "unknown crit": signed({**ours, "crit": ["exp"], "exp": 1}, claims, key.bytes),
        "longer": token(key, user_id) + "A",
        "huge claim": token(key, user_id, sub="x" * 20_000),
    }
    for kid in ("../../dev/null", "/dev/null", "' OR '1'='1", "", "\u0000"):
        made[f"kid {kid!r}"] = signed({"alg": "HS256", "kid": kid}, claims, b"")
    return made


async def test_n02_no_forged_token_opens_anything(
    client: Client, core: Core, tmp_path: Path
) -> None:
    ann = await person(client, core, "ann")
    assert (await ann.client.get("/v1/auth/me")).status == 200
    key = await signing_key(tmp_path / "home")
    for name, text in forged(key, ann.user.id).items():
        answer = await client.holding(text).get("/v1/auth/me")
        assert answer.status == 401, (name, answer.status)
        assert ann.user.id not in answer.body.decode()
    huge = "eyJ" + "A" * MEGABYTE
    refused = await client.holding(None).post("/v1/auth/refresh", {"refresh_token": huge})
    assert refused.status == 413
    # In a header it is longer than any header may be: the connection ends, the server goes on.
    with suppress(ConnectionError, HTTPStreamClosedError):
        assert (await client.holding(huge).get("/v1/auth/me")).status in (400, 401, 431)
    assert (await ann.client.get("/v1/auth/me")).status == 200


async def test_n03_keys_are_worth_what_they_say_and_do_not_travel_in_addresses(
    client: Client, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ann, bob = await person(client, core, "ann"), await person(client, core, "bob")
    actor = Actor(user_id=ann.user.id, username="ann")
    key, secret = await core.api_keys.create(actor, "one")
    reader = (await ann.client.post("/v1/auth/keys", {"name": "r", "scopes": ["read"]})).json
    agent = (await ann.client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    assert (await client.holding(reader["api_key"]).post("/v1/agents", {"name": "b"})).status == 403
    assert (await bob.client.get(f"/v1/agents/{agent}")).status == 404
    keyed = (await bob.client.post("/v1/auth/keys", {"name": "k"})).json["api_key"]
    assert (await client.holding(keyed).get(f"/v1/agents/{agent}")).status == 404
    for wrong in (secret[:12], secret[:-1], "nba_", "nba_" + "*" * 43):
        assert (await client.holding(wrong).get("/v1/agents")).status == 401
    for name in ("token", "api_key", "access_token", "key"):
        answer = await client.holding(None).get(f"/v1/agents?{name}={secret}")
        assert answer.status in (400, 401), name
    await core.api_keys.revoke(actor, key.id)
    assert (await client.holding(secret).get("/v1/agents")).status == 401
    assert secret not in caplog.text
