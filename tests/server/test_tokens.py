"""Login tokens: what is accepted and everything that is not."""

from __future__ import annotations

import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from notebook_agents.core.core import Core
from notebook_agents.core.errors import NotAuthenticated
from notebook_agents.core.users import User
from notebook_agents_server.passwords import Argon2Hasher
from notebook_agents_server.testing import Client
from notebook_agents_server.tokens import Tokens, load_key, write_secret

KEY = bytes(range(32))
NOW = datetime.now(UTC)
ALICE = User(
    id="01900000-0000-7000-8000-000000000001",
    username="alice",
    email="alice@example.org",
    created_at=NOW,
    updated_at=NOW,
)


def tokens() -> Tokens:
    return Tokens(KEY, lifetime_s=3600)


def kid() -> str:
    header = tokens().issue(ALICE, dialect="tektra").text.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])


def forged(key: bytes = KEY, alg: str = "HS256", **claims: Any) -> str:
    whole = {
        "iss": "notebook-agents",
        "aud": "notebook-agents",
        "sub": ALICE.id,
        "jti": "j",
        "nbf": NOW,
        "exp": NOW + timedelta(hours=1),
        **claims,
    }
    given = {name: value for name, value in whole.items() if value is not None}
    header = {"alg": alg, "kid": kid()}
    return jwt.encode(header, given, OctKey.import_key(key), algorithms=[alg])


def test_an_issued_token_says_who_and_through_which_login() -> None:
    claims = tokens().read(tokens().issue(ALICE, dialect="tektra").text)
    assert (claims.user_id, claims.dialect) == (ALICE.id, "tektra")
    assert claims.expires_at > NOW
    assert claims.jti


def test_the_helper_of_these_tests_makes_good_tokens() -> None:
    assert tokens().read(forged()).user_id == ALICE.id


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - timedelta(minutes=5)},
        {"nbf": NOW + timedelta(minutes=5)},
        {"iss": "somebody"},
        {"aud": "something"},
        {"exp": None},
        {"nbf": None},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"jti": None},
    ],
)
def test_a_wrong_or_missing_claim_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        tokens().read(forged(**claims))


def test_another_key_or_algorithm_is_refused() -> None:
    with pytest.raises(NotAuthenticated):
        tokens().read(forged(key=bytes(32)))
    with pytest.raises(NotAuthenticated):
        tokens().read(forged(key=KEY * 2, alg="HS512"))


def unsigned(alg: str) -> str:
    parts = ({"alg": alg, "kid": kid()}, {"sub": ALICE.id, "exp": 9_999_999_999})
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join(text.rstrip("=") for text in texts) + "."


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "RS256", ""])
def test_a_token_without_a_signature_is_refused(alg: str) -> None:
    with pytest.raises(NotAuthenticated):
        tokens().read(unsigned(alg))


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b", "é.é.é", "." * 1000])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        tokens().read(text)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = load_key(tmp_path / "home")
    assert load_key(tmp_path / "home") == key
    assert len(key) == 32
    mode = (tmp_path / "home" / "token_key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_of_two_writers_of_a_secret_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert write_secret(path, "first")
    assert not write_secret(path, "second")
    assert path.read_text() == "first\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


async def test_passwords_are_argon2id_and_an_empty_hash_never_fits() -> None:
    hasher = Argon2Hasher()
    stored = await hasher.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert await hasher.verify("correct horse", stored)
    assert not await hasher.verify("wrong", stored)
    assert not await hasher.verify("decoy", "")
    assert not await hasher.verify("correct horse", "no hash")


async def login(client: Client) -> str:
    body = {"username": "admin", "password": "from the environment"}
    answer = await client.holding(None).post("/v1/auth/login", body)
    return str(answer.json["access_token"])


@pytest.fixture
def jp_environ(jp_environ: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NOTEBOOK_AGENTS_ADMIN_PASSWORD", "from the environment")
    return jp_environ


async def test_k02_the_owner_logs_in_with_the_password_of_the_environment(
    client: Client, tmp_path: Path
) -> None:
    assert (await client.holding(await login(client)).get("/v1/agents")).status == 200
    assert not (tmp_path / "home" / "admin_password").exists()


async def test_a_revoked_token_opens_nothing(client: Client, core: Core) -> None:
    token = await login(client)
    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    await core.logins.revoke(claims["jti"], claims["sub"], NOW + timedelta(days=1))
    assert (await client.holding(token).get("/v1/agents")).status == 401


async def test_a_token_of_nobody_opens_nothing(client: Client, tmp_path: Path) -> None:
    text = (tmp_path / "home" / "token_key").read_text()
    stranger = Tokens(bytes.fromhex(text), lifetime_s=60).issue(ALICE, dialect="tektra").text
    assert (await client.holding(stranger).get("/v1/agents")).status == 401
