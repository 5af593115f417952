"""Tasks: what may be saved, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.core import Core
from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    NotPermitted,
    Unsupported,
)
from notebook_agents.core.executions import StartExecution
from notebook_agents.core.tasks import CreateTask, ListTasks, TaskChanges, TaskSettings
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedRunner

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob", is_admin=True)
WISH = CreateTask(name="Daily", prompt_template="Analyse the logs of {{date}}")


@pytest.fixture
def runner() -> ScriptedRunner:
    return ScriptedRunner()


@pytest.fixture
def core(make_closed_core: Callable[..., Core], runner: ScriptedRunner) -> Core:
    return make_closed_core(task_runner=runner)


async def test_S_34_S_37_a_task_is_kept_listed_changed_and_deleted(core: Core) -> None:
    task = await core.tasks.create(ANN, WISH)
    assert await core.tasks.get(ANN, task.id) == task
    changed = await core.tasks.update(ANN, task.id, TaskChanges(name="Nightly", is_active=False))
    assert (changed.name, changed.prompt_template) == ("Nightly", WISH.prompt_template)
    assert (await core.tasks.list(ANN, ListTasks())).items == (changed,)
    assert (await core.tasks.list(ANN, ListTasks(is_active=True))).total == 0
    await core.tasks.delete(ANN, task.id)
    assert (await core.tasks.list(ANN, ListTasks())).total == 0
    with pytest.raises(NotFound):
        await core.tasks.get(ANN, task.id)


async def test_somebody_elses_task_is_not_there(core: Core) -> None:
    task = await core.tasks.create(ANN, WISH)
    start = StartExecution(task_id=task.id, variables={"date": "x"})
    for attempt in (
        core.tasks.get(BOB, task.id),
        core.tasks.update(BOB, task.id, TaskChanges(name="mine")),
        core.tasks.delete(BOB, task.id),
        core.executions.start(BOB, start),
    ):
        with pytest.raises(NotFound):
            await attempt


@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("name", replace(WISH, name=" ")),
        ("prompt_template", replace(WISH, prompt_template="")),
        ("timeout_s", replace(WISH, settings=TaskSettings(timeout_s=10**9))),
        ("max_retries", replace(WISH, settings=TaskSettings(max_retries=-1))),
        ("report_format", replace(WISH, settings=TaskSettings(report_format="doc"))),
        ("variables", replace(WISH, settings=TaskSettings(variables={"other": 1}))),
        ("checks", replace(WISH, settings=TaskSettings(checks=("__import__('os')",)))),
        ("checks", replace(WISH, settings=TaskSettings(checks=("text.upper()",)))),
        ("checks", replace(WISH, settings=TaskSettings(checks=("1 +",)))),
        ("checks", replace(WISH, settings=TaskSettings(checks=("f'{cells:>999999999}'",)))),
        ("checks", replace(WISH, settings=TaskSettings(checks=("(" * 400,)))),
        ("tools", replace(WISH, settings=TaskSettings(agent=ConversationSettings(tools=("no",))))),
        ("model", replace(WISH, settings=TaskSettings(agent=ConversationSettings(model="no")))),
    ],
)
async def test_what_is_wrong_is_refused_by_name(core: Core, field: str, wish: CreateTask) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await core.tasks.create(ANN, wish)
    assert caught.value.details["field"] == field


async def test_own_notebooks_are_for_those_who_have_kernels_anyway(
    core: Core, runner: ScriptedRunner
) -> None:
    runner.notebooks["report.ipynb"] = ("date", "prompt")
    wish = CreateTask(name="Mine", notebook="report.ipynb", prompt_template="of {{team}}")
    with pytest.raises(NotPermitted):
        await core.tasks.create(ANN, wish)
    task = await core.tasks.create(BOB, wish)
    assert await core.tasks.names_of(task) == {"date", "team"}
    variables = {"date": "today", "team": "ops"}
    start = StartExecution(task_id=task.id, variables=variables)
    execution = await core.executions.start(BOB, start)
    assert execution.parameters == {"date": "today", "prompt": "of ops"}
    demoted = replace(BOB, is_admin=False)
    with pytest.raises(NotPermitted):
        await core.executions.start(demoted, start)


async def test_without_papermill_tasks_are_kept_and_not_executed(
    make_closed_core: Callable[..., Core],
) -> None:
    core = make_closed_core(task_runner=None)
    task = await core.tasks.create(ANN, replace(WISH, prompt_template="go"))
    with pytest.raises(Unsupported, match=r"notebook-agents\[tasks\]"):
        await core.executions.start(ANN, StartExecution(task_id=task.id))
    assert await core.executions.recover() == 0


async def test_a_task_is_not_deleted_while_it_is_done(
    make_closed_core: Callable[..., Core],
) -> None:
    runner = ScriptedRunner(None)
    core = make_closed_core(task_runner=runner)
    task = await core.tasks.create(ANN, replace(WISH, prompt_template="go"))
    execution = await core.executions.start(ANN, StartExecution(task_id=task.id))
    await runner.is_working.wait()
    with pytest.raises(Conflict, match="not finished"):
        await core.tasks.delete(ANN, task.id)
    await core.executions.cancel(ANN, execution.id)
    assert await core.executions.artifacts(ANN, execution.id)
    await core.tasks.delete(ANN, task.id)
    with pytest.raises(NotFound):
        await core.executions.get(ANN, execution.id)
    assert not await runner.artifacts(execution.id)
