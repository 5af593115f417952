"""The shapes of the API documents: JSON Schema of the wire models, each under one name.

Shapes are collected first and turned into schemas together, because only then pydantic can give
names that differ where a model looks different in a request and in an answer. A prefix keeps the
names of several dialects apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from notebook_agents_server.operations import Shape

Mode = Literal["validation", "serialization"]
"""How a request looks, and how an answer looks."""
Schema = dict[str, Any]
REQUEST: Mode = "validation"
ANSWER: Mode = "serialization"
PLACE = "#/components/schemas/"


class Components:
    """The schemas of some shapes, which refer to each other by name."""

    def __init__(self, shapes: Iterable[tuple[Shape, Mode]], *, prefix: str = "") -> None:
        wanted = {(id(shape), mode): shape for shape, mode in shapes}
        self._shapes = tuple(wanted.values())  # an id names its shape only while it is there
        inputs = [(key, mode, _adapter(shape)) for (key, mode), shape in wanted.items()]
        template = f"{PLACE}{prefix}{{model}}"
        found, rest = TypeAdapter.json_schemas(inputs, ref_template=template)
        self._found = {(int(str(key)), mode): schema for (key, mode), schema in found.items()}
        definitions = rest.get("$defs", {})
        self.schemas: dict[str, Schema] = {
            prefix + name: schema for name, schema in sorted(definitions.items())
        }

    def of(self, shape: Shape, mode: Mode) -> Schema:
        """The schema of a shape, most often a reference."""
        return self._found[id(shape), mode]

    def resolved(self, schema: Schema) -> Schema:
        """What a reference refers to."""
        place = schema.get("$ref", "")
        return self.schemas[place.removeprefix(PLACE)] if place else schema

    def kinds(self, schema: Schema) -> str:
        """The types of frames that a schema knows, in words."""
        found = dict.fromkeys(f"`{kind}`" for kind in self._kinds(schema))
        return ", ".join(found) or "any text"

    def _kinds(self, schema: Schema) -> Iterator[str]:
        schema = self.resolved(schema)
        for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from self._kinds(option)
        kind = schema.get("properties", {}).get("type", {})
        yield from kind.get("enum", [kind["const"]] if "const" in kind else [])

    def parameters(self, query: type[BaseModel]) -> list[Schema]:
        """The fields of a query as parameters."""
        schema = self.resolved(self.of(query, REQUEST))
        required = schema.get("required", [])
        return [
            _parameter(name, dict(field), is_required=name in required)
            for name, field in schema.get("properties", {}).items()
        ]


def _adapter(shape: Shape) -> TypeAdapter[Any]:
    return shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)


def _parameter(name: str, schema: Schema, *, is_required: bool) -> Schema:
    description = schema.pop("description", "")
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    if "anyOf" in schema:
        # A query cannot say null: it leaves the field out.
        del schema["anyOf"]
        schema.update(options[0] if len(options) == 1 else {"anyOf": options})
        if schema.get("default", ...) is None:
            del schema["default"]
    found = {"name": name, "in": "query", "required": is_required, "schema": schema}
    return found | ({"description": description} if description else {})
