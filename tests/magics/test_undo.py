"""``%agent undo``: what an agent changed comes back, and everything else is said."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from tests.magics.conftest import FAKE_CORE

import notebook_agents
from notebook_agents.core.events import CheckpointMade, Event, RunUndone
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.magic import installed_magics
from notebook_agents.testing import call, fake_core

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell, Kernel

    from notebook_agents.core.core import Core
    from notebook_agents.magics.session import Session


def session_of(agent_shell: AgentShell) -> Session:
    return installed_magics(agent_shell.shell)._the_session()


def change(agent_shell: AgentShell, *codes: str) -> Any:
    """Let an agent run code in the notebook; the answer."""
    calls = [call("run_in_notebook", code=code) for code in codes]
    agent_shell.engine.script = [*calls, "done"]
    return agent_shell.run("%agent --yes do it").value


def events(agent_shell: AgentShell) -> list[Event]:
    """What was recorded of changes; asking the host for it waits for what is on its way."""
    session = session_of(agent_shell)

    async def read(core: Core) -> list[Event]:
        await asyncio.sleep(0)
        return await core.journal.read(session.conversation_id)

    found = session.host.submit(read).result(10)
    return [e for e in found if isinstance(e.body, CheckpointMade | RunUndone)]


def test_without_a_change_there_is_nothing_to_undo(agent_shell: AgentShell) -> None:
    for line in ("%agent undo", "%agent undo 3", "%agent undo --list"):
        assert "Nothing to undo: no agent has changed" in str(agent_shell.run(line).value)
    assert "Nothing to redo" in str(agent_shell.run("%agent undo --redo").value)


@pytest.mark.parametrize(
    "text", ["undo all", "undo 0", "undo 1 2", "undo --list 2", "undo --redo 1", "undo -1"]
)
def test_what_it_does_not_know_is_an_error(agent_shell: AgentShell, text: str) -> None:
    assert isinstance(agent_shell.run(f"%agent {text}").error, AgentError)


def test_variables_are_restored_and_the_report_says_what(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("rows = [1]; name = 'a'; same = rows")
    change(agent_shell, "rows.append(2); name = 'b'; total = 3")
    said = "! added total; changed name, rows, same (to take that back: %agent undo)"
    assert said in capsys.readouterr().out
    listing = str(agent_shell.run("%agent undo --list").value)
    assert "run_in_notebook (rows.append(2); name = 'b'; total = 3): added total;" in listing
    assert str(agent_shell.run("%agent undo").value).splitlines() == [
        "#1 undone (rows.append(2); name = 'b'; total = 3)",
        "  restored: name, rows, same",
        "  removed: total",
    ]
    namespace = agent_shell.shell.user_ns
    assert (namespace["rows"], namespace["name"], "total" in namespace) == ([1], "a", False)
    assert namespace["rows"] is namespace["same"]


def test_several_changes_are_undone_at_once_and_redone(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["df"] = pd.DataFrame({"a": [1, 2]})
    change(agent_shell, "df['b'] = 1", "df = df.head(1)")
    assert str(agent_shell.run("%agent undo 2").value).count("undone") == 2
    assert list(agent_shell.shell.user_ns["df"].columns) == ["a"]
    assert len(agent_shell.shell.user_ns["df"]) == 2
    assert "#1 redone" in str(agent_shell.run("%agent undo --redo").value)
    assert list(agent_shell.shell.user_ns["df"].columns) == ["a", "b"]
    agent_shell.run("%agent undo --redo")
    assert len(agent_shell.shell.user_ns["df"]) == 1


def test_an_answer_can_be_undone(agent_shell: AgentShell) -> None:
    agent_shell.run("n = 1")
    first = change(agent_shell, "n = 2", "m = 1")
    change(agent_shell, "k = 1")
    assert "removed: m" in str(first.undo())
    assert agent_shell.shell.user_ns["n"] == 1
    assert agent_shell.shell.user_ns["k"] == 1
    assert "changed nothing here" in str(first.undo())


def test_what_the_person_changed_since_stays_unless_forced(agent_shell: AgentShell) -> None:
    agent_shell.run("n = 1")
    change(agent_shell, "n = 2")
    agent_shell.run("n = 3")
    said = str(agent_shell.run("%agent undo").value)
    assert "left as you changed it since: n (to lose your changes: %agent undo --force)" in said
    assert agent_shell.shell.user_ns["n"] == 3
    agent_shell.run("%agent undo --force")
    assert agent_shell.shell.user_ns["n"] == 1


def test_what_cannot_be_saved_is_known_before_and_said_after(agent_shell: AgentShell) -> None:
    agent_shell.run("rows = (i for i in range(9)); n = 1")
    checkpoints = session_of(agent_shell).checkpoints
    assert checkpoints.unsaved(code="next(rows); n = 2") == (("rows", "a generator"),)
    assert checkpoints.unsaved(code="m = n + 1") == ()
    change(agent_shell, "next(rows); n = 2")
    said = str(agent_shell.run("%agent undo").value)
    assert "not restored: what changed inside rows (a generator)" in said
    assert agent_shell.shell.user_ns["n"] == 1


def test_a_failed_call_is_undone_as_far_as_it_came(agent_shell: AgentShell) -> None:
    agent_shell.run("rows = [1]")
    change(agent_shell, "rows.append(2); 1 / 0")
    agent_shell.run("%agent undo")
    assert agent_shell.shell.user_ns["rows"] == [1]


def test_both_are_events_of_the_run(agent_shell: AgentShell) -> None:
    agent_shell.run("n = 1")
    answer = change(agent_shell, "n = 2; new = 1")
    agent_shell.run("%agent undo")
    made, undone = events(agent_shell)
    assert made.run_id == undone.run_id == answer.run_id
    assert isinstance(made.body, CheckpointMade)
    assert (made.body.name, made.body.added, made.body.changed) == (
        "run_in_notebook",
        ("new",),
        ("n",),
    )
    assert isinstance(undone.body, RunUndone)
    assert (undone.body.restored, undone.body.removed) == (("n",), ("new",))


def test_files_that_tools_of_a_sandbox_without_walls_wrote_come_back(
    agent_shell: AgentShell,
) -> None:
    core = fake_core(engine=agent_shell.engine, tools=agent_shell.tools, level="low")
    notebook_agents.use_core(core, shell=agent_shell.shell)
    Path("notes.txt").write_text("mine")
    agent_shell.tools.functions["file_writer"] = lambda path: str(Path(path).write_text("agent"))
    agent_shell.engine.script = [call("file_writer", path="notes.txt"), "done"]
    agent_shell.run("%agent --yes write it")
    assert Path("notes.txt").read_text() == "agent"
    assert "rewrote notes.txt" in str(agent_shell.run("%agent undo --list").value)
    assert "file notes.txt: written back" in str(agent_shell.run("%agent undo").value)
    assert Path("notes.txt").read_text() == "mine"


def test_what_a_person_writes_while_an_agent_only_reads_is_no_change_of_the_agent(
    agent_shell: AgentShell,
) -> None:
    core = fake_core(engine=agent_shell.engine, tools=agent_shell.tools, level="low")
    notebook_agents.use_core(core, shell=agent_shell.shell)
    agent_shell.tools.functions["look"] = lambda: str(Path("mine.txt").write_text("x"))
    agent_shell.engine.script = [call("look"), "done"]
    agent_shell.run("%agent look")
    assert "Nothing to undo" in str(agent_shell.run("%agent undo").value)
    assert Path("mine.txt").exists()


@pytest.mark.slow
def test_in_a_kernel_what_ran_live_is_undone_and_files_even_after_a_restart(
    own_kernel: Kernel, ipython_home: Path
) -> None:
    own_kernel.run("import pandas as pd; df = pd.DataFrame({'a': [1, 2]}); alias = df")
    code = "df.loc[0, 'a'] = 99; total = 1; df.to_csv('out.csv')"
    own_kernel.run(f"engine.script = [call('python_executor', code={code!r}), 'done'] * 2")
    own_kernel.run("%agent --live --yes change it")
    assert own_kernel.run("int(alias.a[0]), total").value() == "(99, 1)"
    assert (ipython_home / "out.csv").exists()
    said = own_kernel.run("%agent undo").value()
    assert "restored: alias, df" in said
    assert "file out.csv: removed" in said
    assert own_kernel.run("int(df.a[0]), alias is df, 'total' in globals()").value() == (
        "(1, True, False)"
    )
    assert not (ipython_home / "out.csv").exists()

    own_kernel.run("%agent --live --yes change it")
    own_kernel.manager.restart_kernel(now=True)
    own_kernel.client.wait_for_ready(timeout=60)
    own_kernel.run(FAKE_CORE)
    listing = own_kernel.run("%agent undo --list").value()
    assert listing.startswith("Files of earlier sessions, which %agent undo --force takes back:")
    assert "before the kernel was restarted" in listing
    said = own_kernel.run("%agent undo").value()
    assert said.startswith("Left alone, as an earlier session of a kernel made it in this folder:")
    assert "before the kernel was restarted python_executor" in said
    assert (ipython_home / "out.csv").exists()
    said = own_kernel.run("%agent undo --force").value()
    assert "file out.csv: removed" in said
    assert "the kernel was restarted" in said
    assert not (ipython_home / "out.csv").exists()
