"""Login tokens: what is accepted and everything that is not."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotAuthenticated
from notebook_agents.core.logins import Login
from notebook_agents.core.users import User
from notebook_agents_server.passwords import Argon2Hasher
from notebook_agents_server.signing import Keyring, SigningKey, rotate, write_secret
from notebook_agents_server.testing import Client
from notebook_agents_server.tokens import ACCESS, REFRESH, Tokens

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
KID = SigningKey(KEY).kid
NOW = datetime.now(UTC)
ALICE = User(
    id="01900000-0000-7000-8000-000000000001",
    username="alice",
    email="alice@example.org",
    created_at=NOW,
    updated_at=NOW,
)


LOGIN = Login(
    id="01900000-0000-7000-8000-0000000000aa",
    owner_id=ALICE.id,
    dialect="tektra",
    token_epoch=3,
    created_at=NOW,
    expires_at=NOW + timedelta(days=1),
)


def tokens(*keys: bytes) -> Tokens:
    return Tokens(Keyring([SigningKey(key) for key in keys or (KEY,)]), lifetime_s=3600)


def forged(key: bytes = KEY, alg: str = "HS256", kid: str = KID, **claims: Any) -> str:
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
    header = {"alg": alg, "kid": kid}
    return jwt.encode(header, given, OctKey.import_key(key), algorithms=[alg])


async def test_an_issued_token_says_who_and_through_which_login() -> None:
    issued = await tokens().issue(LOGIN)
    claims = await tokens().read(issued.access)
    assert (claims.user_id, claims.dialect, claims.token_epoch) == (ALICE.id, "tektra", 3)
    assert (claims.login_id, issued.expires_in_s) == (LOGIN.id, 3600)
    assert NOW < claims.expires_at < NOW + timedelta(hours=2)
    assert claims.jti


async def test_a_refresh_token_is_no_access_token_nor_the_reverse() -> None:
    issued = await tokens().issue(LOGIN)
    assert (await tokens().read(issued.refresh, audience=REFRESH)).generation == 1
    for text, audience in ((issued.refresh, ACCESS), (issued.access, REFRESH)):
        with pytest.raises(NotAuthenticated):
            await tokens().read(text, audience=audience)


async def test_a_dialect_may_want_tokens_that_end_earlier_but_not_later() -> None:
    assert (await tokens().issue(LOGIN, at_most_s=1800)).expires_in_s == 1800
    assert (await tokens().issue(LOGIN, at_most_s=9999)).expires_in_s == 3600


async def test_the_helper_of_these_tests_makes_good_tokens() -> None:
    assert (await tokens().read(forged())).user_id == ALICE.id


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - timedelta(minutes=5)},
        {"nbf": NOW + timedelta(days=1)},
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
async def test_a_wrong_or_missing_claim_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        await tokens().read(forged(**claims))


async def test_another_key_or_algorithm_is_refused() -> None:
    with pytest.raises(NotAuthenticated):
        await tokens().read(forged(key=bytes(32)))
    with pytest.raises(NotAuthenticated):
        await tokens().read(forged(key=KEY * 2, alg="HS512"))


@pytest.mark.parametrize("kid", ["", "unknown", "../token_key", "' OR 1=1", SigningKey(OTHER).kid])
async def test_a_key_is_found_by_its_name_alone(kid: str) -> None:
    both = tokens(KEY, OTHER)
    assert await both.read(forged(key=OTHER, kid=SigningKey(OTHER).kid))
    with pytest.raises(NotAuthenticated):
        await both.read(forged(kid=kid))


async def test_a_key_that_was_replaced_is_accepted_until_its_tokens_have_expired() -> None:
    for until, is_good in ((NOW + timedelta(hours=1), True), (NOW - timedelta(hours=1), False)):
        ring = Keyring([SigningKey(OTHER), SigningKey(KEY, until)])
        assert (ring.find(SigningKey(KEY).kid) is not None) is is_good


async def test_a_running_server_takes_a_replaced_key(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    ring = await loop.run_in_executor(None, Keyring.open, tmp_path)
    running = Tokens(ring, lifetime_s=3600)
    before = (await running.issue(LOGIN)).access
    name = await loop.run_in_executor(None, lambda: rotate(tmp_path, accept_s=3600))
    other = Tokens(await loop.run_in_executor(None, Keyring.open, tmp_path), lifetime_s=3600)
    by_other = (await other.issue(LOGIN)).access
    assert json.loads(base64.urlsafe_b64decode(by_other.split(".")[0] + "=="))["kid"] == name
    for server in (running, other):
        assert await server.read(before)
        assert await server.read(by_other)
    assert stat.S_IMODE((tmp_path / "token_key.retired").stat().st_mode) == 0o600
    await loop.run_in_executor(None, lambda: rotate(tmp_path, accept_s=0))
    await running.issue(LOGIN)
    for text in (before, by_other):
        with pytest.raises(NotAuthenticated):
            await running.read(text)


async def test_what_a_replaced_key_has_sealed_can_be_opened_when_its_tokens_are_refused(
    tmp_path: Path,
) -> None:
    loop = asyncio.get_running_loop()
    ring = await loop.run_in_executor(None, Keyring.open, tmp_path)
    keys = [ring.current]
    for accept_s in (3600, 0):
        await loop.run_in_executor(None, partial(rotate, tmp_path, accept_s=accept_s))
        await ring.refresh()
        keys.insert(0, ring.current)
    assert ring.secrets() == tuple(key.bytes for key in keys)
    assert [ring.find(key.kid) is not None for key in keys] == [True, False, False]


def test_O_04_servers_can_share_the_key_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = "f" * 32, "s" * 32
    monkeypatch.setenv("NOTEBOOK_AGENTS_SECRET_KEY", first)
    kid = Keyring.open(tmp_path / "one").current.kid
    assert Keyring.open(tmp_path / "two").current.kid == kid
    monkeypatch.setenv("NOTEBOOK_AGENTS_SECRET_KEY", f"{second}, {first}")
    ring = Keyring.open(tmp_path / "one")
    assert ring.current.kid != kid
    assert ring.find(kid) is not None
    assert not (tmp_path / "one").exists()
    with pytest.raises(Conflict, match="NOTEBOOK_AGENTS_SECRET_KEY"):
        rotate(tmp_path, accept_s=1)
    monkeypatch.setenv("NOTEBOOK_AGENTS_SECRET_KEY", "short")
    with pytest.raises(InvalidRequest, match="at least 32 characters"):
        Keyring.open(tmp_path)


def unsigned(alg: str) -> str:
    parts = ({"alg": alg, "kid": SigningKey(KEY).kid}, {"sub": ALICE.id, "exp": 9_999_999_999})
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join(text.rstrip("=") for text in texts) + "."


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "RS256", ""])
async def test_a_token_without_a_signature_is_refused(alg: str) -> None:
    with pytest.raises(NotAuthenticated):
        await tokens().read(unsigned(alg))


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b", "é.é.é", "." * 1000])
async def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        await tokens().read(text)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = Keyring.open(tmp_path / "home").current
    assert Keyring.open(tmp_path / "home").current == key
    assert len(key.bytes) == 32
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


async def test_T_04_T_05_a_login_gives_a_session_token_that_opens_the_api(client: Client) -> None:
    body = {"username": "admin", "password": "from the environment"}
    answer = await client.holding(None).post("/v1/auth/login", body)
    assert answer.status == 200
    assert answer.json["session_token"] == answer.json["access_token"]
    session = client.holding(answer.json["session_token"])
    assert (await session.get("/v1/agents")).status == 200
    assert (await session.post("/v1/auth/logout")).status == 200
    assert (await session.get("/v1/agents")).status == 401


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
    stranger = await tokens(bytes.fromhex(text)).issue(LOGIN)
    assert (await client.holding(stranger.access).get("/v1/agents")).status == 401
