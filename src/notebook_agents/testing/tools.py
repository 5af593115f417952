"""Tools that are plain functions, and a sandbox that runs nothing."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.errors import InvalidRequest, SandboxUnavailable
from notebook_agents.core.policy import Effect, Level
from notebook_agents.core.tools import (
    LevelReport,
    SandboxCall,
    SandboxOutcome,
    ToolInvocation,
    ToolResult,
    ToolSpec,
)

ToolFunction = Callable[..., str | Awaitable[str]]


@dataclass(slots=True)
class ScriptedTools:
    """Tools that are plain functions taking the arguments and returning the result's text.

    An exception becomes a failed result. ``effects`` names tools that do more than compute.
    """

    functions: dict[str, ToolFunction] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    assessments: dict[str, Assessment] = field(default_factory=dict)
    """By tool, what its calls would do beyond its effect."""
    invocations: list[ToolInvocation] = field(default_factory=list)
    enforced_level: Level = "medium"
    categories: dict[str, str] = field(default_factory=dict)
    """Of tools; all others are of the category ``test``."""
    built_in: bool = False
    """Whether they pass for tools of this package."""

    def specs(self) -> Sequence[ToolSpec]:
        """A spec for each function."""
        specs = (
            _spec(name, f, self.effects.get(name, "compute")) for name, f in self.functions.items()
        )
        module = "notebook_agents.tools.double" if self.built_in else ""
        return tuple(
            replace(spec, module=module, category=self.categories.get(spec.name, spec.category))
            for spec in specs
        )

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Bind to the function's signature."""
        try:
            bound = inspect.signature(self.functions[name]).bind(**arguments)
        except TypeError as error:
            raise InvalidRequest(str(error), field="parameters") from error
        bound.apply_defaults()
        return dict(bound.arguments)

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What ``assessments`` says of the tool; else its effect."""
        return self.assessments.get(name)

    def why_absent(self, name: str) -> str:
        """Nothing is known of others."""
        return ""

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Call the function, within the timeout."""
        self.invocations.append(invocation)
        try:
            async with asyncio.timeout(invocation.timeout_s):
                value = self.functions[invocation.name](**invocation.arguments)
                content = await value if inspect.isawaitable(value) else value
        except TimeoutError:
            return ToolResult(status="timed_out", content="Error: timed out", error_type="TIMEOUT")
        except Exception as error:  # noqa: BLE001 - a double of "the user's code failed"
            text = f"Error: {type(error).__name__}: {error}"
            return ToolResult(status="failed", content=text, error_type=type(error).__name__)
        return ToolResult(
            status="succeeded",
            content=content,
            value={"output": content, "exit_code": 0},
            duration_ms=1.0,
            enforced_level=self.enforced_level,
        )

    async def release(self, conversation_id: str) -> None:
        """Nothing to end."""

    async def aclose(self) -> None:
        """Nothing to end."""


def _spec(name: str, function: ToolFunction, effect: Effect) -> ToolSpec:
    parameters = inspect.signature(function).parameters.values()
    properties = {
        p.name: {"type": {int: "integer"}.get(type(p.default), "string")}
        | ({} if p.default is p.empty else {"default": p.default})
        for p in parameters
    }
    return ToolSpec(
        name=name,
        title=name.replace("_", " ").title(),
        description=inspect.getdoc(function) or name,
        category="test",
        parameters={
            "type": "object",
            "properties": properties,
            "required": [p.name for p in parameters if p.default is p.empty],
            "additionalProperties": False,
        },
        effect=effect,
    )


class FakeSandbox:
    """A sandbox that enforces what it is told and runs nothing, but keeps the calls."""

    reaches_network = False

    def __init__(self, *levels: Level) -> None:
        self._levels = levels or ("low", "medium")
        self.calls: list[SandboxCall] = []

    async def levels(self) -> Sequence[LevelReport]:
        """The given levels."""
        return [LevelReport(level=level, is_available=True) for level in self._levels]

    async def resolve(self, level: Level) -> Level:
        """The level itself, if given."""
        if level not in self._levels:
            raise SandboxUnavailable(f"level {level!r} cannot be enforced here")
        return level

    async def execute(self, call: SandboxCall) -> SandboxOutcome:
        """Nothing runs."""
        self.calls.append(call)
        return SandboxOutcome(reason="", enforced_level=call.level)

    async def close(self, key: str) -> None:
        """Nothing to end."""

    async def aclose(self) -> None:
        """Nothing to end."""
