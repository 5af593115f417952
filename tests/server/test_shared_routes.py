"""Accounts as AIMOS and Netra document them: each below its mount, both at the root."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, User
from notebook_agents_server.testing import Answer, Client

FORM = "application/x-www-form-urlencoded"
PASSWORD = "secure_password123"
JOHN = {"username": "john_doe", "email": "john@example.com", "password": PASSWORD}
ADMIN = Actor(user_id="", username="admin", is_admin=True)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    name = request.node.name
    return {
        "rate_limiting": "limited" in name,
        "registration": "registration_is_off" not in name,
        "password_login": "password_login_is_off" not in name,
    }


@pytest.fixture(params=["", "/notebook-agents/aimos"], ids=["root", "prefix"])
def aimos(request: pytest.FixtureRequest, client: Client) -> Client:
    return client.below(request.param).holding(None)


@pytest.fixture(params=["", "/notebook-agents/netra"], ids=["root", "prefix"])
def netra(request: pytest.FixtureRequest, client: Client) -> Client:
    return client.below(request.param).holding(None)


async def register(client: Client, **changes: str) -> Answer:
    anybody = client.holding(None)
    return await anybody.post("/api/auth/register", {**JOHN, **changes})


async def form_login(client: Client, name: str = "john_doe", password: str = PASSWORD) -> Answer:
    body = urlencode({"username": name, "password": password}).encode()
    return await client.post("/api/auth/login", body, Content_Type=FORM)


async def email_login(client: Client, email: str = JOHN["email"], **more: Any) -> Answer:
    body = {"email": email, "password": PASSWORD, **more}
    return await client.post("/api/auth/login", body)


async def john_of(core: Core) -> User:
    john = await core.users.find("john_doe")
    assert john is not None
    return john


def claims_of(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


# -- AIMOS -------------------------------------------------------------------------------------


async def test_O_08_O_09_register_answers_with_the_new_account(aimos: Client, core: Core) -> None:
    answer = await register(aimos)
    assert answer.status == 201
    assert set(answer.json) == {
        "id",
        "username",
        "email",
        "is_active",
        "is_admin",
        "created_at",
        "last_login",
    }
    assert str(UUID(answer.json["id"])) == (await john_of(core)).id
    assert (answer.json["username"], answer.json["email"]) == ("john_doe", "john@example.com")
    assert (answer.json["is_active"], answer.json["is_admin"]) == (True, False)
    assert answer.json["last_login"] is None
    assert MOMENT.fullmatch(answer.json["created_at"])
    assert PASSWORD not in answer.body.decode()


async def test_O_10_O_11_a_form_login_gives_a_token_of_half_an_hour(aimos: Client) -> None:
    await register(aimos)
    answer = await form_login(aimos)
    assert answer.status == 200
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 1800)
    claims = claims_of(answer.json["access_token"])
    assert (claims["exp"] - claims["iat"], claims["dlt"]) == (1800, "aimos")


async def test_O_07_the_token_is_a_jwt(aimos: Client) -> None:
    await register(aimos)
    token = (await form_login(aimos)).json["access_token"]
    assert token.startswith("eyJ")
    assert len(token.split(".")) == 3


async def test_a_login_may_be_json_or_multipart_too(aimos: Client) -> None:
    await register(aimos)
    body = {"username": "john_doe", "password": PASSWORD}
    assert (await aimos.post("/api/auth/login", body)).status == 200
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in body.items()
    )
    answer = await aimos.post(
        "/api/auth/login",
        (parts + "--x--\r\n").encode(),
        Content_Type="multipart/form-data; boundary=x",
    )
    assert answer.status == 200


async def test_O_06_O_12_me_is_the_profile(aimos: Client) -> None:
    id = (await register(aimos)).json["id"]
    john = aimos.holding((await form_login(aimos)).json["access_token"])
    answer = await john.get("/api/auth/me")
    assert answer.status == 200
    assert (answer.json["id"], answer.json["username"]) == (id, "john_doe")
    assert (answer.json["is_active"], answer.json["is_admin"]) == (True, False)
    assert MOMENT.fullmatch(answer.json["last_login"])
    assert (await aimos.get("/api/auth/me")).status == 401


async def test_O_55_O_56_a_wrong_registration_is_told_by_field(aimos: Client) -> None:
    answer = await register(aimos, username="jo", email="nowhere", password="short")
    assert answer.status == 400
    assert answer.json["detail"] == "Invalid request data"
    assert answer.json["type"] == "validation_error"
    assert answer.json["errors"][0] == {
        "field": "username",
        "message": "Username must be at least 3 characters",
    }
    assert [error["field"] for error in answer.json["errors"]] == ["username", "email", "password"]
    missing = await aimos.post("/api/auth/register", {"username": "john_doe"})
    assert missing.status == 400
    assert {error["field"] for error in missing.json["errors"]} == {"email", "password"}


async def test_what_is_taken_is_400(aimos: Client) -> None:
    await register(aimos)
    for field, changes in (
        ("username", {"email": "x@example.com"}),
        ("email", {"username": "john_two", "email": "JOHN@example.com"}),
    ):
        answer = await register(aimos, **changes)
        assert (answer.status, answer.json["errors"][0]["field"]) == (400, field)


async def test_nobody_registers_as_an_administrator(aimos: Client) -> None:
    answer = await aimos.post("/api/auth/register", {**JOHN, "is_admin": True})
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == "is_admin"


@pytest.mark.parametrize(("name", "password"), [("john_doe", "wrong"), ("nobody", PASSWORD)])
async def test_O_57_a_wrong_login_is_401(aimos: Client, name: str, password: str) -> None:
    await register(aimos)
    answer = await form_login(aimos, name, password)
    assert answer.status == 401
    assert answer.json["detail"] == "Invalid authentication credentials"


async def test_O_58_a_user_without_rights_is_403(client: Client) -> None:
    await register(client)
    aimos = client.below("/notebook-agents/aimos").holding(None)
    john = aimos.holding((await form_login(aimos)).json["access_token"])
    answer = await john.post("/api/agents", {"name": "a", "role": "r", "description": "d"})
    assert (answer.status, answer.json) == (403, {"detail": "Administrative privileges required"})


async def test_a_disabled_account_is_401_at_once_and_for_good(aimos: Client, core: Core) -> None:
    await register(aimos)
    given = (await form_login(aimos)).json
    john = aimos.holding(given["access_token"])
    id = (await john_of(core)).id
    await core.users.set_active(ADMIN, id, is_active=False)
    assert (await john.get("/api/auth/me")).status == 401
    assert (await form_login(aimos)).status == 401
    await core.users.set_active(ADMIN, id, is_active=True)
    assert (await john.get("/api/auth/me")).status == 401
    assert (await aimos.post("/api/auth/refresh", refresh_of(given))).status == 401
    assert (await form_login(aimos)).status == 200


async def test_where_registration_is_off_it_is_403(aimos: Client) -> None:
    assert (await register(aimos)).status == 403


async def test_where_password_login_is_off_it_is_403(aimos: Client, netra: Client) -> None:
    await register(aimos)
    assert (await form_login(aimos)).status == 403
    assert (await email_login(netra)).status == 403


async def test_credentials_in_the_address_are_not_read(aimos: Client) -> None:
    await register(aimos)
    query = urlencode({"username": "john_doe", "password": PASSWORD})
    assert (await aimos.post(f"/api/auth/login?{query}")).status == 400


# -- Netra -------------------------------------------------------------------------------------


async def test_N_03_an_email_login_gives_a_token_and_the_user(
    client: Client, netra: Client, core: Core
) -> None:
    await register(client)
    answer = await email_login(netra)
    assert answer.status == 200
    assert answer.json["token_type"] == "bearer"
    john = await john_of(core)
    user = answer.json["user"]
    assert (user["id"], user["email"], user["name"]) == (john.number, john.email, john.name)
    assert claims_of(answer.json["access_token"])["dlt"] == "netra"


async def test_N_04_wrong_credentials_are_401(client: Client, netra: Client) -> None:
    await register(client)
    for email, password in (("john@example.com", "wrong"), ("x@example.com", PASSWORD)):
        answer = await email_login(netra, email, password=password)
        assert (answer.status, answer.json["error"]["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("email", {"email": "nowhere", "password": "x"}),
        ("password", {"email": "a@b.org"}),
        ("password", {"email": "a@b.org", "password": ""}),
        ("extra", {"email": "a@b.org", "password": "x", "extra": 1}),
        ("email", {"email": 5, "password": "x"}),
    ],
)
async def test_N_05_a_wrong_login_body_is_422(
    netra: Client, field: str, body: dict[str, Any]
) -> None:
    answer = await netra.post("/api/auth/login", body)
    assert (answer.status, answer.json["error"]["code"]) == (422, "VALIDATION_ERROR")
    assert answer.json["error"]["details"]["field"] == field


async def test_N_02_N_08_me_is_the_user_with_a_number(
    client: Client, netra: Client, core: Core
) -> None:
    await register(client)
    john = netra.holding((await email_login(netra)).json["access_token"])
    answer = await john.get("/api/auth/me")
    assert answer.status == 200
    assert answer.json["id"] == (await john_of(core)).number
    assert (answer.json["email"], answer.json["name"]) == ("john@example.com", "john_doe")
    assert MOMENT.fullmatch(answer.json["created_at"])
    assert MOMENT.fullmatch(answer.json["updated_at"])


async def test_N_06_logout_ends_the_login_everywhere(client: Client, netra: Client) -> None:
    await register(client)
    given = (await email_login(netra)).json
    other = (await email_login(netra)).json["access_token"]
    john = netra.holding(given["access_token"])
    answer = await john.post("/api/auth/logout")
    assert answer.status == 200
    assert answer.json == {"message": "Successfully logged out"}
    assert (await john.get("/api/auth/me")).status == 401
    assert (await client.holding(given["access_token"]).get("/v1/agents")).status == 401
    assert (await netra.post("/api/auth/refresh", refresh_of(given))).status == 401
    assert (await netra.holding(other).get("/api/auth/me")).status == 200


@pytest.mark.parametrize(("verb", "path"), [("POST", "logout"), ("GET", "me")])
async def test_N_07_N_09_without_a_valid_token_it_is_401(
    netra: Client, verb: str, path: str
) -> None:
    for asking in (netra, netra.holding("wrong"), netra.holding("a.b.c")):
        answer = await asking.ask(verb, f"/api/auth/{path}", {} if verb == "POST" else None)
        assert (answer.status, answer.json["error"]["code"]) == (401, "UNAUTHORIZED")


async def test_an_api_key_is_no_login_to_end(client: Client, netra: Client) -> None:
    key = (await client.post("/v1/auth/keys", {"name": "k"})).json["api_key"]
    answer = await netra.holding(key).post("/api/auth/logout")
    assert answer.status == 400
    assert (await client.holding(key).get("/v1/agents")).status == 200


# -- both --------------------------------------------------------------------------------------


async def test_K_04_K_05_at_the_root_answers_carry_what_both_name(client: Client) -> None:
    await register(client)
    anybody = client.holding(None)
    for answer, id_type in ((await form_login(anybody), str), (await email_login(anybody), int)):
        assert {"access_token", "token_type", "expires_in", "user"} <= set(answer.json)
        assert isinstance(answer.json["user"]["id"], id_type)
        me = await client.holding(answer.json["access_token"]).get("/api/auth/me")
        assert isinstance(me.json["id"], id_type)
        assert {"username", "is_active", "is_admin", "last_login", "name", "updated_at"} <= set(
            me.json
        )
    refused = (await email_login(anybody, password="wrong")).json
    assert refused["detail"] == "Invalid authentication credentials"
    assert refused["error"]["code"] == "UNAUTHORIZED"
    assert refused["request_id"]


async def test_a_token_of_any_login_is_good_everywhere(client: Client) -> None:
    await register(client)
    anybody = client.holding(None)
    body = {"username": "john_doe", "password": PASSWORD}
    tektra = (await anybody.post("/v1/auth/login", body)).json["access_token"]
    aimos = (await form_login(anybody)).json["access_token"]
    netra = (await email_login(anybody)).json["access_token"]
    for token in (tektra, aimos, netra):
        holder = client.holding(token)
        for path in ("/v1/agents", "/api/agents", "/api/threads", "/api/auth/me", "/v1/auth/me"):
            assert (await holder.get(path)).status == 200, path


def refresh_of(given: Any) -> dict[str, str]:
    return {"refresh_token": given["refresh_token"]}


@pytest.mark.parametrize("mount", ["", "/notebook-agents/aimos", "/notebook-agents/netra"])
async def test_a_refresh_token_is_good_once(client: Client, mount: str) -> None:
    await register(client)
    here = client.below(mount).holding(None)
    is_netra = mount.endswith("netra")
    first = (await (email_login(here) if is_netra else form_login(here))).json
    second = (await here.post("/api/auth/refresh", refresh_of(first))).json
    assert second["access_token"] != first["access_token"]
    for token in (first["access_token"], second["access_token"]):
        assert (await here.holding(token).get("/api/auth/me")).status == 200
    assert (await here.post("/api/auth/refresh", refresh_of(first))).status == 401
    for token in (first["access_token"], second["access_token"]):
        assert (await here.holding(token).get("/api/auth/me")).status == 401
    assert (await here.post("/api/auth/refresh", refresh_of(second))).status == 401


async def test_an_access_token_does_not_renew_and_a_refresh_token_does_not_open(
    client: Client,
) -> None:
    await register(client)
    anybody = client.holding(None)
    given = (await form_login(anybody)).json
    swapped = {"refresh_token": given["access_token"]}
    assert (await anybody.post("/api/auth/refresh", swapped)).status == 401
    assert (await client.holding(given["refresh_token"]).get("/api/auth/me")).status == 401


async def test_a_new_password_ends_all_logins(client: Client) -> None:
    await register(client)
    anybody = client.holding(None)
    given = (await form_login(anybody)).json
    john = client.holding(given["access_token"])
    wrong = {"old_password": "wrong", "new_password": "another one"}
    assert (await john.post("/v1/auth/password", wrong)).status == 400
    right = {"old_password": PASSWORD, "new_password": "another one"}
    assert (await john.post("/v1/auth/password", right)).status == 200
    assert (await john.get("/api/auth/me")).status == 401
    assert (await anybody.post("/api/auth/refresh", refresh_of(given))).status == 401
    assert (await form_login(anybody, password="another one")).status == 200


async def test_logins_are_limited_whichever_dialect_they_use(client: Client) -> None:
    anybody = client.holding(None)
    statuses = []
    for attempt in range(6):
        login = email_login(anybody) if attempt % 2 else form_login(anybody)
        statuses.append((await login).status)
    assert statuses == [401] * 5 + [429]


async def test_K_06_health_is_public_and_says_what_both_documents_name(client: Client) -> None:
    answer = await client.holding(None).get("/health")
    assert answer.status == 200
    assert set(answer.json) == {"status", "timestamp", "version", "service", "environment"}
    assert answer.json["status"] == "healthy"
    assert MOMENT.fullmatch(answer.json["timestamp"])


async def test_health_is_503_while_nothing_is_served(client: Client, core: Core) -> None:
    async def broken(*_: Any) -> None:
        raise OSError("no database")

    core.users.find = broken  # type: ignore[assignment,method-assign]
    answer = await client.holding(None).get("/health")
    assert (answer.status, answer.json["status"]) == (503, "unhealthy")
    assert "no database" not in answer.body.decode()
