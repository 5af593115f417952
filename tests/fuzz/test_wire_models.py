"""What clients send, against every model of every API: read, or refused as invalid."""

from __future__ import annotations

import importlib
import json
import pkgutil
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from notebook_agents_server import dialects

N_BODIES = 12
DEEP: Any = json.loads('{"a":' * 60 + "1" + "}" * 60)
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**400, 1.5, "", "x", "\u0000", "\ud800", "\u202e", "{{ x }}", "../x"),
    *("9" * 5000, "2026-02-30T25:61:00Z", "http://127.0.0.1", "NaN", [], [None] * 200, {}, DEEP),
    *([{"a": "b"}], {"": ""}, {"__class__": "x"}, {"$ref": "#"}, "00000000-0000-0000-0000-0000"),
)


def models() -> Iterator[type[BaseModel]]:
    """The models of the modules ``wire`` of all dialects."""
    seen: set[type[BaseModel]] = {BaseModel}
    for module in pkgutil.walk_packages(dialects.__path__, dialects.__name__ + "."):
        if not module.name.endswith("wire"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value not in seen:
                seen.add(value)
                yield value


def bodies(model: type[BaseModel]) -> Iterator[str]:
    """Bodies with the model's own names and values that nobody expects."""
    dice = random.Random(model.__name__)  # noqa: S311 - repeatable
    names = [field.alias or name for name, field in model.model_fields.items()]
    for _ in range(N_BODIES):
        body = {name: dice.choice(ODD) for name in names if dice.random() < 0.8}
        body |= {dice.choice(("owner", "id", "is_admin", "\u0000")): dice.choice(ODD)}
        yield json.dumps(body)
    yield from ("null", "[]", '"x"', "1")


ALL = sorted(models(), key=lambda model: (model.__module__, model.__name__))


@pytest.mark.parametrize("module", sorted({model.__module__ for model in ALL}))
def test_a_body_is_read_or_refused_as_invalid(module: str) -> None:
    for model in (each for each in ALL if each.__module__ == module):
        for body in bodies(model):
            with suppress(ValidationError):
                model.model_validate_json(body)
