"""`think`: a place to write a thought down, which changes nothing and shows in the events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.definition import ToolOutput, define_tool

MAX_CHARS = 20_000


@define_tool(title="Think", category="thinking", effect="read")
async def think(
    thought: Annotated[str, Field(description="The thought", min_length=1, max_length=MAX_CHARS)],
) -> ToolOutput:
    """Write down a thought before going on, such as a plan or a check; it changes nothing."""
    return ToolOutput(content="Noted.", value={"thought": thought}, thought=thought)


tool = think
