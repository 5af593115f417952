"""`text_statistics`: counts what a text file of the working directory consists of."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import ToolOutput, define_tool
from notebook_agents.tools.texts import plain


@define_tool(title="Text statistics", category="text", effect="read")
async def text_statistics(
    context: ToolContext,
    path: Annotated[str, Field(description="File, relative to the working directory")],
    n_words: Annotated[int, Field(description="Most frequent words to name", ge=0, le=50)] = 10,
) -> ToolOutput:
    """Count the lines, words and characters of a text file and name its most frequent words."""
    found = await context.call(
        "notebook_agents.tools.comparing:statistics",
        root=context.invocation.workspace,
        path=path,
        n_words=n_words,
    )
    counts = ("lines", "empty_lines", "words", "different_words", "characters", "longest_line")
    lines = [f"{name.replace('_', ' ')}: {found[name]}" for name in counts]
    frequent = ", ".join(f"{plain(word)} {n}" for word, n in found["frequent_words"])
    if frequent:
        lines.append(f"frequent words: {frequent}")
    return ToolOutput(content="\n".join(lines), value=found)


tool = text_statistics
