"""Values are checked by schemas of strangers, which must not keep the server busy."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.mcp import schemas

EVIL = "(a+)+$"
STUCK = "a" * 40 + "!"
"""The expression would take days to say no."""
LANGUAGE = "https://json-schema.org/draft/2020-12/schema"


def properties(**parts: Any) -> dict[str, Any]:
    return {"type": "object", "properties": parts}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (properties(a={"type": "string", "pattern": EVIL}), {"a": STUCK}),
        (
            {"type": "object", "patternProperties": {EVIL: {}}, "additionalProperties": False},
            {STUCK: 1},
        ),
        (
            {"type": "object", "patternProperties": {EVIL: {}}, "unevaluatedProperties": False},
            {STUCK: 1},
        ),
        (properties(a={"$schema": LANGUAGE, "pattern": EVIL}), {"a": STUCK}),
        (
            properties(a={"$ref": "#/$defs/x"})
            | {"$schema": LANGUAGE, "$defs": {"x": {"$schema": LANGUAGE, "pattern": EVIL}}},
            {"a": STUCK},
        ),
        (properties(a={"uniqueItems": True}), {"a": [{"n": n} for n in range(10_000)]}),
    ],
)
def test_expressions_and_slow_keywords_are_left_to_the_server(
    schema: dict[str, Any], value: dict[str, Any]
) -> None:
    assert not schemas.unusable(schema)
    began = time.process_time()
    assert schemas.validated(schema, value) == value
    assert time.process_time() - began < 5


def test_references_that_branch_end() -> None:
    names = [f"n{n}" for n in range(41)]
    branches = {
        name: {"allOf": [{"$ref": f"#/$defs/{after}"}] * 2} for name, after in pairwise(names)
    }
    schema = {"type": "object", "$ref": "#/$defs/n0", "$defs": {**branches, "n40": {}}}
    assert not schemas.unusable(schema)
    began = time.process_time()
    with pytest.raises(InvalidRequest, match="too much to check"):
        schemas.validated(schema, {})
    assert time.process_time() - began < 5


def test_references_are_followed_within_the_schema_alone() -> None:
    listed = properties(a={"type": "array", "items": {"$ref": "#/$defs/x"}})
    schema = listed | {"$defs": {"x": {"type": "integer"}}}
    assert schemas.validated(schema, {"a": list(range(2000))})
    circle = {"type": "object", "$ref": "#"}
    elsewhere = properties(a={"$ref": "http://127.0.0.1/schema"})
    for wrong in (circle, elsewhere):
        with pytest.raises(InvalidRequest, match="refers to what is not there"):
            schemas.validated(wrong, {"a": 1})


def test_arguments_that_are_wrong_are_named() -> None:
    schema = properties(**{"a": {"type": "string"}, "$schema": {"type": "integer"}})
    for value, words in (({"a": 7}, "a: 7 is not of type"), ({"$schema": "x"}, "'x' is not of")):
        with pytest.raises(InvalidRequest, match=words):
            schemas.validated(schema | {"additionalProperties": False}, value)
    with pytest.raises(InvalidRequest, match="'b' was unexpected"):
        schemas.validated(schema | {"additionalProperties": False}, {"b": 1})
