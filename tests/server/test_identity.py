"""Whose request it is: other identity providers, no authentication, the owner's account."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from jupyter_server.auth.identity import IdentityProvider
from jupyter_server.auth.identity import User as Visitor
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError
from tornado.web import RequestHandler
from traitlets.config import Config

from notebook_agents.core.agents import CreateAgent, ListAgents
from notebook_agents.core.api_keys import ApiKey
from notebook_agents.core.core import Core
from notebook_agents.core.logins import Login
from notebook_agents.core.ports import Patch
from notebook_agents.core.users import Actor, CreateUser, User
from notebook_agents.testing import fake_core
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.authorizer import OwnResourcesOnly
from notebook_agents_server.hub import is_hub_service
from notebook_agents_server.identity import ensure_owner
from notebook_agents_server.signing import Keyring
from notebook_agents_server.testing import Client
from notebook_agents_server.tokens import Tokens

HUB_USERS = ("alice", "bob", "carol", "admin", "admin@localhost", "hub:admin")


class HubLike(IdentityProvider):
    """Knows people by tokens of its own, and would take a cookie too, as a Hub's provider does."""

    async def _get_user(self, handler: RequestHandler) -> Visitor | None:
        names = {f"hub-{name}": name for name in HUB_USERS}
        token = self.get_token(handler) or handler.get_cookie("hub") or ""
        return Visitor(names[token]) if token in names else None


