"""The folder of a direct call goes with it, also where its server was killed; no other does."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.conversations import StartConversation
from notebook_agents.core.tools import ExecuteTool
from notebook_agents.testing import ScriptedTools

from .test_recovery import ANN, durable_core

VICTIM = """
import asyncio, sys
from pathlib import Path
from tests.core.test_lent_folders import serve

asyncio.run(serve(Path(sys.argv[1])))
"""


async def forever() -> str:
    """Never end."""
    sys.stdout.write("called\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    return ""


async def serve(home: Path) -> None:
    """A server in the middle of a direct call."""
    core = durable_core(home, tools=ScriptedTools({"forever": forever}))
    await core.start()
    await core.tools.execute(ANN, ExecuteTool(name="forever", arguments={}))


def folders(home: Path) -> set[str]:
    return {path.name for path in (home / "work").iterdir()}


async def test_only_folders_of_direct_calls_of_dead_servers_are_removed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    core = durable_core(home, tools=ScriptedTools({"forever": forever}))
    argv = [sys.executable, "-c", VICTIM, str(home)]
    other = await asyncio.to_thread(subprocess.Popen, argv, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        await asyncio.to_thread(other.stdout.readline)
        before = await asyncio.to_thread(folders, home)
        await core.start()  # the other one lives
        assert await asyncio.to_thread(folders, home) == before
        assert len(before) == 2
        agent = await core.agents.create(ANN, CreateAgent(name="a"))
        kept = await core.conversations.start(ANN, StartConversation(agent_id=agent.id))
    finally:
        other.send_signal(signal.SIGKILL)
        await asyncio.to_thread(other.communicate)
    await core._recover()
    assert await asyncio.to_thread(folders, home) == {kept.id}
    await core.aclose()


async def test_a_direct_call_leaves_no_folder_and_no_marker(tmp_path: Path) -> None:
    async def look() -> str:
        """Say what is there."""
        return " ".join(sorted(await asyncio.to_thread(folders, tmp_path / "home")))

    core = durable_core(tmp_path / "home", tools=ScriptedTools({"look": look}))
    id, result = await core.tools.execute(ANN, ExecuteTool(name="look", arguments={}))
    assert result.content == f".lent-{id} {id}"
    assert await asyncio.to_thread(folders, tmp_path / "home") == set()
    await core.aclose()
