"""``%agent record``: cells as events, which run they follow, and which run broke them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.events import CellExecuted, ToolFinished
from notebook_agents.magics.errors import AgentError
from notebook_agents.testing import MemoryEventLog, call, fake_core

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell, Kernel

REAL_CORE = """
from notebook_agents.core.clock import SystemClock
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
notebook_agents.use_core(fake_core(
    engine=engine, clock=SystemClock(), home=Path("workspaces"),
    event_log=JsonlEventLog(Path("home")), analytics=EventAnalytics(EventFiles(Path("home"))),
))
"""
DOCUMENTED = (Path(__file__).parents[2] / "docs/analytics.md").read_text()
BROKEN = DOCUMENTED.split("is one join:\n\n```sql\n")[1].split("```")[0]
"""The join that docs/analytics.md shows."""


class FullLog(MemoryEventLog):
    """Keeps everything but cells."""

    def append(self, event: Any) -> int:
        if isinstance(event.body, CellExecuted):
            raise StorageUnavailable("the disk is full")
        return super().append(event)


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog()


@pytest.fixture
def recording_shell(agent_shell: AgentShell, log: MemoryEventLog) -> Iterator[AgentShell]:
    use(agent_shell, log)
    yield agent_shell
    agent_shell.run("%agent record off")


def use(shell: AgentShell, log: MemoryEventLog) -> None:
    import notebook_agents

    core = fake_core(engine=shell.engine, tools=shell.tools, event_log=log, home=Path("workspaces"))
    notebook_agents.use_core(core, shell=shell.shell)


def cells_in(shell: AgentShell, log: MemoryEventLog) -> list[CellExecuted]:
    """Those that were kept, once all that was submitted is; without the cell that waits for it."""
    waiting = "%agent status"
    shell.run(waiting)
    digest = hashlib.sha256(waiting.encode()).hexdigest()
    bodies = [event.body for event in log.events if isinstance(event.body, CellExecuted)]
    return [body for body in bodies if body.source_digest != digest]


def test_nothing_is_recorded_until_a_line_says_so(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    recording_shell.run("1 + 1")
    assert "off; to record cells" in str(recording_shell.run("%agent status").value)
    assert "From the next cell on" in str(recording_shell.run("%agent record on").value)
    recording_shell.run("2 + 2")
    recording_shell.run("%agent record off")
    recording_shell.run("3 + 3")
    sources = ["2 + 2", "%agent record off"]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in sources]
    assert [cell.source_digest for cell in cells_in(recording_shell, log)] == digests[:1]


def test_a_cell_is_told_by_figures_and_never_by_words(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    recording_shell.run("%agent record on")
    recording_shell.run("secret = 'hunter2'; data = bytearray(64 << 20)")
    recording_shell.run("raise ValueError(secret)")
    recording_shell.run("def broken(:")
    recording_shell.run("raise KeyboardInterrupt")
    good, bad, unread, stopped = cells_in(recording_shell, log)[:4]
    assert (good.status, good.error_type, good.n_chars) == ("succeeded", "", 46)
    assert good.duration_ms > 0
    assert (good.memory_delta_bytes or 0) > 32 << 20
    assert (bad.status, bad.error_type) == ("failed", "ValueError")
    assert (unread.status, unread.error_type) == ("failed", "SyntaxError")
    assert stopped.status == "interrupted"
    assert bad.execution_count == good.execution_count + 1
    assert good.cell_id.startswith("text:")
    assert "hunter2" not in str(log.events)


def test_an_id_made_of_the_text_cannot_be_found_by_guessing_the_text(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    recording_shell.run("%agent record on")
    recording_shell.run("x = 1")
    recording_shell.run("x = 1\n")
    first, again = cells_in(recording_shell, log)[:2]
    assert first.cell_id == again.cell_id
    assert first.source_digest == again.source_digest == hashlib.sha256(b"x = 1").hexdigest()
    assert first.cell_id.removeprefix("text:") not in first.source_digest


def test_cells_inside_one_another_are_all_recorded(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    recording_shell.run("%agent record on")
    recording_shell.run("get_ipython().run_cell('1 / 0', store_history=True)\n2 + 2")
    inner, outer = cells_in(recording_shell, log)[:2]
    assert (inner.status, inner.error_type) == ("failed", "ZeroDivisionError")
    assert (outer.status, outer.error_type) == ("succeeded", "")
    assert outer.duration_ms >= inner.duration_ms


def test_cells_that_await_and_cells_after_a_reset_are_recorded(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    recording_shell.run("%agent record on")
    recording_shell.run("import asyncio\nawait asyncio.sleep(0)\nraise OSError")
    recording_shell.run("%agent reset")
    recording_shell.run("'after a new conversation'")
    recording_shell.run("%reset -f")
    recording_shell.run("len('after all variables went')")
    states = [(cell.status, cell.error_type) for cell in cells_in(recording_shell, log)]
    assert states == [("failed", "OSError"), *[("succeeded", "")] * 4]


def test_a_cell_belongs_to_the_conversation_and_stands_after_its_last_run(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    recording_shell.run("%agent record on")
    recording_shell.run("before = 1")
    run_id = recording_shell.run("%agent hello").value.run_id
    recording_shell.run("after = 1")
    before, asking, after = cells_in(recording_shell, log)[:3]
    assert (before.after_run_id, asking.after_run_id, after.after_run_id) == ("", "", run_id)
    event = next(event for event in log.events if event.body is after)
    assert event.conversation_id
    assert event.dialect == "magic"
    assert not event.run_id


def test_a_cell_stands_after_the_last_run_of_any_panel_whether_it_went_well_or_not(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    from notebook_agents.magics.magic import installed_magics
    from notebook_agents.magics.options import Prompt
    from notebook_agents.magics.waiting import block_on
    from notebook_agents.widgets.chat_session import ChatSession

    recording_shell.run("%agent record on")
    panels = [ChatSession(installed_magics(recording_shell.shell).session) for _ in range(2)]
    answers = [block_on(panel.prompt(Prompt(text="hello"))) for panel in panels]
    recording_shell.run("after_a_panel = 1")
    recording_shell.engine.script = [OSError("the model is gone")]
    with pytest.raises(AgentError):
        block_on(panels[0].prompt(Prompt(text="fail")))
    recording_shell.run("after_a_failure = 1")
    failed = next(event.run_id for event in reversed(log.events) if event.run_id)
    after, after_failure = cells_in(recording_shell, log)[:2]
    assert after.after_run_id == answers[1].run_id != answers[0].run_id
    assert after_failure.after_run_id == failed not in {each.run_id for each in answers}


def test_code_of_an_agent_is_told_with_what_the_notebook_held_after_it(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    code = "held = bytearray(b'1') * (64 << 20)"
    recording_shell.engine.script = [call("run_in_notebook", code="small = 1"),
                                     call("run_in_notebook", code=code),
                                     call("run_in_notebook", code="1 / 0"), "done"]  # fmt: skip
    assert recording_shell.run("%agent --yes go").value.state == "succeeded"
    ended = [event.body for event in log.events if isinstance(event.body, ToolFinished)]
    before, large, failed = [body.memory_bytes or 0 for body in ended]
    assert [body.status for body in ended] == ["succeeded", "succeeded", "failed"]
    assert large - before > 32 << 20
    assert failed > 0


def test_code_inside_a_cell_and_unloading_leave_one_event_and_no_hook(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    recording_shell.run("%agent record on")
    recording_shell.run("%%capture\nget_ipython().run_cell('1 + 1')")
    assert len(cells_in(recording_shell, log)) == 1
    callbacks = recording_shell.shell.events.callbacks
    assert callbacks["pre_run_cell"]
    recording_shell.run("%agent record off")
    names = [c.__qualname__ for cs in callbacks.values() for c in cs]
    assert not [name for name in names if name.startswith("CellRecorder")]


def test_a_full_disk_breaks_no_cell_and_is_told_once(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    use(agent_shell, FullLog())
    agent_shell.run("%agent record on")
    for _ in range(4):
        assert agent_shell.run("1 + 1").error is None
        agent_shell.run("%agent status")
    assert capsys.readouterr().err.count("a cell was not recorded: the disk is full") == 1
    assert "on, 0 cells so far; the last problem: the disk is full" in str(
        agent_shell.run("%agent record status").value
    )
    assert "takes on, off or status" in str(agent_shell.run("%agent record maybe").error)


def test_a_cell_that_an_agent_wrote_is_known_by_its_text_and_then_by_its_id(
    recording_shell: AgentShell, log: MemoryEventLog
) -> None:
    run: Any = recording_shell.shell.run_cell
    recording_shell.engine.script = ["Try this:\n```python\n1 / 0\n```\n"]
    recording_shell.run("%agent record on")
    run_id = recording_shell.run("%agent write code").value.run_id
    run("1 / 0\n", store_history=True, cell_id="written")
    run("1 / 1", store_history=True, cell_id="written")
    run("1 / 1", store_history=True, cell_id="mine")
    found = {(c.cell_id, c.status): c.changed_by_run_id for c in cells_in(recording_shell, log)}
    assert found["written", "failed"] == found["written", "succeeded"] == run_id
    assert found["mine", "succeeded"] == ""


@pytest.mark.slow
def test_one_join_says_which_cells_runs_broke_and_what_that_cost(kernel: Kernel) -> None:
    kernel.run(REAL_CORE)
    kernel.run("import pandas as pd; prices = pd.DataFrame({'price': [1.0, 2.0]}); other = [1]")
    assert kernel.run("%agent record on").status == "ok"
    assert kernel.run("total = prices['price'].sum()").status == "ok"
    assert kernel.run("len(other)").status == "ok"
    code = "prices = prices.rename(columns={'price': 'cost'})"
    kernel.run(
        f"engine.script = [[call('run_in_notebook', code={code!r})], 'Renamed.'] + ['idle'] * 3"
    )
    assert kernel.run("answer = %agent --live --full rename the column price").status == "ok"
    assert kernel.run("total = prices['price'].sum()").status == "error"
    assert kernel.run("len(other)").status == "ok"
    kernel.run(f"%%agent_sql broken <<\n{BROKEN}")
    assert kernel.run("broken['last_error_type'].tolist()").value() == "['KeyError']"
    assert kernel.run("broken['run_id'].tolist() == [answer.run_id]").value() == "True"
    assert int(kernel.run("int(broken['output_tokens'].sum())").value()) > 0
    assert kernel.run("broken.dtypes['cost_usd'].name").value() == "'float64'"
    kernel.run("%agent record off")