@pytest.fixture
def jp_environ(jp_environ: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("JUPYTERHUB_USER", "carol")
    return jp_environ


@pytest.fixture
def jp_serverapp_reset() -> Iterator[None]:
    ServerApp.clear_instance()
    yield
    ServerApp.clear_instance()


@pytest.fixture
def jp_server_config(jp_server_config: Config, request: pytest.FixtureRequest) -> Config:
    config = Config(jp_server_config)
    if "hub" in request.node.name:
        config.ServerApp.identity_provider_class = HubLike
    if "shared_servers" in request.node.name:
        config.ServerApp.authorizer_class = OwnResourcesOnly
    if "switched_off" in request.node.name:
        config.IdentityProvider.token = ""
        config.ServerApp.token = ""
    return config


async def test_a_hub_user_acts_as_the_local_account_of_that_name(
    client: Client, core: Core
) -> None:
    alice, bob = client.holding("hub-alice"), client.holding("hub-bob")
    agent_id = (await alice.post("/v1/agents", {"name": "mine"})).json["agent_id"]
    assert (await alice.get(f"/v1/agents/{agent_id}")).status == 200
    assert (await bob.get(f"/v1/agents/{agent_id}")).status == 404
    user = await core.users.find("alice")
    assert user is not None
    assert (user.is_admin, user.password_hash) == (False, "")
    socket = await bob.socket(f"/v1/ws/stream/{agent_id}")
    assert (await socket.receive())["error"]["code"] == "AGENT_NOT_FOUND"
    assert await socket.receive() is None


async def test_the_hub_user_whose_server_this_is_is_the_owner(client: Client) -> None:
    carol = client.holding("hub-carol")
    agent_id = (await carol.post("/v1/agents", {"name": "mine"})).json["agent_id"]
    assert (await client.get("/v1/agents")).json["agents"][0]["agent_id"] == agent_id


@pytest.mark.parametrize("name", ["admin", "admin@localhost", "hub:admin"])
async def test_no_other_hub_user_becomes_the_owner_whatever_their_name(
    client: Client, core: Core, name: str
) -> None:
    agent_id = (await client.post("/v1/agents", {"name": "the owner's"})).json["agent_id"]
    stranger = client.holding(f"hub-{name}")
    assert (await stranger.get(f"/v1/agents/{agent_id}")).status == 404
    await stranger.post("/v1/agents", {"name": "the stranger's"})
    for other in {*HUB_USERS} - {name, "carol"}:
        seen = (await client.holding(f"hub-{other}").get("/v1/agents")).json
        assert seen["total"] == 0, other


async def test_a_hub_user_with_an_admins_name_has_no_admin_rights(
    client: Client, core: Core
) -> None:
    wish = CreateUser(username="alice", email="alice@example.org", is_admin=True)
    await core.users.create(wish)
    agent_id = (await client.post("/v1/agents", {"name": "the owner's"})).json["agent_id"]
    alice = client.holding("hub-alice")
    assert (await alice.get("/v1/agents")).status == 200
    assert (await alice.get(f"/v1/agents/{agent_id}")).status == 404


async def test_a_hub_cookie_or_unknown_token_is_nobody(client: Client) -> None:
    anybody = client.holding(None)
    assert (await anybody.get("/v1/agents", Cookie="hub=hub-alice")).status == 401
    assert (await client.holding("wrong").get("/v1/agents", Cookie="hub=hub-alice")).status == 401


async def test_with_jupyters_authentication_switched_off_a_credential_is_still_needed(
    client: Client,
) -> None:
    for stranger in (client.holding(None), client.holding("anything"), client.holding("")):
        assert (await stranger.get("/v1/agents")).status == 401
    assert (await client.holding(None).get("/v1/agents?token=")).status == 401


@pytest.mark.parametrize("taken", ["alice", "Alice"])
async def test_a_hub_user_is_not_the_stranger_who_took_their_name_first(
    client: Client, core: Core, taken: str
) -> None:
    wish = CreateUser(username=taken, email="thief@example.org", password="long enough")
    thief = await core.users.register(wish)
    agent = await client.holding("hub-alice").post("/v1/agents", {"name": "alice's own"})
    assert agent.status == 201
    actor = Actor(user_id=thief.id, username=taken)
    assert (await core.agents.list(actor, ListAgents())).total == 0
    hub_alice = await core.users.find("hub:alice")
    assert hub_alice is not None and not hub_alice.password_hash  # noqa: PT018


# -- the matrix of credentials -----------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


async def _login(core: Core, user: User) -> Login:
    return await core.logins.start(user, dialect="tektra", lifetime_s=3600)


async def _issue(home: Path, login: Login) -> str:
    loop = asyncio.get_running_loop()
    ring = await loop.run_in_executor(None, Keyring.open, home)
    return (await Tokens(ring, lifetime_s=3600).issue(login)).access


async def _credential(kind: str, core: Core, home: Path, user: User) -> str:
    """A credential of the user, with one thing that is right or wrong with it."""
    actor = Actor(user_id=user.id, username=user.username)
    match kind.split()[0]:
        case "jwt":
            login = await _login(core, user)
            text = await _issue(home, login)
            if kind == "jwt revoked":
                await core.logins.revoke(_claims(text)["jti"], user.id, login.expires_at)
            if kind == "jwt logged_out":
                await core.logins.end(login.id)
            return text
        case "key":
            key, secret = await core.api_keys.create(actor, "k")
            store = core._ports.store
            if kind == "key expired":
                past = core._ports.clock.now() - timedelta(days=1)
                await store.commit(Patch(kind=ApiKey, id=key.id, fields={"expires_at": past}))
            if kind == "key revoked":
                await core.api_keys.revoke(actor, key.id)
            return secret + ("x" if kind == "key longer" else "")
    return await _forged(kind, core, home, user)


async def _forged(kind: str, core: Core, home: Path, user: User) -> str:
    text = await _issue(home, await _login(core, user))
    header, claims = _header(text), _claims(text)
    ours = bytes.fromhex((home / "token_key").read_text().strip())
    key, alg = OctKey.import_key(ours), "HS256"
    match kind:
        case "forged expired":
            claims["exp"] = claims["iat"] - 3600
        case "forged signature":
            key = OctKey.import_key(bytes(32))
        case "forged kid":
            header["kid"] = "../token_key"
        case "forged no_kid":
            del header["kid"]
        case "forged algorithm":
            key, alg = OctKey.import_key(ours * 2), "HS512"
        case "forged audience":
            claims["aud"] = "notebook-agents/refresh"
        case "forged epoch":
            claims["epo"] = 7
        case "forged subject":
            claims["sub"] = "01900000-0000-7000-8000-000000000001"
        case "forged none":
            parts = [{**header, "alg": "none"}, claims]
            encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
            return ".".join(part.decode().rstrip("=") for part in encoded) + "."
    return jwt.encode({**header, "alg": alg}, claims, key, algorithms=[alg])


def _part(text: str, number: int) -> Any:
    part = text.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _header(text: str) -> Any:
    return _part(text, 0)


def _claims(text: str) -> Any:
    return _part(text, 1)


@pytest.mark.parametrize("is_active", [True, False], ids=["active", "disabled"])
@pytest.mark.parametrize(
    "case",
    [
        ("jwt", True),
        ("jwt revoked", False),
        ("jwt logged_out", False),
        ("key", True),
        ("key expired", False),
        ("key revoked", False),
        ("key longer", False),
        ("forged nothing", True),
        ("forged expired", False),
        ("forged signature", False),
        ("forged kid", False),
        ("forged no_kid", False),
        ("forged algorithm", False),
        ("forged audience", False),
        ("forged epoch", False),
        ("forged subject", False),
        ("forged none", False),
    ],
)
async def test_T_05_the_matrix_of_credentials(
    client: Client, core: Core, home: Path, case: tuple[str, bool], is_active: bool
) -> None:
    kind, is_good = case
    user = await core.users.create(CreateUser(username="dan", email="dan@example.org"))
    credential = await _credential(kind, core, home, user)
    if not is_active:
        await core.users.renew(user.id, is_active=False)
    answer = await client.holding(credential).get("/v1/agents")
    assert answer.status == (200 if is_good and is_active else 401)
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert credential not in answer.body.decode()


# -- scopes ------------------------------------------------------------------------------------

AGENT = {"name": "a"}
DOORS = [
    ("read", "GET", "/v1/agents", None, 200),
    ("write", "POST", "/v1/agents", AGENT, 201),
    ("run", "POST", "/v1/tools/python_executor/execute", {"parameters": {"code": "1"}}, 200),
    ("read", "GET", "/v1/auth/me", None, 200),
    ("admin", "GET", "/notebook-agents/engine/models", None, 200),
]


@pytest.mark.parametrize("held", ["read", "run", "write", "admin"])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door[1]}-{door[2]}")
async def test_a_key_opens_what_its_scopes_say(
    client: Client, held: str, door: tuple[str, str, str, Any, int]
) -> None:
    scope, verb, path, body, status = door
    scopes = [held] if scope == "admin" else [held, "admin"]
    scopes = ["read", *scopes] if scope == "admin" else scopes
    made = await client.post("/v1/auth/keys", {"name": "k", "scopes": sorted(set(scopes))})
    assert made.status == 201, made.body
    answer = await client.holding(made.json["api_key"]).ask(verb, path, body)
    if scope in scopes:
        assert answer.status == status, answer.body
        return
    assert answer.status == 403
    if scope != "admin":
        assert repr(scope) in answer.json["error"]["message"]
        assert answer.json["error"]["details"]["scope"] == scope


