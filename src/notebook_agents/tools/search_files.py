"""`search_files`: finds lines of files of the working directory that match a pattern."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import fit_lines, plain

NOTHING = "No matches."
SHOWN_LINES = 50


@define_tool(title="Search in files", category="files", effect="read")
async def search_files(
    context: ToolContext,
    pattern: Annotated[
        str, Field(description="Regular expression, one line at a time", max_length=1000)
    ],
    path: Annotated[str, Field(description="File or folder, in the working directory")] = ".",
    files: Annotated[str, Field(description="Such as *.py; **/*.py looks below too")] = "**/*",
    ignore_case: Annotated[bool, Field(description="Whether A is a")] = False,
) -> ToolOutput:
    """Find lines that match a regular expression in text files of the working directory."""
    found = await context.call(
        "notebook_agents.tools.searching:search",
        root=context.invocation.workspace,
        pattern=pattern,
        path=path,
        files=files,
        ignore_case=ignore_case,
    )
    lines = [plain(f"{m['path']}:{m['line']}: {m['text']}") for m in found["matches"]]
    content = fit_lines(lines, "matches", max_lines=SHOWN_LINES)
    if found["stopped"]:
        content = f"{content or NOTHING}\n({found['stopped']})"
    return ToolOutput(content=content or NOTHING, value=found)


tool = search_files
