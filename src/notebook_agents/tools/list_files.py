"""`list_files`: names the files of the working directory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import fit_lines

NOTHING = "No files found."


@define_tool(title="List files", category="files", effect="read")
async def list_files(
    context: ToolContext,
    path: Annotated[str, Field(description="Folder, relative to the working directory")] = ".",
    pattern: Annotated[str, Field(description="Such as *.csv; **/*.csv looks below too")] = "*",
) -> ToolOutput:
    """List the files of the working directory or of a folder in it."""
    found = await context.call(
        "notebook_agents.tools.reading:list_folder",
        root=context.invocation.workspace,
        path=path,
        pattern=pattern,
    )
    return ToolOutput(content=fit_lines(found["files"], "files") or NOTHING, value=found)


tool = list_files
