"""`database_query`: answers SQL over the files of the working directory, read-only."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.core.formatting import MAX_ROWS, format_table
from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool, judged_by
from notebook_agents.tools.judging import judge_query
from notebook_agents.tools.texts import fit_lines, plain

MEMORY_SHARE = 2
"""The database gets this part of the kernel's memory; the rest is for what the kernel holds."""
MIB = 1024 * 1024


@judged_by(judge_query)
@define_tool(title="SQL query", category="data", effect="read")
async def database_query(
    context: ToolContext,
    query: Annotated[str, Field(description="One SELECT; files are tables: FROM 'name.csv'")],
) -> ToolOutput:
    """Run a DuckDB SQL query over the files of the working directory."""
    invocation = context.invocation
    found = await context.call(
        "notebook_agents.tools.querying:run_query",
        root=invocation.workspace,
        query=query,
        memory_mb=invocation.memory_bytes // MEMORY_SHARE // MIB,
        timeout_s=invocation.timeout_s,
    )
    table = format_table(found["columns"], found["rows"], max_rows=len(found["rows"]))
    content = fit_lines(plain(table).split("\n"), "rows", max_lines=MAX_ROWS + 1)
    return ToolOutput(content=content, value=found)


tool = database_query
