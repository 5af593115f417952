"""Reports: what they say of a conversation, whose they are, and what becomes of their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
from tests.core.conftest import ANN, Driver

from notebook_agents.core import report_contents
from notebook_agents.core import reports as reports_module
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, Unsupported
from notebook_agents.core.events import ToolFinished
from notebook_agents.core.executions import Outcome, StartExecution
from notebook_agents.core.figures import PLOTLY, Figure
from notebook_agents.core.messages import AttachmentPart, user_message
from notebook_agents.core.report_contents import Parts
from notebook_agents.core.report_documents import (
    Enclosure,
    Picture,
    Plain,
    Prose,
    ReportDocument,
    Use,
)
from notebook_agents.core.reports import CreateReport
from notebook_agents.core.runs import StartRun
from notebook_agents.core.states import RunState
from notebook_agents.core.tasks import CreateTask
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.core.users import Actor
from notebook_agents.testing import MemoryReports, ScriptedRunner, ScriptedTools, call

BOB = Actor(user_id="bob", username="bob")
MakeCore = Callable[..., Core]


class DrawingTools(ScriptedTools):
    """Tools that also draw."""

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        result = await super().run(invocation)
        figure = Figure(media_type=PLOTLY, content='{"data": []}', label="a chart")
        return replace(result, figures=(figure,))


def python_executor(code: str) -> str:
    """Answer with the code."""
    return f"ran: {code}"


@pytest.fixture
def files() -> MemoryReports:
    return MemoryReports()


@pytest.fixture
def made_core(make_core: MakeCore, files: MemoryReports) -> MakeCore:
    def make(*script: Any) -> Core:
        tools = DrawingTools({"python_executor": python_executor})
        return make_core(*script, tools=tools, report_files=files)

    return make


async def document_of(core: Core, files: MemoryReports, id: str, **parts: bool) -> ReportDocument:
    wish = CreateReport(conversation_id=id, format="json", parts=Parts(**parts))
    await core.reports.create(ANN, wish)
    return files.documents[-1]


async def test_a_report_tells_what_was_said_and_done(
    made_core: MakeCore, driver: Driver, files: MemoryReports
) -> None:
    core = made_core("Let me see.", call("python_executor", code="6*7"), "It is **42**.", "Bye.")
    first = await driver.finish(core, "Hello")
    agent = first.agent_id
    note = AttachmentPart(kind="text", content="some text", name="a.txt")
    wish = StartRun(
        agent_id=agent,
        conversation_id=first.conversation_id,
        message=user_message("What is\n6*7?", [note]),
    )
    run = await core.runs.wait(ANN, (await core.runs.start(ANN, wish)).id)
    told = await document_of(core, files, run.conversation_id)
    assert told.title == "Hello"
    assert [entry.role for entry in told.entries] == ["user", "assistant"] * 2
    asked, answered = told.entries[2:]
    assert asked.blocks == (
        Prose(text="What is\n6*7?", keeps_breaks=True),
        Enclosure(name="a.txt", kind="text", size_bytes=9),
    )
    use, text = answered.blocks
    assert isinstance(use, Use)
    assert (use.name, use.arguments["code"], use.status) == ("python_executor", "6*7", "succeeded")
    assert use.duration_ms is not None
    assert use.answer == (
        Plain(text="ran: 6*7"),
        Picture(media_type=PLOTLY, content='{"data": []}', label="a chart"),
    )
    assert text == Prose(text="It is **42**.")
    assert run.model in answered.note
    values = {fact.name: fact.value for fact in told.metrics}
    assert (values["Messages"], values["Tool calls"], values["Cost"]) == ("4", "1", "unknown")
    assert told.details is not None
    assert len(told.details.rows) == 2
    await core.aclose()


async def test_figures_beyond_what_can_be_held_are_left_out(
    made_core: MakeCore,
    driver: Driver,
    files: MemoryReports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_contents, "MAX_FIGURE_CHARS", 20)
    calls = [call("python_executor", f"c{n}", code=str(n)) for n in range(2)]
    core = made_core(*calls, "Done.")
    run = await driver.finish(core, "draw")
    told = await document_of(core, files, run.conversation_id)
    uses = [block for block in told.entries[1].blocks if isinstance(block, Use)]
    pictures = [[isinstance(part, Picture) for part in use.answer] for use in uses]
    assert [any(found) for found in pictures] == [True, False]
    assert told.notices == ("Figures left out: 1.",)
    await core.aclose()


def test_every_state_of_a_reply_that_did_not_succeed_has_words() -> None:
    assert set(report_contents.STATES) == set(get_args(RunState)) - {"succeeded"}


async def test_parts_can_be_left_out(
    made_core: MakeCore, driver: Driver, files: MemoryReports
) -> None:
    core = made_core(call("python_executor", code="1"), "Done.")
    id = (await driver.finish(core, "go")).conversation_id
    told = await document_of(core, files, id, messages=False)
    assert [[type(block) for block in entry.blocks] for entry in told.entries] == [[Use]]
    told = await document_of(core, files, id, tool_calls=False)
    assert [entry.blocks for entry in told.entries] == [
        (Prose(text="go", keeps_breaks=True),),
        (Prose(text="Done."),),
    ]
    told = await document_of(core, files, id, metrics=False)
    assert (told.metrics, told.details, told.entries[-1].note) == ((), None, "")
    await core.aclose()


async def test_a_fork_shows_what_it_shares_and_a_removed_recording_less(
    made_core: MakeCore, driver: Driver, files: MemoryReports
) -> None:
    core = made_core(call("python_executor", code="1"), "Done.")
    id = (await driver.finish(core, "go")).conversation_id
    fork = await core.conversations.fork(ANN, id)

    async def use() -> Use:
        block = (await document_of(core, files, fork.id)).entries[1].blocks[0]
        assert isinstance(block, Use)
        return block

    assert [type(block) for block in (await use()).answer] == [Plain, Picture]
    await core.recordings.delete(ANN, id)
    assert (await use()).answer == (Plain(text="ran: 1"),)
    assert (await use()).duration_ms is None
    await core.aclose()


async def test_a_failed_reply_says_so(
    made_core: MakeCore, driver: Driver, files: MemoryReports
) -> None:
    core = made_core("First.", call("python_executor"), call("nothing"), "Sorry.")
    id = (await driver.finish(core, "go")).conversation_id
    run = await driver.finish(core, "again", conversation_id=id)
    told = await document_of(core, files, id)
    failed = {fact.name: fact.hint for fact in told.metrics}["Tool calls"]
    assert failed == f"{sum(c.status != 'succeeded' for c in run.tool_calls)} failed"
    await core.aclose()


async def test_reports_are_kept_made_again_and_deleted(
    made_core: MakeCore, driver: Driver, files: MemoryReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = made_core("One.", "Two.")
    id = (await driver.finish(core, "go")).conversation_id
    report = await core.reports.create(ANN, CreateReport(conversation_id=id))
    assert (report.format, report.size_bytes) == ("pdf", len(files.files[report.path]))
    assert (await core.reports.list(ANN)).items == (report,)
    await driver.finish(core, "more", conversation_id=id)
    # The file stays as it was made; another form has what there is now.
    assert b"Two." not in (await core.reports.content(ANN, report.id))[1]
    other, content = await core.reports.content(ANN, report.id, "html")
    assert content.startswith(b"html ")
    assert b"Two." in content
    assert (other.format, other.size_bytes) == ("html", len(content))
    # So has a file that is gone.
    kept = files.files.pop(report.path)
    made_again = (await core.reports.content(ANN, report.id))[1]
    assert b"Two." in made_again
    assert made_again.startswith(b"pdf ")
    files.files[report.path] = kept
    for id_, who in ((report.id, BOB), ("nothing", ANN)):
        with pytest.raises(NotFound):
            await core.reports.get(who, id_)
    with pytest.raises(NotFound):
        await core.reports.create(BOB, CreateReport(conversation_id=id))
    for wrong in (CreateReport(), CreateReport(conversation_id=id, execution_id=id)):
        with pytest.raises(InvalidRequest):
            await core.reports.create(ANN, wrong)
    with pytest.raises(NotFound):
        await core.reports.create(ANN, CreateReport(execution_id=id))
    monkeypatch.setattr(reports_module, "MAX_KEPT_BYTES", report.size_bytes)
    with pytest.raises(Conflict, match="MiB"):
        await core.reports.create(ANN, CreateReport(conversation_id=id))
    monkeypatch.setattr(reports_module, "MAX_REPORTS", 1)
    with pytest.raises(Conflict, match="delete some"):
        await core.reports.create(ANN, CreateReport(conversation_id=id))
    await core.reports.delete(ANN, report.id)
    assert not files.files
    assert (await core.reports.list(ANN)).total == 0
    await core.aclose()


async def test_an_execution_is_reported_with_its_notebook(
    make_core: MakeCore, files: MemoryReports
) -> None:
    failed = Outcome(state="failed", error_code="cell_failed", error_message="no such file")
    core = make_core(report_files=files, task_runner=ScriptedRunner(failed))
    task = await core.tasks.create(ANN, CreateTask(name="Daily", prompt_template="look"))
    started = await core.executions.start(ANN, StartExecution(task_id=task.id))
    ended = await core.executions.wait(ANN, started.id)
    report = await core.reports.create(ANN, CreateReport(execution_id=ended.id, format="html"))
    assert (report.title, report.execution_id, report.conversation_id) == ("Daily", ended.id, "")
    told = files.documents[-1]
    assert (told.kind, told.notebook) == ("execution", '{"cells": []}')
    assert {fact.name: fact.value for fact in told.metrics}["State"] == "failed"
    assert "no such file" in told.notices
    with pytest.raises(NotFound):
        await core.reports.create(BOB, CreateReport(execution_id=ended.id))
    await core.aclose()


async def test_a_deployment_without_reports_says_so(make_core: MakeCore, driver: Driver) -> None:
    core = make_core("One.")
    id = (await driver.finish(core, "go")).conversation_id
    with pytest.raises(Unsupported):
        await core.reports.create(ANN, CreateReport(conversation_id=id))
    await core.aclose()


def test_the_event_of_a_tool_has_what_reports_show() -> None:
    """A report reads these fields from the log of any version."""
    names = {"status", "figures", "duration_ms", "call_id"}
    assert names <= set(ToolFinished.__dataclass_fields__)
