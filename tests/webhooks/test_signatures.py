"""Receivers can check what they get, in the ways the documentation shows."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notebook_agents.core.deliveries import Letter
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.webhooks.sender import HttpSender
from notebook_agents.webhooks.signatures import SealedSecrets, body_of, headers_of, portable

DOCUMENT = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
SECRET = "webhook_secret_key"
ENCODED = "whsec_" + base64.b64encode(b"a key of 24 bytes or so..").decode()
AWKWARD: dict[str, Any] = {
    "whole": 2.0,
    "small": 0.00001,
    "fraction": 0.1 + 0.2,
    "large": 2**60,
    "huge": 1e300,
    "nothing": None,
    "yes": True,
    "not a number": float("nan"),
    "10": "ten",
    "9": "nine",
    "text": 'é 😀 \u2028 \x7f \x01 "quoted" \\ / \ud800',
    "deep": {"b": [1, {"z": 1, "a": 2}], "a": -0.0},
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def python_functions() -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/webhooks.md", "exec"), namespace)  # noqa: S102
    return namespace


def in_node(expression: str, *values: Any) -> Any:
    given = ",".join(json.dumps(value) for value in values)
    script = (
        f"{''.join(blocks('javascript'))}\nconsole.log(JSON.stringify(({expression})({given})))"
    )
    run = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.fixture
def letter(letter_to: Callable[..., Letter]) -> Letter:
    return letter_to("https://x.example.org/", data=AWKWARD)


def test_t87_the_body_has_the_documented_fields(letter: Letter) -> None:
    body = json.loads(body_of(letter, SECRET))
    assert list(body) == ["event", "timestamp", "data", "signature"]
    assert body["timestamp"] == "2024-01-01T16:00:00.000Z"
    assert re.fullmatch(r"sha256=[0-9a-f]{64}", body["signature"])


def test_t89_o70_the_documented_python_code_checks_the_signature(letter: Letter) -> None:
    is_genuine = python_functions()["is_genuine"]
    body = body_of(letter, SECRET)
    assert is_genuine(body, SECRET)
    assert not is_genuine(body, "another_secret")
    assert not is_genuine(body.replace(b"nine", b"nein"), SECRET)


def test_t89_o70_the_documented_node_code_checks_the_signature(letter: Letter) -> None:
    body = body_of(letter, SECRET).decode()
    assert in_node("isGenuine", body, SECRET)
    assert not in_node("isGenuine", body, "another_secret")
    assert not in_node("isGenuine", body.replace("nine", "nein"), SECRET)


@pytest.mark.parametrize("secret", [SECRET, ENCODED])
def test_standard_webhooks_verifies_the_headers(letter: Letter, secret: str) -> None:
    body = body_of(letter, secret)
    headers = headers_of(letter, secret, body)
    python_functions()["verify"](body, headers, secret)
    assert in_node("isFresh", body.decode(), headers, secret)
    with pytest.raises(WebhookVerificationError):
        python_functions()["verify"](body + b" ", headers, secret)
    assert not in_node("isFresh", body.decode() + " ", headers, secret)
    assert not in_node("isFresh", body.decode(), headers, secret, 0)
    assert headers["webhook-id"] == letter.id


def test_an_encoded_secret_is_what_standard_webhooks_takes_as_it_is(letter: Letter) -> None:
    body = body_of(letter, ENCODED)
    Webhook(ENCODED).verify(body, headers_of(letter, ENCODED, body))


def test_numbers_that_languages_write_differently_become_texts() -> None:
    sent = portable(AWKWARD)
    assert (sent["whole"], sent["fraction"], sent["yes"]) == (2, 0.1 + 0.2, True)
    assert (sent["small"], sent["large"], sent["huge"]) == ("1e-05", str(2**60), str(int(1e300)))
    assert sent["not a number"] == "nan"


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_YQ==", "whsec_", "line\nbreak"])
def test_a_secret_that_cannot_be_used_is_refused(sender: HttpSender, secret: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        sender.seal(secret)
    assert error.value.details["field"] == "secret"
    assert secret.removeprefix("whsec_") not in error.value.message or secret == "whsec_"


def test_sealed_secrets_need_the_servers_key() -> None:
    old, new = b"o" * 32, b"n" * 32
    sealed = SealedSecrets(lambda: [old]).seal(SECRET)
    assert SECRET not in sealed
    assert base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=") not in sealed
    assert SealedSecrets(lambda: [new]).open(sealed) is None
    both = SealedSecrets(lambda: [new, old])
    assert both.open(sealed) == SECRET
    renewed = both.renew(sealed)
    assert renewed != sealed
    assert both.renew(renewed) == renewed
    assert SealedSecrets(lambda: [new]).open(renewed) == SECRET
    assert SealedSecrets(lambda: [new]).renew(sealed) == sealed
    assert SealedSecrets(lambda: [new]).open("garbage") is None
