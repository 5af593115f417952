"""After kill -9 the next process interrupts what ran, keeps what was acknowledged and goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.events import RunFinished
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import ApprovalDecision, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.reader import read_events
from notebook_agents.eventlog.segments import stream_path
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, call, fake_core

ANN = Actor(user_id="ann", username="ann")


def durable_core(home: Path, *script: Any, **ports: Any) -> Core:
    """A core whose store and event log are the real ones; the rest is scripted."""
    home.mkdir(exist_ok=True)
    store = SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders"))
    return fake_core(
        *script, home=home / "work", store=store, event_log=JsonlEventLog(home), **ports
    )


_VICTIM = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_recovery import ANN, durable_core
from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.messages import user_message
from notebook_agents.core.policy import ASK_POLICY
from notebook_agents.core.runs import StartRun
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call

async def forever():
    "Never end."
    print("tool", flush=True)
    await asyncio.Event().wait()

async def main():
    mode = sys.argv[3]
    script = ["one two three"] if mode == "text" else [call("forever", "c1"), "after approval"]
    engine = ScriptedEngine(*script)
    engine.gate = asyncio.Event()
    core = durable_core(Path(sys.argv[1]), engine=engine, tools=ScriptedTools({"forever": forever}))
    agent = await core.agents.create(ANN, CreateAgent(name="a", tools=("forever",)))
    wish = StartRun(
        agent_id=agent.id, message=user_message("go"), policy=ASK_POLICY if mode == "ask" else None
    )
    run = await core.runs.start(ANN, wish)
    if mode == "ask":
        waiting = await core.runs.wait(ANN, run.id)
        n = len(await core.journal.read(run.conversation_id, run_id=run.id))
        print("event", run.id, run.conversation_id, n, waiting.state, flush=True)
        await asyncio.Event().wait()
    async for event in core.runs.events(ANN, run.id):
        print("event", run.id, run.conversation_id, event.run_seq, event.type, flush=True)

asyncio.run(main())
"""


def killed_after(home: Path, mode: str, last: str) -> tuple[str, str, int]:
    """Run the victim until it says ``last``, then kill -9; returns what it acknowledged."""
    home.mkdir()
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(home), str(Path(__file__).parent), mode],
        stdout=subprocess.PIPE,
        text=True,
    )
    run_id = conversation_id = ""
    acknowledged = 0
    assert victim.stdout is not None
    for line in victim.stdout:
        words = line.split()
        if words[0] == "event":
            run_id, conversation_id, acknowledged = words[1], words[2], int(words[3])
        if last in words:
            break
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=30)
    assert run_id
    return run_id, conversation_id, acknowledged


async def test_kill_9_while_text_streams(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_id, conversation_id, acknowledged = killed_after(home, "text", "text_delta")
    core = durable_core(home, "all good")
    assert (await core.runs.get(ANN, run_id)).state == "running"
    assert (await core.conversations.get(ANN, conversation_id)).state == "processing"
    await core.start()
    assert (await core.conversations.get(ANN, conversation_id)).state == "failed"
    run = await core.runs.get(ANN, run_id)
    assert (run.state, run.error_code, run.text) == ("interrupted", "interrupted", "one")
    events = read_events(stream_path(home, conversation_id), run_id)
    assert [e.run_seq for e in events] == list(range(1, len(events) + 1))
    assert len(events) > acknowledged
    assert isinstance(events[-1].body, RunFinished)
    await core.start()
    assert len(read_events(stream_path(home, conversation_id), run_id)) == len(events)
    nodes = await core.conversations.messages(ANN, conversation_id)
    assert [n.message.text for n in nodes] == ["go", "one"], "the partial answer is kept"
    wish = StartRun(agent_id="", conversation_id=conversation_id, message=user_message("again"))
    follow = await core.runs.start(ANN, wish)
    assert (await core.runs.wait(ANN, follow.id)).text == "all good"
    await core.aclose()


async def test_kill_9_while_a_tool_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_id, conversation_id, _ = killed_after(home, "tool", "tool")
    types = [e.type for e in read_events(stream_path(home, conversation_id), run_id)]
    assert types[-1] == "tool_started", "it was on the disk before the tool ran"
    engine = ScriptedEngine("all good")
    core = durable_core(home, engine=engine)
    await core.start()
    wish = StartRun(agent_id="", conversation_id=conversation_id, message=user_message("again"))
    follow = await core.runs.start(ANN, wish)
    assert (await core.runs.wait(ANN, follow.id)).text == "all good"
    assert [m.role for m in engine.requests[0].messages] == ["user", "assistant", "tool", "user"]
    assert engine.requests[0].messages[2].tool_results[0].is_error
    await core.aclose()


async def test_a_run_that_waits_for_approval_survives_kill_9(tmp_path: Path) -> None:
    from notebook_agents.testing import ScriptedTools

    home = tmp_path / "home"
    run_id, conversation_id, acknowledged = killed_after(home, "ask", "waiting_approval")
    tools = ScriptedTools({"forever": lambda: "it ended"})
    core = durable_core(home, "after approval", tools=tools)
    await core.start()
    run = await core.runs.wait(ANN, run_id)
    assert run.state == "waiting_approval"
    assert (await core.conversations.get(ANN, conversation_id)).state == "waiting"
    await core.runs.decide(ANN, run_id, [ApprovalDecision(call_id="c1", is_approved=True)])
    run = await core.runs.wait(ANN, run_id)
    assert (run.state, run.text) == ("succeeded", "after approval")
    assert (await core.conversations.get(ANN, conversation_id)).state == "active"
    assert [c.content for c in run.tool_calls] == ["it ended"]
    seqs = [e.run_seq for e in await core.journal.read(run.conversation_id, run_id=run_id)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) > acknowledged
    await core.aclose()


async def test_a_living_process_keeps_its_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = durable_core(home, call("python_executor", code="1"), "Done")
    second = durable_core(home, "second")
    agent = await first.agents.create(ANN, CreateAgent(name="a"))
    run = await first.runs.start(ANN, StartRun(agent_id=agent.id, message=user_message("go")))
    assert await second.runs.recover() == 0
    follow = await second.runs.start(
        ANN,
        StartRun(agent_id="", conversation_id=run.conversation_id, message=user_message("and")),
    )
    assert (await second.runs.wait(ANN, follow.id)).text == "second"
    done = await first.runs.wait(ANN, run.id)
    assert (done.state, done.text) == ("succeeded", "Done")
    nodes = await first.conversations.messages(ANN, run.conversation_id)
    assert [n.message.text for n in nodes if n.message.role == "user"] == ["go", "and"]
    await first.aclose()
    await second.aclose()
