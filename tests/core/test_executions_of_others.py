"""Executions that other processes take at the very moment in which something is done to them."""

from __future__ import annotations

from collections.abc import Callable

from notebook_agents.core.core import Core
from notebook_agents.core.executions import Execution, StartExecution
from notebook_agents.core.ports import Change, Patch, Replace
from notebook_agents.core.tasks import CreateTask
from notebook_agents.core.users import Actor
from notebook_agents.testing import MemoryStore, ScriptedRunner

ANN = Actor(user_id="ann", username="ann")


class QuickOther(MemoryStore):
    """A server that takes an execution before it is cancelled here."""

    async def commit(self, *changes: Change) -> None:
        for change in changes:
            record = change.record if isinstance(change, Replace) else None
            if isinstance(record, Execution) and record.state == "cancelled":
                taken = Patch(kind=Execution, id=record.id, fields={"holder": "other"})
                await super().commit(taken)
        await super().commit(*changes)


async def test_one_that_is_taken_meanwhile_is_asked_to_end_where_it_is(
    make_closed_core: Callable[..., Core],
) -> None:
    core = make_closed_core(task_runner=ScriptedRunner(), store=QuickOther())
    task = await core.tasks.create(ANN, CreateTask(name="t", prompt_template="hello"))
    wish = StartExecution(task_id=task.id, is_deferred=True)
    execution = await core.executions.start(ANN, wish)
    asked = await core.executions.cancel(ANN, execution.id)
    assert (asked.state, asked.holder, asked.stop_wish) == ("queued", "other", "cancel")
