"""`python_executor`: runs code in the conversation's tool kernel, where variables are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from notebook_agents.core.tools import SandboxOutcome, SandboxReason
from notebook_agents.tools.context import ToolContext, explain
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import fit_lines, plain

EXIT_CODES: dict[SandboxReason, int] = {"": 0, "ERROR": 1, "TIMEOUT": 124}
KILLED = 137
"""Exit code of everything else: the code was ended from outside."""


@define_tool(title="Python", category="code", effect="compute", timeout_s=120.0)
async def python_executor(
    context: ToolContext,
    code: Annotated[str, Field(description="Python code; variables are kept between calls")],
    timeout: Annotated[  # noqa: ASYNC109 - the tool's argument, not ours to wait with
        int, Field(description="Seconds it may run", ge=1, le=3600)
    ] = 30,
) -> ToolOutput:
    """Run Python code and return what it prints and the value of its last expression."""
    outcome = await context.execute(code, timeout_s=timeout)
    value = _value(outcome)
    printed = value["output"].strip()
    content = fit_lines(printed.split("\n") if printed else [], "lines")
    if outcome.reason:
        error_type, message = explain(outcome, context.invocation, timeout)
        value |= {"error": message, "traceback": plain(outcome.traceback)}
        # Error first: a model must not take the output before it for the result.
        content = f"Error: {message}" + (f"\nPrinted before:\n{content}" if content else "")
        return ToolOutput(content=content, value=value, error_type=error_type)
    return ToolOutput(content=content, value=value)


def _value(outcome: SandboxOutcome) -> dict[str, Any]:
    return {
        "output": plain(outcome.output),
        "exit_code": EXIT_CODES.get(outcome.reason, KILLED),
        "execution_time_ms": round(outcome.duration_ms, 3),
    }


tool = python_executor
