"""`file_reader`: shows lines of a text file of the working directory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import fit_lines, plain


@define_tool(title="Read a file", category="files", effect="read")
async def file_reader(
    context: ToolContext,
    path: Annotated[str, Field(description="File, relative to the working directory")],
    start_line: Annotated[int, Field(description="First line to show, from 1", ge=1)] = 1,
    max_lines: Annotated[int, Field(description="How many lines at most", ge=1, le=10_000)] = 200,
) -> ToolOutput:
    """Read lines of a text file in the working directory."""
    found = await context.call(
        "notebook_agents.tools.reading:read_lines",
        root=context.invocation.workspace,
        path=path,
        start_line=start_line,
        max_lines=max_lines,
    )
    lines = [plain(line) for line in found["lines"]]
    n_more = max(found["n_lines"] - (start_line - 1) - len(lines), 0)
    content = fit_lines(lines, "lines", max_lines=max_lines, n_more=n_more)
    value = {"path": path, "content": "\n".join(found["lines"]), "n_lines": found["n_lines"]}
    return ToolOutput(content=content, value=value)


tool = file_reader
