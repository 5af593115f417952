"""Recordings: what the log has of a conversation, counted, read and removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.core.conftest import ANN, Driver

from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.events import RunQueued
from notebook_agents.core.executions import StartExecution
from notebook_agents.core.recordings import ListRecordings, ReadEvents
from notebook_agents.core.replays import StartReplay
from notebook_agents.core.tasks import CreateTask
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import ScriptedRunner, call

BOB = Actor(user_id="bob", username="bob")
ADMIN = Actor(user_id="root", username="root", is_admin=True)
ALL = frozenset({"run_queued", "run_started", "text_delta", "model_finished", "run_finished"})
MakeCore = Callable[..., Core]


@pytest.fixture
def log(tmp_path: Path) -> JsonlEventLog:
    return JsonlEventLog(tmp_path)


async def test_a_recording_is_counted_from_the_log(
    make_core: MakeCore, driver: Driver, log: JsonlEventLog
) -> None:
    core = make_core(call("python_executor", code="1"), "Done", "Again", event_log=log)
    run = await driver.finish(core, "compute")
    id = run.conversation_id
    first = await core.recordings.get(ANN, id)
    assert first.models == (run.model,)
    assert first.tools == ("python_executor",)
    assert first.files == (f"{id}.jsonl",)
    events = await driver.events(core, run)
    assert first.recording.n_events == len(events)
    assert first.recording.started_at == events[0].ts
    # What was counted before is not read again, and what was added is.
    await driver.finish(core, "once more", conversation_id=id)
    after = await core.recordings.get(ANN, id, counted=frozenset({"run_queued"}))
    assert after.recording.types == {"run_queued": 2}
    assert after.recording.ended_at > first.recording.ended_at
    await core.aclose()


async def test_recordings_are_sorted_by_what_was_counted(
    make_core: MakeCore, driver: Driver, log: JsonlEventLog
) -> None:
    core = make_core(event_log=log)
    short = await driver.finish(core, "a")
    long = await driver.finish(core, "one two three four")
    await core.recordings.list(ANN, ListRecordings())
    await driver.finish(core, "b", conversation_id=short.conversation_id)

    async def ids(**wish: Any) -> list[str]:
        page = await core.recordings.list(ANN, ListRecordings(**wish))
        assert page.total == 2
        return [r.conversation.id for r in page.items]

    assert await ids() == [long.conversation_id, short.conversation_id]
    assert await ids(is_descending=False) == [short.conversation_id, long.conversation_id]
    assert await ids(order="end_time", limit=1) == [short.conversation_id]
    assert await ids(order="duration") == [short.conversation_id, long.conversation_id]
    assert await ids(order="n_events", offset=1) == [long.conversation_id]
    assert (await core.recordings.list(BOB, ListRecordings())).total == 0
    await core.aclose()


async def test_events_are_filtered_and_tell_what_people_said(
    make_core: MakeCore, driver: Driver, log: JsonlEventLog
) -> None:
    core = make_core("First answer", "Second answer", event_log=log)
    run = await driver.finish(core, "first question")
    await driver.finish(core, "second question", conversation_id=run.conversation_id)

    async def read(**wish: Any) -> list[Any]:
        return await core.recordings.events(ANN, run.conversation_id, ReadEvents(**wish))

    asked = await read(types=frozenset({"run_queued"}))
    assert [recorded.said for recorded in asked] == ["first question", "second question"]
    assert all(isinstance(recorded.event.body, RunQueued) for recorded in asked)
    everything = await read(types=ALL)
    middle = asked[1].event.ts
    assert [e for e in everything if e.event.ts >= middle] == await read(types=ALL, since=middle)
    before = middle - timedelta(microseconds=1)
    assert [e for e in everything if e.event.ts < middle] == await read(types=ALL, until=before)
    assert await read(types=ALL, limit=3) == everything[:3]
    with pytest.raises(NotFound):
        await read(types=frozenset())
    with pytest.raises(NotFound):
        await core.recordings.events(BOB, run.conversation_id, ReadEvents(types=ALL))
    await core.aclose()


async def test_deleting_removes_the_events_and_nothing_else(
    make_core: MakeCore, driver: Driver, log: JsonlEventLog
) -> None:
    core = make_core("First", "Second", "Third", event_log=log)
    run = await driver.finish(core, "question")
    id = run.conversation_id
    fork = await core.conversations.fork(ANN, id)
    await driver.finish(core, "in the fork", conversation_id=fork.id)
    for somebody in (BOB, ADMIN):
        with pytest.raises(NotFound):
            await core.recordings.delete(somebody, id)
    await core.recordings.delete(ANN, id)
    with pytest.raises(NotFound, match="its events were removed; its messages are still there"):
        await core.recordings.get(ANN, id)
    with pytest.raises(NotFound, match="its events were removed"):
        await core.recordings.events(ANN, id, ReadEvents(types=ALL))
    with pytest.raises(NotFound, match="its events were removed"):
        await core.replays.start(ANN, StartReplay(conversation_id=id, types=ALL))
    with pytest.raises(NotFound):
        await core.recordings.delete(ANN, id)
    assert len(await core.conversations.messages(ANN, id)) == 2
    assert (await core.recordings.get(ANN, fork.id)).recording.types["run_queued"] == 1
    # What happens later is recorded again, from the beginning.
    await driver.finish(core, "later", conversation_id=id)
    assert (await core.recordings.get(ANN, id)).recording.types["run_queued"] == 1
    await core.aclose()


async def test_what_is_recorded_now_cannot_be_deleted(make_core: MakeCore, driver: Driver) -> None:
    core = make_core(call("python_executor", code="1"), "Done")
    run = await driver.start(core, "question")
    with pytest.raises(Conflict, match="not finished"):
        await core.recordings.delete(ANN, run.conversation_id)
    await core.runs.wait(ANN, run.id)
    await core.recordings.delete(ANN, run.conversation_id)
    await core.aclose()


async def test_what_a_task_works_in_cannot_be_deleted(make_core: MakeCore) -> None:
    runner = ScriptedRunner(None)
    core = make_core(task_runner=runner)
    task = await core.tasks.create(ANN, CreateTask(name="t", prompt_template="look"))
    execution = await core.executions.start(ANN, StartExecution(task_id=task.id))
    await runner.is_working.wait()
    with pytest.raises(Conflict, match="a task works"):
        await core.recordings.delete(ANN, execution.conversation_id)
    await core.executions.cancel(ANN, execution.id)
    await core.executions.wait(ANN, execution.id)
    await core.recordings.delete(ANN, execution.conversation_id)
    await core.aclose()


async def test_another_process_notices_that_a_stream_was_removed(
    make_core: MakeCore, driver: Driver, tmp_path: Path
) -> None:
    """It has the file open from an earlier run and would write where nobody looks."""
    one, two = JsonlEventLog(tmp_path), JsonlEventLog(tmp_path)
    core = make_core("First", "Second", "Third", event_log=one)
    run = await driver.finish(core, "question")
    await driver.finish(core, "another", conversation_id=run.conversation_id)
    assert (await one.summaries((run.conversation_id,)))[0].types["run_queued"] == 2
    await two.remove(run.conversation_id)
    await driver.finish(core, "later", conversation_id=run.conversation_id)
    for log in (one, two):
        assert (await log.summaries((run.conversation_id,)))[0].types["run_queued"] == 1
    await two.aclose()
    await core.aclose()
