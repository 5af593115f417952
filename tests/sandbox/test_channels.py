"""Every message that no honest kernel sends is a Violation, never a crash."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256

import pytest

from notebook_agents.sandbox.channels import DELIMITER, KernelMessage, Violation, parse

KEY = b"key"


HONEST: dict[str, object] = {
    "header": {"msg_type": "stream"},
    "parent": {"msg_id": "1"},
    "metadata": {},
    "content": {},
}


def frames(**changed: object) -> list[bytes]:
    """A signed message with parts replaced, by values or by raw bytes."""
    values = (HONEST | changed).values()
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in values]
    signature = hmac.new(KEY, b"".join(parts), sha256).hexdigest().encode()
    return [b"topic", DELIMITER, signature, *parts]


def test_an_honest_message_is_read() -> None:
    expected = KernelMessage("stream", "1", {"text": "x"}, size_bytes=13)
    assert parse(frames(content={"text": "x"}), KEY) == expected


def test_a_message_without_parent_belongs_to_no_request() -> None:
    assert parse(frames(parent={}), KEY).parent_id == ""


@pytest.mark.parametrize(
    "hostile",
    [
        [b"topic"],
        [],
        frames()[:4],
        [*frames()[:2], b"0" * 64, *frames()[3:]],
        frames(header={}),
        frames(header={"msg_type": 5}),
        frames(header=[]),
        frames(parent=[]),
        frames(parent={"msg_id": {}}),
        frames(content=[]),
        frames(content="text"),
        frames(content=b"\xff\xfe{"),
        frames(content=b"[" * 200_000),
        frames(content=b'{"a":' * 200_000),
        frames(content=b'{"a": ' + b"9" * 10_000 + b"}"),
        frames(header=b'{"msg_type": "' + b"x" * 100_000 + b'"}'),
    ],
)
def test_a_hostile_message_is_a_violation(hostile: list[bytes]) -> None:
    with pytest.raises(Violation):
        parse(hostile, KEY)
