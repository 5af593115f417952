"""Whose request it is: other identity providers, no authentication, the owner's account."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth.identity import IdentityProvider
from jupyter_server.auth.identity import User as Visitor
from tornado.web import RequestHandler
from traitlets.config import Config

from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser
from notebook_agents.testing import fake_core
from notebook_agents_server.identity import ensure_owner
from notebook_agents_server.testing import Client

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
def jp_server_config(jp_server_config: Config, request: pytest.FixtureRequest) -> Config:
    config = Config(jp_server_config)
    if "hub" in request.node.name:
        config.ServerApp.identity_provider_class = HubLike
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
    others = {other for other in HUB_USERS if other not in {name, "carol"}}
    await stranger.post("/v1/agents", {"name": "the stranger's"})
    for other in others:
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
