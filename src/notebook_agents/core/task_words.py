"""How people at a keyboard name tasks and executions, and how progress reads in a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.execution_events import CellFinished, CellStarted, ExecutionFinished
from notebook_agents.core.executions import ListExecutions
from notebook_agents.core.tasks import MAX_TASKS, ListTasks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_agents.core.events import EventBody
    from notebook_agents.core.execution_service import Executions
    from notebook_agents.core.executions import Execution
    from notebook_agents.core.tasks import Task, Tasks
    from notebook_agents.core.users import Actor

MIN_PREFIX = 8
"""Characters of an id that may stand for all of it."""


async def find_task(tasks: Tasks, actor: Actor, named: str) -> Task:
    """The task of that name, id, or beginning of an id.

    Raises NotFound, and InvalidRequest when several have that name.
    """
    mine = (await tasks.list(actor, ListTasks(limit=MAX_TASKS))).items
    is_prefix = len(named) >= MIN_PREFIX
    exact = [task for task in mine if named in (task.id, task.name)]
    like = [
        task
        for task in mine
        if task.name.casefold() == named.casefold() or (is_prefix and task.id.startswith(named))
    ]
    found = exact or like
    if len(found) > 1:
        ids = ", ".join(task.id for task in found)
        raise InvalidRequest(f"several tasks are called {named!r}; say which by its id: {ids}")
    if not found:
        raise NotFound("task", named)
    return found[0]


async def require_free_name(tasks: Tasks, actor: Actor, name: str) -> None:
    """Conflict when a task of the actor has that name; for where tasks are found by their names."""
    mine = (await tasks.list(actor, ListTasks(limit=MAX_TASKS))).items
    taken = [task for task in mine if task.name.casefold() == name.strip().casefold()]
    if taken:
        raise Conflict(
            f"you have a task {taken[0].name!r} already; use another name or delete it first",
            id=taken[0].id,
        )


async def find_execution(
    executions: Executions, tasks: Tasks, actor: Actor, named: str
) -> Execution:
    """The execution of that id, or the newest one of the task that is named."""
    try:
        return await executions.get(actor, named)
    except NotFound:
        task = await find_task(tasks, actor, named)
    newest = (await executions.list(actor, ListExecutions(task_id=task.id, limit=1))).items
    if not newest:
        raise InvalidRequest(f"task {task.name!r} has not been executed yet")
    return newest[0]


def variables_from(words: Iterable[str]) -> dict[str, Any]:
    """The values in ``name=value`` words; what reads as JSON other than a text is taken as that."""
    values: dict[str, Any] = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or not name:
            raise InvalidRequest(f"a variable is given as name=value, not {word!r}")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def progress_line(body: EventBody) -> str:
    """What an event of an execution says; empty when it says nothing new."""
    match body:
        case CellStarted():
            return f"cell {body.cell_index + 1}/{body.n_cells}  {body.source}".rstrip()
        case CellFinished(status="failed"):
            return f"  failed after {body.duration_ms / 1000:.1f} s: {_error(body)}"
        case CellFinished(status="kept"):
            return "  kept from before"
        case CellFinished():
            return f"  done in {body.duration_ms / 1000:.1f} s"
        case ExecutionFinished():
            ending = f"{body.state} after {body.duration_ms / 1000:.1f} s"
            return f"{ending}: {body.error_message}" if body.error_message else ending
        case _:
            return ""


def _error(body: CellFinished) -> str:
    return ": ".join(filter(None, (body.error_type, body.error_message)))
