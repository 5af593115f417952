"""`text_compare`: shows how two text files of the working directory differ."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import fit_lines, plain

SAME = "The files have the same text."
SHOWN_LINES = 60


@define_tool(title="Compare texts", category="text", effect="read")
async def text_compare(
    context: ToolContext,
    path: Annotated[str, Field(description="File, relative to the working directory")],
    other: Annotated[str, Field(description="The file to compare it with")],
    n_context: Annotated[int, Field(description="Same lines to show around", ge=0, le=20)] = 3,
) -> ToolOutput:
    """Show how two text files of the working directory differ, as a unified diff."""
    found = await context.call(
        "notebook_agents.tools.comparing:compare",
        root=context.invocation.workspace,
        path=path,
        other=other,
        n_context=n_context,
    )
    lines = [plain(line) for line in found["diff"].splitlines()]
    content = fit_lines(lines, "lines", max_lines=SHOWN_LINES)
    return ToolOutput(content=SAME if found["is_same"] else content, value=found)


tool = text_compare
