"""Functions of the notebook as tools: the person names one in a prompt, the model may call it.

The schema is made from the signature: parameters that JSON can hold are taken as such, others
(a data frame, a model) by the name of a variable. Calls run on the notebook's own thread, where the
function's variables are. Naming a function is the permission to call it: its effect is ``compute``,
so that only a stricter mode than usual asks or refuses.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.errors import InvalidRequest, NotFound, ToolFailed
from notebook_agents.core.formatting import clip_text
from notebook_agents.core.tools import ToolInvocation, ToolResult, ToolSpec
from notebook_agents.live.desk import Desk
from notebook_agents.live.execution import awaited
from notebook_agents.live.visibility import Visibility

MAX_RESULT_CHARS = 8_000
MAX_ROWS = 20
"""Of a table that a function returns; a model reads no more."""
TIMEOUT_S = 300.0
"""For the model's patience; a function on the notebook's thread ends when it ends, or by Stop."""
RETURNED = "_returned"
VARIABLE = "the name of a variable of the notebook"


class _Raised(Exception):
    """What a function raised, in words that may be told."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One function, and how it is called by somebody who knows only JSON."""

    function: Callable[..., Any]
    arguments: type[BaseModel]
    by_name: frozenset[str]
    """Parameters that take a variable of the notebook."""
    spec: ToolSpec


class Functions:
    """Answers the ToolRunner port with functions of one notebook."""

    def __init__(
        self,
        namespace: Mapping[str, Any],
        desk: Desk,
        visibility: Callable[[], Visibility] = Visibility,
    ) -> None:
        self._namespace = namespace
        self._desk = desk
        self._visibility = visibility
        """The rules by now; what functions return is told without secrets."""
        self._offered: dict[str, Offered] = {}

    def offer(self, name: str, function: Callable[..., Any]) -> None:
        """Let the model call a function from now on; a later one of the name takes its place.

        Raises InvalidRequest when its signature cannot be told.
        """
        self._offered[name] = _offered(name, function)

    def specs(self) -> Sequence[ToolSpec]:
        """Every function that is offered."""
        return tuple(offered.spec for offered in self._offered.values())

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        offered = self._get(name)
        try:
            checked = offered.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            takes = ", ".join(offered.arguments.model_fields) or "no arguments"
            message = f"argument {field!r} of {name}: {first['msg']}; it takes {takes}"
            raise InvalidRequest(message, field=field or None) from None
        return {field: getattr(checked, field) for field in offered.arguments.model_fields}

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """Nothing is known of a function beyond that the person offered it."""
        del name, arguments
        return None

    def why_absent(self, name: str) -> str:
        """How a function becomes a tool, when the notebook has one of that name."""
        is_there = callable(self._namespace.get(name))
        return f"write &{name} in a prompt to offer it" if is_there else ""

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Call the function on the notebook's thread; what it raises is the result."""
        offered, started = self._get(invocation.name), time.monotonic()
        try:
            text = await self._desk.do(
                invocation.conversation_id, lambda: self._call(offered, invocation.arguments)
            )
        except ToolFailed as error:
            return _failure(error.reason or "ToolFailed", error.message, started)
        except _Raised as raised:
            return _failure(raised.name, str(raised), started)
        return ToolResult(
            status="succeeded",
            content=text,
            value={"output": text},
            duration_ms=(time.monotonic() - started) * 1000,
        )

    async def release(self, conversation_id: str) -> None:
        """Nothing is kept for a conversation."""

    async def aclose(self) -> None:
        """Nothing is open."""

    def _get(self, name: str) -> Offered:
        if name not in self._offered:
            raise NotFound("tool", name)
        return self._offered[name]

    def _call(self, offered: Offered, arguments: Mapping[str, Any]) -> str:
        given = {name: self._value(offered, name, value) for name, value in arguments.items()}
        printed = io.StringIO()
        # What it is given and returns may be named like a secret, or hold what is.
        known, masker = dict(given), self._visibility().masker
        try:
            with contextlib.redirect_stdout(printed):
                value = _bound(offered.function, given)
                if inspect.iscoroutine(value):
                    value = awaited(value)
            known[RETURNED] = value
            text = printed.getvalue() + ("" if value is None else _text(value))
        except Exception as error:  # noqa: BLE001 - the function is the person's and may raise anything
            message = f"{type(error).__name__}: {error}"
            told = masker(self._namespace, known).masked(message)
            raise _Raised(type(error).__name__, told) from None
        text = masker(self._namespace, known).masked(text)
        return clip_text(text, max_chars=MAX_RESULT_CHARS) or "done; it returned nothing"

    def _value(self, offered: Offered, name: str, value: Any) -> Any:
        if name not in offered.by_name or not isinstance(value, str):
            return value
        if value not in self._namespace:
            raise ToolFailed(f"there is no variable {value!r} for {name}", reason="NO_VARIABLE")
        return self._namespace[value]


def _offered(name: str, function: Callable[..., Any]) -> Offered:
    fields: dict[str, Any] = {}
    by_name: set[str] = set()
    for parameter in _parameters(name, function):
        hint, default = _hint(function, parameter), parameter.default
        required = default is inspect.Parameter.empty
        if not _is_json(hint) or not (required or _is_plain(default)):
            by_name.add(parameter.name)
            hint = Annotated[Any, Field(description=VARIABLE, json_schema_extra={"type": "string"})]
        fields[parameter.name] = (hint, ... if required else default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    model = create_model(name, __config__=config, **fields)
    spec = ToolSpec(
        name=name,
        title=name.replace("_", " ").capitalize(),
        description=inspect.getdoc(function) or f"The function {name} of the person's notebook.",
        category="notebook",
        parameters=_schema(model),
        effect="compute",
        timeout_s=TIMEOUT_S,
    )
    return Offered(function=function, arguments=model, by_name=frozenset(by_name), spec=spec)


def _parameters(name: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise InvalidRequest(
            f"{name} has no signature that could be told to a model; wrap it in a def with typed "
            "parameters",
            field="tools",
        ) from None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter for parameter in parameters if parameter.kind not in variadic]


def _hint(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation may be any expression, and fail
        return Any
    if parameter.name in hints:
        return hints[parameter.name]
    plain = (bool, int, float, str)
    return type(parameter.default) if isinstance(parameter.default, plain) else Any


def _is_json(hint: Any) -> bool:
    if hint is Any:
        return True
    try:
        create_model("_", value=(hint, ...)).model_json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        return False
    return True


def _is_plain(default: Any) -> bool:
    try:
        json.dumps(default)
    except (TypeError, ValueError):
        return False
    return True


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema.pop("title", None)
    for part in schema.get("properties", {}).values():
        part.pop("title", None)
    return {**schema, "properties": schema.get("properties", {})}


def _bound(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    positional = inspect.Parameter.POSITIONAL_ONLY
    parameters = inspect.signature(function).parameters.values()
    first = [given[p.name] for p in parameters if p.kind is positional]
    rest = {
        p.name: given[p.name] for p in parameters if p.kind is not positional if p.name in given
    }
    return function(*first, **rest)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series):
        return str(value.to_string(max_rows=MAX_ROWS))
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)


def _failure(error_type: str, message: str, started: float) -> ToolResult:
    return ToolResult(
        status="failed",
        content=f"Error: {clip_text(message, max_chars=MAX_RESULT_CHARS)}",
        error_type=error_type,
        duration_ms=(time.monotonic() - started) * 1000,
    )
