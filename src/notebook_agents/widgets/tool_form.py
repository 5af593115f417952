"""A form made from the JSON schema of a tool: a labelled control for each argument.

What a person writes is checked where it stands: the message is below the field that is wrong, and
nothing is called. The core checks everything again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets

from notebook_agents.widgets.panel import LABELS, WIDE

LONG_TEXT = 1000
"""A text that may be longer than this, or is code, gets several lines."""
LONG_NAMES = frozenset(
    {"code", "query", "sql", "command", "content", "text", "new_text", "old_text"}
)
SIMPLE = frozenset({"string", "integer", "number", "boolean"})


class FieldError(Exception):
    """What is wrong with the text in a field."""


class Field:
    """One argument: its control, its explanation, and what is wrong with it."""

    def __init__(self, name: str, schema: Mapping[str, Any], *, is_required: bool) -> None:
        self.name = name
        self.schema, self.is_optional = _without_null(schema)
        self.is_required = is_required
        self.kind = "enum" if "enum" in self.schema else str(self.schema.get("type", "json"))
        if self.kind not in SIMPLE | {"enum"}:
            self.kind = "json"
        self.control = self._control()
        about = str(schema.get("description", ""))
        kind = "JSON" if self.kind == "json" else ""
        told = " · ".join(filter(None, (about, kind, "" if is_required else "may be left out")))
        self.about = ipywidgets.HTML(f'<span class="na-dim">{escape(told)}</span>')
        self.error = ipywidgets.HTML()
        self.box = ipywidgets.VBox([self.control, self.about, self.error], layout=WIDE)

    def read(self) -> tuple[bool, Any]:
        """Whether a value is given, and which; FieldError when it cannot be one."""
        value = self.control.value
        if self.kind in ("boolean", "enum"):
            return value is not None, value
        text = str(value)
        if self.kind == "string":
            return self._read_text(text)
        if not text.strip():
            if self.is_required:
                raise FieldError("is needed")
            return False, None
        value = self._read_number(text) if self.kind in ("integer", "number") else _json(text)
        return True, value

    def mark(self, problem: str) -> None:
        """Show what is wrong, below the control; empty takes it away."""
        told = f"✗ {self.name} {problem}" if problem else ""
        self.error.value = (
            f'<span class="na-bad" role="alert">{escape(told)}</span>' if told else ""
        )

    def _read_text(self, text: str) -> tuple[bool, Any]:
        schema = self.schema
        if not text and not self.is_required:
            return False, None
        if not text and (self._is_short or schema.get("minLength")):
            raise FieldError("is needed")
        if len(text) > schema.get("maxLength", len(text)):
            raise FieldError(f"has at most {schema['maxLength']:,} characters")
        if (pattern := schema.get("pattern")) and not re.search(pattern, text):
            raise FieldError(f"must match {pattern}")
        return True, text

    def _read_number(self, text: str) -> float:
        kind = int if self.kind == "integer" else float
        try:
            value = kind(text.strip().replace(",", ""))
        except ValueError:
            word = "a whole number" if kind is int else "a number"
            raise FieldError(f"must be {word}, not {text.strip()!r}") from None
        least, most = self.schema.get("minimum"), self.schema.get("maximum")
        if (least is not None and value < least) or (most is not None and value > most):
            raise FieldError(f"must be {_bounds(least, most)}")
        return value

    @property
    def _is_short(self) -> bool:
        return self.name not in LONG_NAMES and self.schema.get("maxLength", 0) <= LONG_TEXT

    def _control(self) -> Any:
        schema, label = self.schema, self.name + (" *" if self.is_required else "")
        common: dict[str, Any] = {"description": label, "style": LABELS, "layout": dict(WIDE)}
        default = schema.get("default")
        if self.kind == "enum":
            options = [(str(value), value) for value in schema["enum"]]
            if not self.is_required:
                options.insert(0, ("-", None))
            return ipywidgets.Dropdown(options=options, value=default, **common)
        if self.kind == "boolean":
            return ipywidgets.Checkbox(value=bool(default), **common)
        written = "" if default is None else default
        if self.kind == "json":
            text = "" if default is None else json.dumps(default)
            return ipywidgets.Textarea(value=text, placeholder="JSON", **common)
        if self.kind == "string" and not self._is_short:
            common["layout"]["height"] = "110px"
            return ipywidgets.Textarea(value=str(written), **common)
        return ipywidgets.Text(value=str(written), **common)


class ToolForm(ipywidgets.VBox):  # type: ignore[misc]
    """All arguments of a tool."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        properties: Mapping[str, Any] = parameters.get("properties", {})
        required = set(parameters.get("required", ()))
        definitions = parameters.get("$defs", {})
        self.fields = {
            name: Field(name, _resolved(schema, definitions), is_required=name in required)
            for name, schema in properties.items()
        }
        empty = [] if self.fields else [ipywidgets.HTML("<p>It takes no arguments.</p>")]
        super().__init__([*(field.box for field in self.fields.values()), *empty], layout=WIDE)

    def read(self) -> dict[str, Any] | None:
        """The arguments; None, with messages at the fields, when something is wrong."""
        arguments: dict[str, Any] = {}
        is_good = True
        for name, field in self.fields.items():
            try:
                is_given, value = field.read()
                field.mark("")
                if is_given:
                    arguments[name] = value
            except FieldError as error:
                field.mark(str(error))
                is_good = False
        return arguments if is_good else None


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(schema, Mapping):
        return {}
    reference = str(schema.get("$ref", ""))
    if reference.startswith("#/$defs/"):
        return {**definitions.get(reference.removeprefix("#/$defs/"), {}), **schema}
    return schema


def _without_null(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema of what is there, and whether nothing may be."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        return {**schema, **choices[0]}, True
    kinds = schema.get("type")
    if isinstance(kinds, list) and len(named := [kind for kind in kinds if kind != "null"]) == 1:
        return {**schema, "type": named[0]}, True
    return schema, False


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise FieldError(f"is not JSON: {error}") from None


def _bounds(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        return f"at least {least:g}" if most is None else f"at most {most:g}"
    return f"from {least:g} to {most:g}"
