"""`file_editor`: replaces a piece of a text file of the working directory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool, judged_by
from notebook_agents.tools.judging import judge_file
from notebook_agents.tools.texts import fit_lines, plain

MAX_CHARS = 256 * 1024
DIFF_LINES = 60


@judged_by(judge_file)
@define_tool(title="Edit a file", category="files", effect="write")
async def file_editor(
    context: ToolContext,
    path: Annotated[str, Field(description="File, relative to the working directory")],
    old_text: Annotated[
        str, Field(description="The exact text to replace", min_length=1, max_length=MAX_CHARS)
    ],
    new_text: Annotated[str, Field(description="What takes its place", max_length=MAX_CHARS)],
    replace_all: Annotated[
        bool, Field(description="Replace every occurrence; else there must be exactly one")
    ] = False,
) -> ToolOutput:
    """Replace an exact piece of a text file in the working directory and show what changed."""
    found = await context.call(
        "notebook_agents.tools.writing:edit_file",
        root=context.invocation.workspace,
        path=path,
        old_text=old_text,
        new_text=new_text,
        replace_all=replace_all,
    )
    lines = [plain(line) for line in found["diff"].splitlines()]
    return ToolOutput(content=fit_lines(lines, "lines", max_lines=DIFF_LINES), value=found)


tool = file_editor
