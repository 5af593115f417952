"""Files that tools write into the notebook's folder can be taken back."""

from __future__ import annotations

import _thread
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.testing import call

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell


def test_a_file_that_a_tool_wrote_is_undone(agent_shell: AgentShell) -> None:
    Path("note.txt").write_text("mine")

    def write(path: str) -> str:
        Path(path).write_text("theirs")
        return "written"

    agent_shell.tools.functions["file_writer"] = write
    agent_shell.engine.script = [call("file_writer", path="note.txt"), "done"]
    answer = agent_shell.run("%agent --yes write it").value
    assert answer.tool_calls[0].status == "succeeded"
    assert Path("note.txt").read_text() == "theirs"
    told = str(agent_shell.run("%agent undo").value)
    assert "note.txt" in told
    assert Path("note.txt").read_text() == "mine"


def test_a_file_tool_that_was_stopped_ends_at_once_and_is_undone(agent_shell: AgentShell) -> None:
    Path("note.txt").write_text("mine")

    async def write(path: str) -> str:
        Path(path).write_text("half")
        _thread.interrupt_main()
        await asyncio.Event().wait()
        return "written"

    agent_shell.tools.functions["file_writer"] = write
    agent_shell.engine.script = [call("file_writer", path="note.txt"), "done"]
    agent_shell.run("%agent --yes write it")
    agent_shell.tools.functions["file_writer"] = lambda path: "written"
    assert "note.txt" in str(agent_shell.run("%agent undo").value)
    assert Path("note.txt").read_text() == "mine"
