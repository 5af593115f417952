"""`shell`: runs a command line in the sandbox, in the working directory.

A command may do more than write files, so its effect is `external`: a policy that lets tools write
still asks a person about it. It needs namespaces around it: what a command may do is decided by
walls and never by a list of words.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.core.errors import ToolFailed
from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool, judged_by
from notebook_agents.tools.judging import judge_command
from notebook_agents.tools.texts import fit_lines, plain

MAX_COMMAND_CHARS = 20_000
SHOWN_LINES = 60
TIMED_OUT, KILLED = 124, 137
"""Exit codes as `timeout` and shells report them."""


@judged_by(judge_command)
@define_tool(
    title="Shell", category="shell", effect="external", security_level="medium", timeout_s=120.0
)
async def shell(
    context: ToolContext,
    command: Annotated[
        str, Field(description="Command line for bash", min_length=1, max_length=MAX_COMMAND_CHARS)
    ],
    timeout: Annotated[  # noqa: ASYNC109 - the tool's argument, not ours to wait with
        int, Field(description="Seconds it may run", ge=1, le=120)
    ] = 30,
) -> ToolOutput:
    """Run a shell command in the working directory and return what it prints."""
    invocation = context.invocation
    await _need_programs(context)
    found = await context.call(
        "notebook_agents.tools.shelling:run_command",
        root=invocation.workspace,
        command=command,
        timeout_s=min(float(timeout), invocation.timeout_s),
    )
    found["output"] = plain(found["output"])
    printed = fit_lines(found["output"].strip().splitlines(), "lines", max_lines=SHOWN_LINES)
    if not found["reason"] and not found["exit_code"]:
        return ToolOutput(content=printed, value=found)
    error_type, message = _failure(found)
    content = f"Error: {message}" + (f"\nPrinted:\n{printed}" if printed else "")
    return ToolOutput(content=content, value=found | {"error": message}, error_type=error_type)


async def _need_programs(context: ToolContext) -> None:
    """Refuse where there are no walls, or walls within which no program can be started."""
    level = await context.sandbox.resolve(context.invocation.level)
    reports = {report.level: report for report in await context.sandbox.levels()}
    if level == "low":
        why = "shell commands run at level 'medium' only, and here it cannot be enforced"
    elif not reports[level].has_children:
        why = (
            f"shell commands start programs, and at level {level!r} this machine keeps code to"
            f" a single process ({reports[level].backend}: no child processes)"
        )
    else:
        return
    raise ToolFailed(
        f"{why}; use python_executor", tool=context.invocation.name, reason="SANDBOX_REQUIRED"
    )


def _failure(found: dict[str, object]) -> tuple[str, str]:
    if found["reason"] == "TIMEOUT":
        return "TIMEOUT", f"the command ran longer than {found['timeout_s']:g} seconds"
    if found["reason"] == "OUTPUT_LIMIT":
        return "OUTPUT_LIMIT", "the command printed too much"
    return "EXIT_CODE", f"the command ended with exit code {found['exit_code']}"


tool = shell
