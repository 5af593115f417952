"""What pages of other origins may do, what every answer carries, and how refusals look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from traitlets import TraitError

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.mounts import DIALECT_NAMES
from notebook_agents_server.testing import Answer, Client

ORIGIN = "https://app.example.org"
SIZE = 2048
WITH_BODY = {
    "tektra": "/v1/agents",
    "aimos": "/api/agents",
    "netra": "/api/threads",
    "agent_c": "/api/v1/initialize",
    "agent_api": "/api/v1/sessions",
}
"""A path of each dialect that takes a body."""
SOCKETS = {
    "tektra": "/v1/ws/stream/agent_abc123",
    "aimos": "/api/ws/admin",
    "netra": "/ws",
    "agent_api": "/api/v1/sessions/some-id/stream",
}
"""Agent C has none."""
EXPOSED = ("X-Request-ID", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "allow_origins": [ORIGIN],
        "allow_origin_pat": r"https://[a-z]+\.lab\.example\.org",
        "max_body_bytes": SIZE,
    }


def test_every_dialect_is_tried() -> None:
    assert set(WITH_BODY) == {*SOCKETS, "agent_c"} == set(DIALECT_NAMES)


@pytest.fixture(params=DIALECT_NAMES)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def mount(client: Client, dialect: str) -> Client:
    return client.below(f"/notebook-agents/{dialect}")


def code_of(answer: Answer, dialect: str) -> str:
    """What an error is called, in the shape of each document."""
    body = answer.json
    if "detail" in body:
        assert isinstance(body["detail"], str)
        return str(body.get("type") or body.get("error_code") or "")
    assert body["error"]["message"]
    return str(body["error"]["code"])


# -- origins -----------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [ORIGIN, "https://a.lab.example.org"])
async def test_a_browsers_question_is_answered_for_origins_on_the_list(
    mount: Client, dialect: str, origin: str
) -> None:
    answer = await mount.holding(None).ask(
        "OPTIONS",
        WITH_BODY[dialect],
        None,
        Origin=origin,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,content-type",
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Vary"] == "Origin"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"]
    for name in ("Authorization", "Content-Type", "X-Request-ID"):
        assert name in allowed
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers


async def test_a_page_may_read_the_headers_that_matter(mount: Client, dialect: str) -> None:
    for path in (WITH_BODY[dialect], "/nothing"):
        answer = await mount.get(path, Origin=ORIGIN)
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert set(EXPOSED) <= set(exposed)
        assert "Access-Control-Allow-Credentials" not in answer.headers
    if dialect == "tektra":
        assert "X-RateLimit-RetryAfter" in exposed
    if dialect == "netra":
        assert "X-API-Version" in exposed


async def test_every_other_origin_is_told_nothing(mount: Client, dialect: str) -> None:
    for origin in (
        "https://evil.example",
        f"{ORIGIN}.evil.example",
        "http://app.example.org",
        "https://a.lab.example.org.evil.example",
        "https://evil.example/https://a.lab.example.org",
        "null",
    ):
        for verb in ("OPTIONS", "GET"):
            answer = await mount.ask(verb, WITH_BODY[dialect], None, Origin=origin)
            told = [name for name in answer.headers if name.startswith("Access-Control")]
            assert (told, answer.headers["Vary"]) == ([], "Origin"), origin


async def test_refusals_are_readable_for_a_page_that_may_ask(mount: Client, dialect: str) -> None:
    answer = await mount.holding(None).get(WITH_BODY[dialect], Origin=ORIGIN)
    assert answer.status == 401
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_a_pattern_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(TraitError, match="allow_origin_pat '\\['"):
        NotebookAgentsApp(allow_origin_pat="[")


# -- every answer ------------------------------------------------------------------------------


async def test_every_answer_names_its_request(mount: Client, dialect: str) -> None:
    path = WITH_BODY[dialect]
    for client, verb, where in (
        (mount, "GET", path),
        (mount, "GET", "/nothing/here"),
        (mount, "PATCH", path),
        (mount, "OPTIONS", path),
        (mount.holding(None), "GET", path),
        (mount, "GET", SOCKETS.get(dialect, path)),
    ):
        given = await client.ask(verb, where, None, X_Request_ID="mine.1")
        assert given.headers["X-Request-ID"] == "mine.1", (verb, where)
        made = await client.ask(verb, where, None)
        assert made.headers["X-Request-ID"].startswith("req_"), (verb, where)
    if dialect in SOCKETS:
        socket = await mount.socket(SOCKETS[dialect])
        assert socket.connection.headers is not None
        assert socket.connection.headers["X-Request-ID"].startswith("req_")


async def test_n_version_is_on_every_answer_of_netra(client: Client) -> None:
    netra = client.below("/notebook-agents/netra")
    for verb, path in (
        ("GET", "/api/threads"),
        ("GET", "/api/threads/nothing"),
        ("GET", "/nothing"),
        ("PATCH", "/api/threads"),
        ("OPTIONS", "/api/threads"),
        ("GET", "/ws"),
    ):
        answer = await netra.ask(verb, path, None)
        assert answer.headers["X-API-Version"] == "2.0.0", (verb, path)
        assert (await netra.holding(None).ask(verb, path, None)).headers["X-API-Version"] == "2.0.0"
    tektra = await client.get("/v1/agents")
    assert "X-API-Version" not in tektra.headers


async def test_nobody_is_given_a_cookie_whatever_the_credential(
    mount: Client, dialect: str, core: Core
) -> None:
    token = mount.headers["Authorization"].split()[-1]
    anybody = mount.holding(None)
    root = replace(mount, base_path=mount.base_path.removesuffix(f"/notebook-agents/{dialect}"))
    cookie = (await root.get(f"/api/status?token={token}")).headers["Set-Cookie"].split(";")[0]
    user = await core.users.create(
        CreateUser(username="alice", email="alice@example.org", password="correct horse")
    )
    actor = Actor(user_id=user.id, username=user.username)
    key = (await core.api_keys.create(actor, "test"))[1]
    login = await root.post("/v1/auth/login", {"username": "alice", "password": "correct horse"})
    jwt = login.json["session_token"]
    asked = [login] + [
        await client.ask(verb, path, body, **headers)
        for client, headers in (
            (mount, {}),
            (anybody, {}),
            (anybody, {"Cookie": cookie}),
            (mount, {"Cookie": cookie}),
            (mount.holding(key), {}),
            (mount.holding(jwt), {}),
            (mount.holding("nbk_wrong"), {}),
        )
        for verb, path, body in (
            ("GET", WITH_BODY[dialect], None),
            ("POST", WITH_BODY[dialect], {}),
            ("GET", f"{WITH_BODY[dialect]}?token={token}", None),
            ("GET", "/nothing", None),
            ("OPTIONS", WITH_BODY[dialect], None),
        )
    ]
    assert not [answer for answer in asked if "Set-Cookie" in answer.headers]


async def test_what_changes_something_needs_no_token_against_forgery(
    mount: Client, dialect: str
) -> None:
    answer = await mount.post(WITH_BODY[dialect], {}, Cookie="_xsrf=2|wrong")
    assert answer.status in (201, 400, 422), answer.body


# -- refusals ----------------------------------------------------------------------------------


async def test_without_a_credential_it_is_401_in_json(mount: Client, dialect: str) -> None:
    for credential in (None, "nbk_wrong", "a.b.c"):
        for verb, path in (
            ("GET", WITH_BODY[dialect]),
            ("POST", WITH_BODY[dialect]),
            ("GET", "/nothing"),
        ):
            body: Any = {} if verb == "POST" else None
            answer = await mount.holding(credential).ask(verb, path, body)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.headers["Content-Type"].startswith("application/json")
            code_of(answer, dialect)


async def test_an_unknown_path_is_404_in_json(mount: Client, dialect: str) -> None:
    for path in ("", "/", "/nothing", "/v1/nothing", "/api/nothing/here", "/%2e%2e/etc"):
        answer = await mount.get(path)
        assert answer.status == 404, path
        assert answer.headers["Content-Type"].startswith("application/json")
        code_of(answer, dialect)


async def test_a_verb_that_is_not_offered_is_405_and_says_what_is(
    mount: Client, dialect: str
) -> None:
    answer = await mount.ask("PATCH", WITH_BODY[dialect], {})
    assert answer.status == 405
    offered = answer.headers["Allow"].split(", ")
    assert "POST" in offered
    assert "PATCH" not in offered
    code_of(answer, dialect)
    asked = await mount.ask("OPTIONS", WITH_BODY[dialect], None)
    assert asked.headers["Allow"].split(", ") == offered
    if dialect in SOCKETS:
        socket = await mount.post(SOCKETS[dialect])
        assert (socket.status, socket.headers["Allow"]) == (405, "GET")


async def test_a_body_beyond_the_limit_is_413(mount: Client, dialect: str) -> None:
    for size in (SIZE + 1, 5 * SIZE):
        answer = await mount.post(WITH_BODY[dialect], b'"' + b"x" * (size - 2) + b'"')
        assert answer.status == 413
        assert f"{SIZE} bytes" in str(answer.json)
        code_of(answer, dialect)
    exact = await mount.post(WITH_BODY[dialect], b'"' + b"x" * (SIZE - 2) + b'"')
    assert exact.status in (400, 422)


async def test_what_is_no_json_is_a_wrong_request(mount: Client, dialect: str) -> None:
    for body in (b"{", b'{"name": }', b"\xff\xfe", b"[1", b"{} {}", b"NaN.", b"[" * SIZE):
        answer = await mount.post(WITH_BODY[dialect], body)
        assert answer.status in (400, 422), body
        code_of(answer, dialect)


async def test_a_body_must_not_say_that_it_is_something_else(mount: Client, dialect: str) -> None:
    for kind, is_read in (
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/vnd.api+json", True),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("application/jsonx", False),
    ):
        answer = await mount.post(WITH_BODY[dialect], {"name": 1}, Content_Type=kind)
        assert answer.status in (400, 422)
        is_refused = "send JSON with Content-Type: application/json" in str(answer.json)
        assert is_refused is not is_read, kind
