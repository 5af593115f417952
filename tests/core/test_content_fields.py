"""Every field of every event is decided upon: plain, content, or a person's name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import pytest

from notebook_agents.core.content_fields import (
    FIELDS,
    content_fields,
    person_fields,
    plain_fields,
    plain_payload,
)
from notebook_agents.core.events import EventBody

BODIES: dict[str, Any] = {
    body.__dataclass_fields__["type"].default: body for body in get_args(get_args(EventBody)[0])
}


def test_every_type_of_event_is_in_the_table_and_no_other() -> None:
    assert set(FIELDS) == set(BODIES)


@pytest.mark.parametrize("type", BODIES)
def test_every_field_has_one_place(type: str) -> None:
    placed = [*plain_fields(type), *content_fields(type), *person_fields(type)]
    assert sorted(placed) == sorted(
        field.name for field in fields(BODIES[type]) if field.name != "type"
    ), f"give each field of {type!r} a place in core/content_fields.py"


def test_words_of_persons_models_and_tools_are_content() -> None:
    assert plain_payload(
        "tool_finished",
        {"call_id": "c", "name": "shell", "content": "secret", "figures": [{}], "new": "unknown"},
    ) == {"call_id": "c", "name": "shell"}
    written = ("text", "arguments", "content", "figures", "feedback", "message", "source")
    # Of an address also the host may be a secret: hook services give each customer one.
    for name in (*written, "host", "item", "label"):
        told = {type for type in FIELDS if name in plain_fields(type)}
        assert told == set(), name


def test_of_an_unknown_type_nothing_is_told() -> None:
    assert plain_payload("of_tomorrow", {"text": "secret", "n": 1}) == {}
