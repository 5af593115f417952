"""N01: every route of ours, each verb that it has, with credentials that are worth nothing here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_every_route_refuses import ROUTES, is_public, path_of
from tests.security.doors import NOTHING, person, signing_key, token
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketHandler

from notebook_agents.core.core import Core
from notebook_agents_server.base import BaseHandler
from notebook_agents_server.testing import Client

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OFFERED = [
    (pattern, handler, verb)
    for pattern, handler in ROUTES
    if issubclass(handler, BaseHandler)
    for verb in VERBS
    if getattr(handler, verb.lower()) is not BaseHandler._missing
]
SOCKETS = [path_of(pattern) for pattern, handler in ROUTES if issubclass(handler, WebSocketHandler)]
NOT_VALID = '{"valid":false}'
"""The whole of what somebody is told who asks whether there is a session."""
NEEDS_ANOTHER_PART = ("SANDBOX_UNAVAILABLE", "INSUFFICIENT_RESOURCES", "OAuth")
"""Answers that documents give with 5xx: what is asked for is not on this machine."""


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


async def test_n01_a_wrong_or_expired_credential_opens_no_verb_of_no_route(
    client: Client, core: Core, tmp_path: Path
) -> None:
    ann = await person(client, core, "ann")
    past = datetime.now(UTC) - timedelta(hours=2)
    old = token(await signing_key(tmp_path / "home"), ann.user.id, nbf=past, exp=past)
    wrong = ("nba_" + "x" * 43, old, "wrong", ann.refresh)
    for number, (pattern, _, verb) in enumerate(OFFERED):
        path = path_of(pattern)
        if is_public(path, verb):
            continue
        stranger = client.holding(wrong[number % len(wrong)])
        answer = await stranger.ask(verb, path, {} if verb != "GET" else None)
        assert answer.status == 401, (verb, path, answer.status)


async def is_refused(client: Client, path: str) -> bool:
    """Whether a socket is refused: before the handshake, or at once after it with its reason."""
    try:
        socket = await client.socket(path)
    except HTTPClientError as refused:
        return refused.code == 401
    return (await socket.receive())["type"] == "error" and await socket.receive() is None


async def test_n01_sockets_refuse_every_wrong_credential(
    client: Client, core: Core, tmp_path: Path
) -> None:
    ann = await person(client, core, "ann")
    past = datetime.now(UTC) - timedelta(hours=2)
    old = token(await signing_key(tmp_path / "home"), ann.user.id, nbf=past, exp=past)
    for path in SOCKETS:
        for wrong in ("nba_" + "x" * 43, old, ann.refresh):
            assert await is_refused(client.holding(wrong), path), path


async def test_n01_with_somebody_elses_token_nothing_of_an_id_is_there_and_nothing_breaks(
    client: Client, core: Core
) -> None:
    bob = await person(client, core, "bob")
    tried: set[tuple[type, str, str]] = set()
    for pattern, handler, verb in OFFERED:
        path = path_of(pattern).replace("some-id", NOTHING)
        tail = path.rpartition(NOTHING)[2]
        if NOTHING not in path or is_public(path, verb) or (handler, verb, tail) in tried:
            continue  # the same handler at another mount
        tried.add((handler, verb, tail))
        answer = await bob.client.ask(verb, path, {} if verb != "GET" else None)
        told = answer.body.decode(errors="replace")
        is_documented = any(words in told for words in NEEDS_ANOTHER_PART) or told == NOT_VALID
        assert answer.status in (400, 401, 403, 404, 405, 409, 422) or is_documented, (verb, path)
    assert len(tried) > 50
