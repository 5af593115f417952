"""N17, and a server that people share: whom a Hub lets in, and what of Jupyter's stays shut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_server.auth.identity import IdentityProvider
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler
from traitlets.config import Config

from notebook_agents_server.authorizer import OwnResourcesOnly
from notebook_agents_server.door import Door
from notebook_agents_server.testing import Client

NEEDED = "access:services!service=agents"
PEOPLE: dict[str, dict[str, Any]] = {
    "good": {"kind": "user", "name": "alice", "scopes": [NEEDED]},
    "other-server": {"kind": "user", "name": "bob", "scopes": ["access:servers!user=bob"]},
    "reader": {"kind": "user", "name": "carl", "scopes": ["read:services!service=agents"]},
    "service": {"kind": "service", "name": "monitor", "scopes": ["read:users"]},
    "good-service": {"kind": "service", "name": "alice", "scopes": [NEEDED]},
    "nobody": {"kind": "user", "name": "dan", "scopes": []},
}


class HubAuth:
    """Answers as the Hub does about a token, and compares scopes as its library does."""

    access_scopes = frozenset({NEEDED})

    async def user_for_token(self, token: str, *, sync: bool) -> dict[str, Any] | None:
        """Who has the token."""
        return PEOPLE.get(token)

    def check_scopes(self, needed: Any, visitor: dict[str, Any]) -> set[str]:
        """Which of the needed scopes there are."""
        return set(needed) & set(visitor["scopes"])


class HubProvider(IdentityProvider):
    """A Hub's provider as far as the doors look at it."""

    hub_auth = HubAuth()


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@pytest.fixture
def jp_server_config(jp_server_config: Config, request: pytest.FixtureRequest) -> Config:
    config = Config(jp_server_config)
    if "n17" in request.node.name:
        config.ServerApp.identity_provider_class = HubProvider
    else:
        config.ServerApp.authorizer_class = OwnResourcesOnly
    return config


async def test_n17_a_hub_token_without_the_scope_of_this_server_opens_nothing(
    client: Client,
) -> None:
    agent = await client.holding("good").post("/v1/agents", {"name": "alice's"})
    assert agent.status == 201
    id = agent.json["agent_id"]
    for token, who in PEOPLE.items():
        there = client.holding(token)
        if NEEDED not in who["scopes"]:
            assert (await there.get("/v1/agents")).status in (401, 403), token
            assert (await there.post("/v1/agents", {"name": "x"})).status in (401, 403)
            with pytest.raises(HTTPClientError) as refused:
                await there.socket(f"/v1/ws/stream/{id}")
            assert refused.value.code in (401, 403)
    # A service of the same name is somebody else, and nobody is an administrator.
    assert (await client.holding("good-service").get(f"/v1/agents/{id}")).status == 404
    for token in ("good", "good-service"):
        assert (await client.holding(token).get("/api/v1/admin/users")).status == 403
    cookie = await client.holding(None).get("/v1/agents", Cookie="jupyterhub-services=good")
    assert cookie.status == 401


OPEN = {
    "api/?": "the version",
    "api": "the version",
    "api/status": "that it runs",
    "api/me": "who asks",
    "api/spec.yaml": "the document of the API",
    "login": "Jupyter's own login",
    "logout": "its end",
    "": "a redirect",
    "/": "a redirect",
}
"""What of Jupyter's own answers without anybody's rights, and why."""
NAMED = (
    "api/kernels",
    "api/contents",
    "api/contents/a.txt",
    "api/sessions",
    "api/terminals",
    "files/a.txt",
    "nbconvert/html/a.ipynb",
    "api/resolvePath?path=/etc/passwd",
)
"""What gives a shell or files, asked for by name."""
HARMLESS = re.compile(
    r"/(static|favicon\.ico|robots\.txt|custom|nbextensions|kernelspecs|prometheus)|metrics"
    r"|csp-report|logos|lab/|files-redirect"
)


def core_routes(serverapp: ServerApp) -> Iterator[tuple[str, Any]]:
    """Jupyter's routes: a path that each matches, and its handler."""
    for rule in serverapp.web_app.wildcard_router.rules:
        pattern = getattr(rule.matcher, "regex", None)
        handler = rule.target
        if pattern is None or not isinstance(handler, type) or issubclass(handler, Door):
            continue
        path = pattern.pattern.rstrip("$").removeprefix(re.escape(serverapp.base_url))
        path = path.removeprefix(serverapp.base_url).replace("\\", "")
        path = re.sub(r"\(\?P<\w+>[^()]*(\([^()]*\)[^()]*)*\)", "x", path)
        path = re.sub(r"\(\?:[^()]*\)\??", "", path)
        path = re.sub(r"\([^()]*\)[?*+]?", "x", path)
        yield path, handler


async def test_a_shared_server_shuts_every_resource_of_jupyters(
    client: Client, jp_serverapp: ServerApp
) -> None:
    shut, opened = set(), {}
    for path, handler in core_routes(jp_serverapp):
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if getattr(handler, verb.lower()) is RequestHandler._unimplemented_method:
                continue
            if issubclass(handler, WebSocketHandler):
                continue
            answer = await client.ask(verb, f"/{path}", {} if verb != "GET" else None)
            if answer.status in (403, 405):
                shut.add(path)
            elif answer.status not in (301, 302, 404):
                opened[f"{verb} {path}"] = answer.status
    left = {
        route: status
        for route, status in opened.items()
        if route.split(" ")[1] not in OPEN and not HARMLESS.search(f"/{route.split(' ')[1]}")
    }
    assert not left
    assert len(shut) > 10
    for path in NAMED:
        assert (await client.get(f"/{path}")).status == 403, path


@pytest.mark.parametrize(
    "path", ["/api/kernels/x/channels", "/terminals/websocket/1", "/api/events/subscribe"]
)
async def test_a_shared_server_opens_no_socket_of_jupyters(client: Client, path: str) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await client.socket(path)
    assert refused.value.code in (403, 404)
