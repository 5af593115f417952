"""How a tool is made: a typed function with a docstring becomes a `Tool`.

    @define_tool(title="Word count", category="text", effect="read")
    async def word_count(text: Annotated[str, Field(description="What to count")]) -> str:
        '''Count the words of a text.'''
        return str(len(text.split()))

The first paragraph of the docstring is what the model reads, the parameters become a JSON schema.
A first parameter annotated `ToolContext` gives access to the conversation's tool kernel. The
function returns a text, a dict or a `ToolOutput`, and raises `ToolFailed` when it cannot.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.figures import Figure
from notebook_agents.core.policy import Effect, Level
from notebook_agents.core.tools import ToolSpec
from notebook_agents.tools.context import ToolContext

Function = Callable[..., Awaitable[Any]]
Judge = Callable[[Mapping[str, Any]], Assessment]
"""Says from a call's arguments what the call would do; must not fail whatever they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool gives back when all went well, or when code of the user failed."""

    content: str
    """The text for the model."""
    value: dict[str, Any] = field(default_factory=dict)
    """The same as data."""
    figures: tuple[Figure, ...] = ()
    """What it drew, for people to see; bounded by whoever made them."""
    thought: str = ""
    """What the model wrote down, for people to read."""
    error_type: str = ""
    """Why it failed all the same; the content then begins with ``Error: ``."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A specification and the function that does the work."""

    spec: ToolSpec
    function: Function
    arguments: type[BaseModel]
    takes_context: bool
    judge: Judge | None = None
    """What a call would do, by its arguments; None when each does the same."""

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        try:
            return self.arguments.model_validate(dict(arguments)).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            message = _explain(self.spec.name, name, first, list(self.arguments.model_fields))
            raise InvalidRequest(message, field=name or None) from None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> Any:
        """Call the function with validated arguments."""
        if self.takes_context:
            return await self.function(context, **arguments)
        return await self.function(**arguments)


def define_tool(
    *,
    title: str,
    category: str,
    effect: Effect,
    security_level: Level = "low",
    timeout_s: float = 30.0,
) -> Callable[[Function], Tool]:
    """Make a decorator that turns a typed coroutine function into a Tool of the same name."""

    def decorate(function: Function) -> Tool:
        model, takes_context = _arguments_model(function)
        schema = model.model_json_schema()
        spec = ToolSpec(
            name=function.__name__,
            title=title,
            description=_description(function),
            category=category,
            parameters={**_without_titles(schema), "additionalProperties": False},
            effect=effect,
            security_level=security_level,
            timeout_s=timeout_s,
            module=function.__module__,
        )
        return Tool(spec, function, model, takes_context)

    return decorate


def judged_by(judge: Judge) -> Callable[[Tool], Tool]:
    """Make a decorator, put above `define_tool`, for a tool whose effect its arguments tell."""
    return lambda tool: replace(tool, judge=judge)


def _arguments_model(function: Function) -> tuple[type[BaseModel], bool]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    takes_context = False
    for name, parameter in inspect.signature(function).parameters.items():
        if hints.get(name) is ToolContext:
            takes_context = True
            continue
        if name not in hints:
            raise TypeError(f"parameter {name!r} of tool {function.__name__!r} has no type")
        is_required = parameter.default is inspect.Parameter.empty
        fields[name] = (hints[name], ... if is_required else parameter.default)
    config = ConfigDict(extra="forbid", strict=True)
    return create_model(function.__name__, __config__=config, **fields), takes_context


def _description(function: Function) -> str:
    text = inspect.getdoc(function)
    if not text:
        raise TypeError(f"tool {function.__name__!r} has no docstring for the model to read")
    return " ".join(text.split("\n\n")[0].split())


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out the titles that pydantic adds: a model pays for each word."""
    schema.pop("title", None)
    for part in schema.get("properties", {}).values():
        part.pop("title", None)
    return schema


def _explain(tool: str, name: str, error: ErrorDetails, known: list[str]) -> str:
    takes = ", ".join(known) or "no arguments"
    if error["type"] == "extra_forbidden":
        return f"unknown argument {name!r}; {tool} takes {takes}"
    if error["type"] == "missing":
        return f"argument {name!r} is missing; {tool} takes {takes}"
    return f"argument {name!r} is wrong: {error['msg']}, got {error['input']!r:.100}"
