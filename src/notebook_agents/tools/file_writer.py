"""`file_writer`: writes a text file of the working directory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool, judged_by
from notebook_agents.tools.judging import judge_file

MAX_CHARS = 1024 * 1024


@judged_by(judge_file)
@define_tool(title="Write a file", category="files", effect="write")
async def file_writer(
    context: ToolContext,
    path: Annotated[str, Field(description="File, relative to the working directory")],
    content: Annotated[str, Field(description="The whole text of the file", max_length=MAX_CHARS)],
) -> ToolOutput:
    """Write a text file in the working directory, in place of one that is there."""
    found = await context.call(
        "notebook_agents.tools.writing:write_file",
        root=context.invocation.workspace,
        path=path,
        content=content,
    )
    verb = "Replaced" if found["replaced"] else "Wrote"
    noun = "line" if found["n_lines"] == 1 else "lines"
    return ToolOutput(content=f"{verb} {path}: {found['n_lines']} {noun}.", value=found)


tool = file_writer
