"""`inspect_variable`: describes a variable of the conversation's tool kernel."""

from __future__ import annotations

import keyword
from typing import Annotated

from pydantic import Field

from notebook_agents.core.errors import ToolFailed
from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import fit_lines, plain


@define_tool(title="Inspect a variable", category="data", effect="read")
async def inspect_variable(
    context: ToolContext,
    name: Annotated[str, Field(description="Name of a variable, such as df")],
) -> ToolOutput:
    """Describe a variable of the Python code: type, size, columns, missing values, range."""
    if not name.isidentifier() or keyword.iskeyword(name):
        message = f"{name!r} is not the name of a variable"
        raise ToolFailed(message, tool=context.invocation.name, reason="INVALID_ARGUMENTS")
    found = await context.call("notebook_agents.tools.inspecting:inspect_name", name=name)
    lines = [plain(line) for line in found["lines"]]
    content = fit_lines(lines, "columns", max_lines=len(lines), n_more=found["n_more"])
    return ToolOutput(content=content, value={"name": name, "description": content})


tool = inspect_variable
