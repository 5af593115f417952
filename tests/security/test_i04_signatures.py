"""I04: what a receiver believes of the webhooks that we send, with the check that we document.

The product itself takes no signed letters: nothing of it is triggered by a signature.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notebook_agents.core.deliveries import Letter
from notebook_agents.webhooks.signatures import body_of, headers_of
from notebook_agents_server.entries import entries
from notebook_agents_server.mounts import DIALECT_NAMES, all_routes

SECRET = "a secret of the receiver's own"
OTHER = "another secret of somebody else"


def letter(*, age: timedelta = timedelta()) -> Letter:
    at = datetime.now(UTC) - age
    return Letter(
        id="msg_1",
        url="https://receiver.example.org/hook",
        event="security.violation",
        data={"zeta": 1, "alpha": "é"},
        occurred_at=at,
        sent_at=at,
        sealed_secret="",
    )


def verify(body: bytes, headers: dict[str, str]) -> None:
    """As documented for receivers."""
    Webhook("whsec_" + base64.b64encode(SECRET.encode()).decode()).verify(body, headers)


def test_i04_a_receiver_believes_what_was_sent_now_and_nothing_else() -> None:
    sent = letter()
    body = body_of(sent, SECRET)
    headers = headers_of(sent, SECRET, body)
    verify(body, headers)
    old = letter(age=timedelta(minutes=10))
    wrong: dict[str, tuple[bytes, dict[str, str]]] = {
        "another secret": (body, headers_of(sent, OTHER, body)),
        "no signature": (body, {k: v for k, v in headers.items() if not k.endswith("ature")}),
        "cut": (body, {**headers, "webhook-signature": headers["webhook-signature"][:-4]}),
        "empty": (body, {**headers, "webhook-signature": "v1,"}),
        "another version": (body, {**headers, "webhook-signature": "v9,x"}),
        "written anew": (json.dumps(json.loads(body)).encode(), headers),
        "another id": (body, {**headers, "webhook-id": "msg_2"}),
        "another time": (body, {**headers, "webhook-timestamp": "1"}),
        "ten minutes old": (body_of(old, SECRET), headers_of(old, SECRET, body_of(old, SECRET))),
    }
    for text, given in wrong.values():
        with pytest.raises(WebhookVerificationError):
            verify(text, given)


def test_i04_no_route_takes_a_letter_that_is_only_signed() -> None:
    open_to_all = {
        (entry.verb, entry.path)
        for entry in entries(all_routes(DIALECT_NAMES))
        if entry.handler.is_public and entry.verb != "get"
    }
    assert all("/auth/" in path for _, path in open_to_all)
