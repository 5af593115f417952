"""Every route of ours, each verb, without credentials: 401 in JSON, whatever the id."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from notebook_agents.core.errors import NotAuthenticated
from notebook_agents_server.door import Door
from notebook_agents_server.mounts import DIALECT_NAMES, all_routes
from notebook_agents_server.testing import Client

ROUTES = all_routes(DIALECT_NAMES)
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PUBLIC = {
    "/v1/health": {"GET"},
    "/v1/auth/login": {"POST"},
    "/v1/auth/refresh": {"POST"},
    "/v1/auth/register": {"POST"},
    "/api/auth/login": {"POST"},
    "/api/auth/refresh": {"POST"},
    "/api/auth/register": {"POST"},
    "/api/auth/google/authorize": {"GET"},
    "/api/auth/google/callback": {"GET"},
    "/api/health": {"GET"},
    "/health": {"GET"},
    "/health/ready": {"GET"},
    "/health/dependencies": {"GET"},
    "/health/live": {"GET"},
    "/api/config": {"GET"},
    "/docs": {"GET"},
    "/redoc": {"GET"},
    "/openapi.json": {"GET"},
    "/notebook-agents/static/some-id": {"GET"},
    "/notebook-agents/ui/files/some-id/some-id": {"GET"},
}
"""What is public, and with which verb; everything else must refuse."""


@pytest.fixture
def settings() -> dict[str, Any]:
    """More requests without credentials than the rate limits of one address."""
    return {"rate_limiting": False}


def path_of(pattern: str) -> str:
    """A path that the pattern matches."""
    path = re.sub(r"\(\?:([\w/]+)[^)]*\)", r"\1", pattern).removesuffix("/?")
    path = re.sub(r"\(/\.\*\)\?|/\.\+", "/anything", path)
    path = re.sub(r"\((?:\[[^]]*\]|\.)\+\)", "some-id", path)
    return path.replace("\\.", ".")


def is_public(path: str, verb: str) -> bool:
    asked = "GET" if verb == "HEAD" else verb
    is_listed = any(path.endswith(tail) and asked in verbs for tail, verbs in PUBLIC.items())
    return is_listed and not re.search("/engine/|/mcp-servers/", path)


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in ROUTES])
def test_a_pattern_matches_the_path_that_is_tried(pattern: str) -> None:
    assert re.fullmatch(pattern, path_of(pattern))


@pytest.mark.parametrize("handler", dict.fromkeys(handler for _, handler in ROUTES))
def test_every_handler_is_a_door(handler: type[RequestHandler]) -> None:
    assert issubclass(handler, Door)


def test_nothing_of_ours_is_broader_than_ours() -> None:
    mine = re.compile(
        r"/(notebook-agents|v1|docs|redoc|metrics)\b"
        r"|/api/(\(\?:)?(agents?|auth|docs|execut|health|openapi|redoc|system|webhooks|ws)"
        r"|/api/v1/(docs|openapi|redoc)|/api/(\(\?:)?v[12]\b"
        r"|/\(\?:api\|v2\)/(agent|auth|config|threads|workloads)\b|/(health|v2|ws)\b"
    )
    assert all(mine.match(pattern) for pattern, _ in ROUTES)


async def test_every_route_refuses_every_verb_without_credentials(client: Client) -> None:
    anybody = client.holding(None)
    for pattern, handler in ROUTES:
        path = path_of(pattern)
        for verb in VERBS:
            answer = await anybody.ask(verb, path, {} if verb in ("POST", "PUT", "PATCH") else None)
            if is_public(path, verb):
                is_complete = verb in ("GET", "HEAD") and not re.search("some-id|/google/", path)
                wanted = (200,) if is_complete else (400, 404, 422, 500)
                assert answer.status in wanted, (verb, path)
                continue
            expected = (401,) if not handler.is_public else (401, 405)  # type: ignore[attr-defined]
            assert answer.status in expected, (verb, path, answer.status)
            assert answer.headers["Content-Type"].startswith("application/json"), (verb, path)
            assert verb == "HEAD" or {"error", "code", "detail"} & set(answer.json)


async def test_sockets_say_nothing_before_a_credential(client: Client) -> None:
    anybody = client.holding(None)
    for pattern, handler in ROUTES:
        if issubclass(handler, WebSocketHandler):
            socket = await anybody.socket(path_of(pattern))
            await socket.send({"type": "message", "content": "hello"})
            frame = await socket.receive()
            assert frame["type"] == "error"
            assert await socket.receive() is None
            refused = handler.dialect.close_code_of(NotAuthenticated(""))  # type: ignore[attr-defined]
            assert socket.close_code == refused, pattern


async def test_a_refusal_is_the_same_for_what_is_there_and_what_is_not(client: Client) -> None:
    agent_id = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    anybody = client.holding(None)
    there = await anybody.get(f"/v1/agents/{agent_id}", X_Request_ID="same")
    missing = await anybody.get("/v1/agents/agent_" + "0" * 32, X_Request_ID="same")
    without_time = [{**answer.json["error"], "timestamp": ""} for answer in (there, missing)]
    assert without_time[0] == without_time[1]


async def test_jupyter_finds_no_route_of_ours_without_a_decision_on_authentication(
    client: Client, jp_serverapp: ServerApp
) -> None:
    for pattern, handler in ROUTES:
        assert jp_serverapp.web_app._check_handler_auth(pattern, handler) == []
