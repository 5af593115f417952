"""`python_executor`: runs code in the conversation's tool kernel, where variables are kept."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from notebook_agents.core.figures import PLOTLY, PNG
from notebook_agents.core.tools import SandboxOutcome, SandboxReason
from notebook_agents.tools.context import ToolContext, explain
from notebook_agents.tools.definition import ToolOutput, define_tool, judged_by
from notebook_agents.tools.judging import judge_code
from notebook_agents.tools.texts import MAX_CHARS, fit_lines, plain

EXIT_CODES: dict[SandboxReason, int] = {"": 0, "ERROR": 1, "TIMEOUT": 124}
KILLED = 137
"""Exit code of everything else: the code was ended from outside."""
LAST_LINES, MAX_LINE_CHARS = 3, 100
FIGURE = "[figure]"
LARGE_FIGURE = "[figure, too large to show]"


@judged_by(judge_code)
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
    value, error_type = _value(outcome), ""
    content = _content(outcome, value["output"].strip())
    if outcome.output_file:
        content += _ending(value["output"].rstrip(), outcome)
    if outcome.reason:
        error_type, message = explain(outcome, context.invocation, timeout)
        value |= {"error": message, "traceback": plain(outcome.traceback)}
        # Error first: a model must not take the output before it for the result.
        content = f"Error: {message}" + (f"\nPrinted before:\n{content}" if content else "")
    return ToolOutput(content=content, value=value, figures=outcome.figures, error_type=error_type)


def _content(outcome: SandboxOutcome, printed: str) -> str:
    """What was printed, and a line for each figure, which a model cannot see."""
    marks = [FIGURE] * len(outcome.figures) + [LARGE_FIGURE] * outcome.n_figures_left_out
    texts = fit_lines(printed.split("\n") if printed else [], "lines"), fit_lines(marks, "figures")
    return "\n".join(text for text in texts if text)


def _ending(printed: str, outcome: SandboxOutcome) -> str:
    """The last lines of a very long output, which mostly tell its result, and where it all is."""
    last = [line[:MAX_LINE_CHARS] for line in printed[-MAX_CHARS:].split("\n")[-LAST_LINES:]]
    what = "the part before the cut" if outcome.reason == "OUTPUT_LIMIT" else "all of it"
    where = f"{what} is in {outcome.output_file!r}"
    return "\n".join([f"\n... {where}; it ends with:", *last])


def _value(outcome: SandboxOutcome) -> dict[str, Any]:
    value: dict[str, Any] = {
        "output": plain(outcome.output),
        "exit_code": EXIT_CODES.get(outcome.reason, KILLED),
        "execution_time_ms": round(outcome.duration_ms, 3),
    }
    if figures := [f.content for f in outcome.figures if f.media_type == PLOTLY]:
        value["figures"] = [json.loads(content) for content in figures]
    if images := [f.content for f in outcome.figures if f.media_type == PNG]:
        value["images"] = images
    return value


tool = python_executor
