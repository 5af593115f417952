"""`code_analyzer`: what Python code consists of and what is wrong with it; it is never run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from notebook_agents.core.errors import ToolFailed
from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import fit_lines, plain

MAX_CODE_CHARS = 256 * 1024
SHOWN_LINES = 60
NO_LINTER = "Only the syntax was checked: ruff is not installed here, or must not be started."
COUNTS = ("lines", "code_lines", "comment_lines", "functions", "classes", "max_complexity")


@define_tool(title="Analyze code", category="code", effect="read")
async def code_analyzer(
    context: ToolContext,
    path: Annotated[
        str, Field(description="Python file, relative to the working directory; or give code")
    ] = "",
    code: Annotated[
        str, Field(description="Python code instead of a file", max_length=MAX_CODE_CHARS)
    ] = "",
) -> ToolOutput:
    """Count what Python code consists of and name its problems, without running it."""
    invocation = context.invocation
    if bool(path) == bool(code):
        raise ToolFailed(
            "give either 'path' or 'code'", tool=invocation.name, reason="INVALID_ARGUMENTS"
        )
    found = await context.call(
        "notebook_agents.tools.analyzing:analyze", root=invocation.workspace, path=path, code=code
    )
    lines = [_counted(found["counts"]), *_about(found)]
    return ToolOutput(content=fit_lines(lines, "lines", max_lines=SHOWN_LINES), value=found)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')}: {counts[name]}" for name in COUNTS if name in counts
    )


def _about(found: dict[str, Any]) -> list[str]:
    problems = [
        f"line {each['line']}: {plain(each['message'])} ({each['code']})"
        for each in found["problems"]
    ]
    lines = [f"problems: {len(problems) or 'none'}", *problems]
    if not found["linter"] and not problems:
        lines.append(NO_LINTER)
    return lines


tool = code_analyzer