async def test_an_administrators_key_without_that_scope_sees_only_its_own(
    client: Client, core: Core
) -> None:
    ann = await core.users.create(CreateUser(username="ann", email="ann@example.org"))
    actor = Actor(user_id=ann.id, username="ann")
    foreign = await core.agents.create(actor, CreateAgent(name="ann's"))
    assert (await client.get(f"/v1/agents/{foreign.id}")).status == 200
    key = (await client.post("/v1/auth/keys", {"name": "k"})).json["api_key"]
    assert (await client.holding(key).get(f"/v1/agents/{foreign.id}")).status == 404


async def test_a_key_for_reading_does_not_talk_over_a_socket(client: Client) -> None:
    agent_id = (await client.post("/v1/agents", AGENT)).json["agent_id"]
    made = await client.post("/v1/auth/keys", {"name": "k", "scopes": ["read"]})
    with pytest.raises(HTTPClientError) as error:
        await client.holding(made.json["api_key"]).socket(f"/v1/ws/stream/{agent_id}")
    assert error.value.code == 403


async def test_me_says_what_the_credential_is_good_for(client: Client) -> None:
    made = await client.post("/v1/auth/keys", {"name": "k", "scopes": ["read", "run"]})
    me = (await client.holding(made.json["api_key"]).get("/v1/auth/me")).json
    assert (me["username"], me["scopes"], me["role"]) == ("admin", ["read", "run"], "admin")
    assert (await client.get("/v1/auth/me")).json["scopes"] == ["read", "run", "write", "admin"]


# -- a server that several people share --------------------------------------------------------


async def test_shared_servers_keep_jupyters_own_resources_from_everybody(client: Client) -> None:
    for path in ("/api/kernels", "/api/contents", "/api/sessions", "/api/terminals", "/files/x"):
        assert (await client.get(path)).status == 403, path
    assert (await client.post("/api/kernels", {"name": "python3"})).status == 403
    assert (await client.post("/api/shutdown", {})).status == 403
    assert (await client.get("/api/status")).status == 200
    assert (await client.get("/v1/agents")).status == 200


def test_jupyter_agents_sets_itself_up_as_a_service_of_a_hub(
    monkeypatch: pytest.MonkeyPatch, jp_serverapp_reset: None
) -> None:
    for name in ("JUPYTERHUB_USER",):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/services/agents/")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:9123")
    serverapp = NotebookAgentsApp.make_serverapp()
    assert (serverapp.base_url, serverapp.ip, serverapp.port) == (
        "/services/agents/",
        "127.0.0.1",
        9123,
    )
    assert serverapp.authorizer_class is OwnResourcesOnly
    assert serverapp.identity_provider_class.__name__ == "JupyterHubIdentityProvider"
    assert not serverapp.open_browser
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")
    assert not is_hub_service()


# -- the owner ---------------------------------------------------------------------------------


async def test_our_credentials_do_not_belong_into_the_address(client: Client) -> None:
    key = (await client.post("/v1/auth/keys", {"name": "k"})).json["api_key"]
    answer = await client.holding(None).get(f"/v1/agents?token={key}")
    assert answer.status == 401
    assert "Authorization header" in answer.json["error"]["message"]


async def test_the_generated_password_of_the_owner_fits_and_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTEBOOK_AGENTS_ADMIN_PASSWORD", raising=False)
    caplog.set_level("INFO")
    core = fake_core(home=tmp_path)
    owner = await ensure_owner(core.users, tmp_path)
    again = await ensure_owner(core.users, tmp_path)
    path = tmp_path / "admin_password"
    assert again.id == owner.id
    assert (owner.username, owner.email, owner.is_admin) == ("admin", "admin@localhost", True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await core.users.authenticate("admin", path.read_text().strip())).id == owner.id
    assert caplog.text.count(str(path)) == 1
    assert path.read_text().strip() not in caplog.text


def test_there_is_no_default_password(tmp_path: Path) -> None:
    passwords: set[Any] = set()

    async def make(home: Path) -> str:
        home.mkdir()
        core = fake_core(home=home)
        await ensure_owner(core.users, home)
        return (home / "admin_password").read_text()

    for name in ("one", "two"):
        passwords.add(asyncio.run(make(tmp_path / name)))
    assert len(passwords) == 2
