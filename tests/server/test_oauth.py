"""The login with an account of Google, against a provider that is a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents_server.oauth import OAuthLogin
from notebook_agents_server.oauth_settings import OAuthSettings
from notebook_agents_server.signing import Keyring
from notebook_agents_server.testing import Answer, Client
from notebook_agents_server.tokens import Tokens

NETRA = "/notebook-agents/netra"
AUTHORIZE, CALLBACK = "/api/auth/google/authorize", "/api/auth/google/callback"
PAGE = "https://app.example.org/after-login"
ADMIN = Actor(user_id="", username="admin", is_admin=True)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).with_name("openid_provider.py"))]
    provider = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert provider.stdout is not None
    yield provider.stdout.readline().strip()
    provider.communicate("", timeout=60)


@pytest.fixture
def settings(issuer: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    wrong = "wrong_secret" in request.node.name
    given: dict[str, Any] = {
        "oauth_issuer": issuer,
        "oauth_client_id": "our-client",
        "oauth_client_secret": "wrong" if wrong else "our-secret",
        "oauth_redirects": [PAGE],
        "rate_limiting": False,
    }
    if "without_a_client" in request.node.name:
        given["oauth_client_id"] = ""
    if "registration_is_off" in request.node.name:
        given["registration"] = False
    if "unreachable" in request.node.name:
        given["oauth_issuer"] = "http://127.0.0.1:9"
    return given


async def ask(client: Client, url: str, body: Any = None) -> Answer:
    """A request to the provider."""
    parts = urlsplit(url)
    provider = Client(client.http, f"{parts.scheme}://{parts.netloc}", "")
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return await (provider.get(path) if body is None else provider.post(path, body))


async def begin(client: Client, redirect_uri: str = "") -> str:
    query = f"?redirect_uri={quote(redirect_uri, safe='')}" if redirect_uri else ""
    answer = await client.holding(None).get(AUTHORIZE + query)
    assert answer.status == 200, answer.body
    return str(answer.json["authorization_url"])


async def log_in(client: Client, url: str) -> str:
    """Do what the browser does at the provider; returns the query of the address it comes to."""
    answer = await ask(client, url)
    assert answer.status == 302, answer.body
    return urlsplit(answer.headers["Location"]).query


async def enter(client: Client, issuer: str, *, fault: str = "", **user: Any) -> Answer:
    """The whole way; ``user`` changes what the provider says."""
    from tests.server.openid_provider import ANN

    await ask(client, f"{issuer}/control", {"user": {**ANN, **user}, "fault": fault})
    query = await log_in(client, await begin(client))
    return await client.holding(None).get(f"{CALLBACK}?{query}")


async def test_N_10_authorize_names_the_address_at_the_provider(
    client: Client, issuer: str
) -> None:
    for mounted in (client, client.below(NETRA)):
        url = await begin(mounted)
        assert url.startswith(f"{issuer}/authorize?")
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["client_id"] == "our-client"
        assert (query["response_type"], query["scope"]) == ("code", "openid email profile")
        assert (query["code_challenge_method"], len(query["code_challenge"])) == ("S256", 43)
        assert query["nonce"]
        assert query["redirect_uri"] == f"{mounted.origin}{mounted.base_path}{CALLBACK}"
        assert "our-secret" not in url


async def test_N_10_authorize_without_a_client_is_500(client: Client) -> None:
    answer = await client.holding(None).get(AUTHORIZE)
    assert answer.status == 500
    assert "OAuth configuration error" in answer.json["error"]["message"]


async def test_N_12_callback_answers_with_a_token_and_the_user(
    client: Client, issuer: str, core: Core
) -> None:
    answer = await enter(client, issuer)
    assert answer.status == 200, answer.body
    assert answer.json["token_type"] == "bearer"
    user = answer.json["user"]
    assert (user["email"], user["name"]) == ("ann@example.org", "Ann Example")
    assert user["picture"] == "https://example.org/ann.png"
    found = await core.users.find("ann")
    assert found is not None
    assert user["id"] == found.number
    ann = client.holding(answer.json["access_token"])
    assert (await ann.get("/api/auth/me")).json["id"] == user["id"]
    assert (await ann.get("/v1/agents")).status == 200
    again = await enter(client, issuer, name="Ann New")
    assert (again.json["user"]["id"], again.json["user"]["name"]) == (user["id"], "Ann New")


async def test_a_page_of_the_allow_list_may_take_part(client: Client) -> None:
    query = await log_in(client, await begin(client, PAGE))
    assert (await client.holding(None).get(f"{CALLBACK}?{query}")).status == 200


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example.org/",
        PAGE + "/more",
        PAGE + "?x=1",
        "javascript:alert(1)",
        "//evil.example.org",
        "",
    ],
)
async def test_other_addresses_are_refused(client: Client, uri: str) -> None:
    answer = await client.holding(None).get(f"{AUTHORIZE}?redirect_uri={quote(uri, safe='')}")
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == "redirect_uri"


async def test_an_address_that_only_begins_like_ours_is_refused(client: Client) -> None:
    for uri in (f"{client.origin}.evil.org/", f"{client.origin}@evil.org/"):
        answer = await client.holding(None).get(f"{AUTHORIZE}?redirect_uri={quote(uri, safe='')}")
        assert answer.status == 400, uri


@pytest.mark.parametrize(
    "path",
    [
        "/user/bob/",
        "/user/ann",
        "/user/annie/",
        "/user/ann/../bob/",
        "/user/ann/%2e%2E/bob/",
        "/user/ann/..%2Fbob/",
        "/user/ann/%5c..%5cbob/",
        "/user/ann/#token",
    ],
)
async def test_behind_a_hub_other_peoples_servers_are_not_ours(
    core: Core, tmp_path: Path, path: str
) -> None:
    settings = OAuthSettings(issuer="http://127.0.0.1:9", client_id="our-client")
    ring = await asyncio.get_running_loop().run_in_executor(None, Keyring.open, tmp_path)
    login = OAuthLogin(settings, Tokens(ring, lifetime_s=60), core.logins)
    with pytest.raises(InvalidRequest, match="neither at this server"):
        await login.authorization_url(
            f"https://hub.example.org{path}", home="https://hub.example.org/user/ann/"
        )


async def test_N_11_a_wrong_code_is_400(client: Client) -> None:
    state = parse_qs(urlsplit(await begin(client)).query)["state"][0]
    answer = await client.holding(None).get(f"{CALLBACK}?code=wrong&state={state}")
    assert answer.status == 400
    assert "authorization code" in answer.json["error"]["message"]


async def test_a_state_is_good_once(client: Client) -> None:
    query = await log_in(client, await begin(client))
    anybody = client.holding(None)
    assert (await anybody.get(f"{CALLBACK}?{query}")).status == 200
    again = await anybody.get(f"{CALLBACK}?{query}")
    assert (again.status, again.json["error"]["details"]["field"]) == (400, "state")


async def test_a_foreign_state_is_refused(client: Client, core: Core) -> None:
    login = await core.logins.start(
        (await core.users.ensure_owner())[0], dialect="netra", lifetime_s=60
    )
    gatekeeper_token = client.headers["Authorization"].split()[-1]
    for state in ("", "x", "a.b.c", login.id, gatekeeper_token):
        answer = await client.holding(None).get(f"{CALLBACK}?code=c&state={state}")
        assert answer.status == 400, state


async def test_a_code_of_another_flow_does_not_fit(client: Client) -> None:
    one = parse_qs(await log_in(client, await begin(client)))
    two = parse_qs(await log_in(client, await begin(client)))
    answer = await client.holding(None).get(
        f"{CALLBACK}?code={one['code'][0]}&state={two['state'][0]}"
    )
    assert answer.status == 400


async def test_who_says_no_at_the_provider_gets_a_400(client: Client) -> None:
    state = parse_qs(urlsplit(await begin(client)).query)["state"][0]
    answer = await client.holding(None).get(f"{CALLBACK}?error=access_denied&state={state}")
    assert answer.status == 400
    assert "access_denied" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "fault", ["iss", "aud", "azp", "exp", "nonce", "signature", "none", "hmac", "down", "babble"]
)
async def test_N_11_a_wrong_answer_of_the_provider_is_500(
    client: Client, issuer: str, fault: str
) -> None:
    answer = await enter(client, issuer, fault=fault)
    assert answer.status == 500
    assert "OAuth processing error" in answer.json["error"]["message"]


async def test_N_11_a_wrong_secret_is_500(client: Client, issuer: str) -> None:
    assert (await enter(client, issuer)).status == 500


async def test_an_unreachable_provider_is_500(client: Client) -> None:
    answer = await client.holding(None).get(AUTHORIZE)
    assert (answer.status, "our-secret" in answer.body.decode()) == (500, False)


async def test_a_provider_may_change_its_keys(client: Client, issuer: str) -> None:
    assert (await enter(client, issuer)).status == 200
    await ask(client, f"{issuer}/rotate", {})
    assert (await enter(client, issuer)).status == 200


async def test_an_unverified_email_opens_nothing(client: Client, issuer: str, core: Core) -> None:
    for wrong in ({"email_verified": False}, {"email": ""}):
        assert (await enter(client, issuer, **wrong)).status == 400
    assert await core.users.by_email("ann@example.org") is None


async def test_a_verified_email_leads_to_the_account_that_a_trusted_person_opened(
    client: Client, issuer: str, core: Core
) -> None:
    wish = CreateUser(
        username="annie",
        email="ann@example.org",
        password="long enough",
        is_email_verified=True,
    )
    annie = await core.users.create(wish)
    answer = await enter(client, issuer, email="Ann@Example.org")
    assert answer.json["user"]["id"] == annie.number
    assert (await core.users.authenticate("annie", "long enough")).id == annie.id


async def test_whoever_took_the_email_first_does_not_keep_the_account(
    client: Client, issuer: str, core: Core
) -> None:
    wish = CreateUser(username="thief", email="ann@example.org", password="long enough")
    thief = await core.users.register(wish)
    actor = Actor(user_id=thief.id, username="thief")
    _, key = await core.api_keys.create(actor, "kept")
    body = {"username": "thief", "password": "long enough"}
    token = (await client.holding(None).post("/v1/auth/login", body)).json["access_token"]
    answer = await enter(client, issuer)
    assert answer.json["user"]["id"] == thief.number
    for credential in (key, token):
        assert (await client.holding(credential).get("/v1/agents")).status == 401
    assert (await client.holding(None).post("/v1/auth/login", body)).status == 401


async def test_an_administrators_unconfirmed_email_is_not_linked(
    client: Client, issuer: str, core: Core
) -> None:
    wish = CreateUser(username="boss", email="ann@example.org", is_admin=True)
    await core.users.create(wish)
    assert (await enter(client, issuer)).status == 403


async def test_a_disabled_account_does_not_come_in(client: Client, issuer: str, core: Core) -> None:
    await enter(client, issuer)
    ann = await core.users.find("ann")
    assert ann is not None
    await core.users.set_active(ADMIN, ann.id, is_active=False)
    assert (await enter(client, issuer)).status == 401


async def test_where_registration_is_off_nobody_new_comes_in(client: Client, issuer: str) -> None:
    assert (await enter(client, issuer)).status == 403


async def test_a_taken_username_gets_a_number(client: Client, issuer: str, core: Core) -> None:
    await core.users.create(CreateUser(username="ann", email="other@example.org"))
    assert (await enter(client, issuer)).status == 200
    found = await core.users.by_email("ann@example.org")
    assert found is not None
    assert found.username == "ann-2"
