"""Two sets of tools as one: those that a process lends, and those that were there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_agents.core.assessments import Assessment
    from notebook_agents.core.ports import ToolRunner
    from notebook_agents.core.tools import ToolInvocation, ToolResult, ToolSpec


class JoinedTools:
    """Answers the ToolRunner port; where both have a tool of a name, the lent one is meant."""

    def __init__(self, lent: ToolRunner, base: ToolRunner) -> None:
        self._lent = lent
        self._base = base

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool; the lent ones first."""
        lent = tuple(self._lent.specs())
        names = {spec.name for spec in lent}
        return (*lent, *(spec for spec in self._base.specs() if spec.name not in names))

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        return self._of(name).validate(name, arguments)

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What the call would do; None is the tool's own effect."""
        return await self._of(name).assess(name, arguments)

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Use the tool; failures are results."""
        return await self._of(invocation.name).run(invocation)

    def why_absent(self, name: str) -> str:
        """Why there is no tool of that name; empty if unknown."""
        return self._base.why_absent(name)

    async def release(self, conversation_id: str) -> None:
        """End what either keeps for the conversation."""
        await self._lent.release(conversation_id)
        await self._base.release(conversation_id)

    async def aclose(self) -> None:
        """Both are closed by whoever made them."""

    def _of(self, name: str) -> ToolRunner:
        is_lent = any(spec.name == name for spec in self._lent.specs())
        return self._lent if is_lent else self._base
