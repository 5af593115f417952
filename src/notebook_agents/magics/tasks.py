"""``%agent task``: tasks made, run and scheduled from a notebook."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from notebook_agents.core.executions import Execution, ListExecutions, StartExecution
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.task_words import (
    find_execution,
    find_task,
    progress_line,
    require_free_name,
    variables_from,
)
from notebook_agents.core.tasks import MAX_TASKS, CreateTask, ListTasks, TaskChanges
from notebook_agents.magics.environment import task_folder
from notebook_agents.magics.errors import AgentError, close_to
from notebook_agents.magics.facts import Facts, Help
from notebook_agents.magics.subcommands import TASK_VERBS
from notebook_agents.magics.waiting import Feed, Interrupted, Waits, until

if TYPE_CHECKING:
    import pandas as pd

    from notebook_agents.core.core import Core
    from notebook_agents.core.tasks import Task
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

TICK_S = 0.5
EXECUTED = "executed.ipynb"
NOTEBOOK = ".ipynb"
_NAME = re.compile(r"""(?:"([^"]*)"|'([^']*)'|(\S+))\s*(.*)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ExecutedNotebook:
    """The notebook of an execution with its outputs; ``cells`` are those of its file."""

    execution_id: str
    cells: tuple[dict[str, Any], ...]

    @property
    def text(self) -> str:
        """What its cells printed and ended with."""
        outputs = (output for cell in self.cells for output in cell.get("outputs", ()))
        return "\n".join(filter(None, (_text_of(output).rstrip() for output in outputs)))

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(self.text)

    def _repr_markdown_(self) -> str:
        parts = []
        for cell in self.cells:
            source = "".join(cell["source"])
            is_code = cell["cell_type"] == "code"
            parts.append(f"```python\n{source}\n```" if is_code else source)
            if text := "\n".join(_text_of(o).rstrip() for o in cell.get("outputs", ())):
                parts.append(f"```text\n{text}\n```")
        return "\n\n".join(parts)


def task_command(session: Session, argument: str, _options: Options) -> Waits[Any]:
    """Serve ``%agent task VERB …``."""
    verb, rest = _split(argument or "list")
    if verb not in TASK_VERBS:
        near = close_to(verb, list(TASK_VERBS))
        hint = f"did you mean {near}?" if near else f"there are: {', '.join(TASK_VERBS)}"
        raise AgentError(
            f"%agent task knows no {verb!r}; {hint} (to send it as a prompt: %agent -- task …)"
        )
    identity = yield from session.identify()
    if verb == "list":
        return (yield from until(session.host.submit(lambda core: _list(core, identity.actor))))
    name, rest = _split(rest)
    if not name:
        raise AgentError(f"%agent task {verb} needs a name; usage: {verb} {TASK_VERBS[verb]}")
    return (yield from _ONE[verb](session, identity.actor, name, rest))


def _split(text: str) -> tuple[str, str]:
    """The first word, which may stand in quotes, and the rest as it is."""
    found = _NAME.match(text.strip())
    if found is None:
        return "", ""
    return found[1] or found[2] or found[3] or "", found[4]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise AgentError(f"{text!r} cannot be read: {error}") from None


def _task(session: Session, actor: Actor, name: str) -> Waits[Task]:
    found = session.host.submit(lambda core: find_task(core.tasks, actor, name))
    return (yield from until(found))


def _create(session: Session, actor: Actor, name: str, rest: str) -> Waits[Facts]:
    wish = CreateTask(name=name, prompt_template=rest)
    file, more = _split(rest)
    if file.endswith(NOTEBOOK) and not more:
        wish = CreateTask(name=name, notebook=_below_task_folder(file))

    async def make(core: Core) -> Task:
        await require_free_name(core.tasks, actor, name)
        return await core.tasks.create(actor, wish)

    return (yield from _show_task(session, actor, (yield from until(session.host.submit(make)))))


def _below_task_folder(notebook: str) -> str:
    """How tasks name a notebook that is named as it is seen from here."""
    path = Path(notebook).expanduser().resolve()
    folder = Path(task_folder()).resolve()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _show(session: Session, actor: Actor, name: str, _rest: str) -> Waits[Facts]:
    return (yield from _show_task(session, actor, (yield from _task(session, actor, name))))


def _show_task(session: Session, actor: Actor, task: Task) -> Waits[Facts]:
    async def look(core: Core) -> tuple[frozenset[str], list[str], str]:
        times = await _next_of(core, actor, task, 1)
        return await core.tasks.names_of(task), times, await _skipped(core, actor, task)

    names, times, skipped = yield from until(session.host.submit(look))
    plan = task.schedule
    rows = [
        ("Task", f"{task.name} ({task.id})"),
        ("Notebook", task.notebook) if task.notebook else ("Prompt", task.prompt_template),
        ("Variables", ", ".join(sorted(names)) or "none"),
        ("Schedule", f"{plan.cron} {plan.timezone}; next {times[0]}" if plan else "none"),
        *([("Left out", skipped)] if skipped else []),
    ]
    given = " ".join(f"{name}=…" for name in sorted(names))
    quoted = shlex.quote(task.name)
    return Facts(tuple(rows), (f"%agent task run {quoted} {given}".rstrip(),))


def _run(session: Session, actor: Actor, name: str, rest: str) -> Waits[Facts]:
    """Run it here, tell what happens, and fail when it does not succeed."""
    task = yield from _task(session, actor, name)
    wish = StartExecution(task_id=task.id, variables=variables_from(_words(rest)))
    expected = session.host.submit(lambda core: _expected(core, actor, task.id))
    if words := (yield from until(expected)):
        print(f"expect {words}")  # noqa: T201 - shown before the progress
    started = session.host.submit(lambda core: core.executions.start(actor, wish))
    execution = yield from until(started)
    feed = Feed()
    finished = session.host.submit(lambda core: _follow(core, actor, execution.id, feed))
    try:
        while not finished.done():
            yield feed.changed(), TICK_S
            _print(feed)
    except (Interrupted, KeyboardInterrupt):
        session.host.submit(lambda core: core.executions.cancel(actor, execution.id))
        raise
    ended = yield from until(finished)
    _print(feed)
    if ended.state != "succeeded":
        raise AgentError(f"execution {ended.id} {ended.state}: {ended.error_message}")
    return _told(ended)


async def _expected(core: Core, actor: Actor, task_id: str) -> str:
    return await core.forecasts.words_of_task(actor.user_id, task_id)


async def _follow(core: Core, actor: Actor, id: str, feed: Feed) -> Execution:
    async with aclosing(core.executions.events(actor, id)) as events:
        async for event in events:
            feed.put(progress_line(event.body))
    return await core.executions.wait(actor, id)


def _print(feed: Feed) -> None:
    for line in filter(None, feed.take()):
        print(line, flush=True)  # noqa: T201 - the cell shows it as it comes


def _told(execution: Execution) -> Facts:
    usage = execution.usage
    return Facts(
        (
            ("Execution", execution.id),
            ("State", execution.state),
            ("Seconds", f"{execution.duration_ms / 1000:.1f}"),
            ("Tokens", f"{usage.input_tokens} in, {usage.output_tokens} out"),
        ),
        (f"%agent task notebook {execution.id}",),
    )


def _schedule(session: Session, actor: Actor, name: str, rest: str) -> Waits[Help]:
    words = " ".join(_words(rest)).split()
    given = variables_from(word for word in words if "=" in word)
    words = [word for word in words if "=" not in word]
    if len(words) not in (5, 6):
        raise AgentError(
            "%agent task schedule NAME needs five fields and maybe a time zone:"
            " %agent task schedule Daily 0 9 * * MON-FRI Europe/Berlin"
        )
    plan = SchedulePlan(
        cron=" ".join(words[:5]), timezone="".join(words[5:]) or "UTC", variables=given
    )
    task = yield from _task(session, actor, name)
    changes = TaskChanges(schedule=plan)
    changed = session.host.submit(lambda core: core.tasks.update(actor, task.id, changes))
    yield from until(changed)
    return (yield from _next(session, actor, task.id, ""))


def _unschedule(session: Session, actor: Actor, name: str, _rest: str) -> Waits[Help]:
    task = yield from _task(session, actor, name)
    changes = TaskChanges(is_unscheduled=True)
    yield from until(session.host.submit(lambda core: core.tasks.update(actor, task.id, changes)))
    return Help(f"{task.name} runs only when somebody asks.")


def _next(session: Session, actor: Actor, name: str, rest: str) -> Waits[Help]:
    if rest and not rest.isdecimal():
        raise AgentError(f"%agent task next NAME takes a number, not {rest!r}")
    task = yield from _task(session, actor, name)
    told = session.host.submit(lambda core: _next_of(core, actor, task, int(rest or 5)))
    return Help("\n".join((yield from until(told))))


async def _next_of(core: Core, actor: Actor, task: Task, count: int) -> list[str]:
    if task.schedule is None:
        return ["not scheduled"]
    schedule = await core.schedules.get(actor, task.id)
    if schedule.next_run_at is None:
        return ["paused" if schedule.is_paused else "no further time comes"]
    zone = ZoneInfo(task.schedule.timezone)
    ticks = core.schedules.preview(task.schedule, count)
    return [f"{tick.astimezone(zone):%Y-%m-%d %H:%M %Z}" for tick in ticks]


async def _skipped(core: Core, actor: Actor, task: Task) -> str:
    """The last tick without an execution, and why; empty where there was none."""
    if task.schedule is None:
        return ""
    schedule = await core.schedules.get(actor, task.id)
    if schedule.last_skipped_at is None:
        return ""
    moment = schedule.last_skipped_at.astimezone(ZoneInfo(task.schedule.timezone))
    return f"{moment:%Y-%m-%d %H:%M %Z}: {schedule.last_skipped_reason}"


def _pause(session: Session, actor: Actor, name: str, _rest: str) -> Waits[Help]:
    task = yield from _task(session, actor, name)
    yield from until(session.host.submit(lambda core: core.schedules.pause(actor, task)))
    return Help(f"{task.name} is paused.")


def _resume(session: Session, actor: Actor, name: str, _rest: str) -> Waits[Help]:
    task = yield from _task(session, actor, name)
    yield from until(session.host.submit(lambda core: core.schedules.resume(actor, task)))
    return (yield from _next(session, actor, task.id, ""))


def _notebook(session: Session, actor: Actor, name: str, _rest: str) -> Waits[ExecutedNotebook]:
    async def read(core: Core) -> tuple[str, bytes]:
        execution = await find_execution(core.executions, core.tasks, actor, name)
        return execution.id, (await core.executions.artifact(actor, execution.id, EXECUTED))[1]

    id, content = yield from until(session.host.submit(read))
    return ExecutedNotebook(id, tuple(json.loads(content)["cells"]))


def _executions(session: Session, actor: Actor, name: str, _rest: str) -> Waits[pd.DataFrame]:
    task = yield from _task(session, actor, name)
    wish = ListExecutions(task_id=task.id)
    page = yield from until(session.host.submit(lambda core: core.executions.list(actor, wish)))
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "execution": execution.id,
                "state": execution.state,
                "trigger": execution.trigger,
                "began": execution.started_at or execution.created_at,
                "seconds": round(execution.duration_ms / 1000, 1),
                "error": execution.error_message,
            }
            for execution in page.items
        ]
    )


def _cancel(session: Session, actor: Actor, name: str, _rest: str) -> Waits[Help]:
    async def cancel(core: Core) -> Execution:
        execution = await find_execution(core.executions, core.tasks, actor, name)
        return await core.executions.cancel(actor, execution.id)

    ended = yield from until(session.host.submit(cancel))
    return Help(f"{ended.id} {ended.state if ended.is_final else 'is asked to end'}")


def _delete(session: Session, actor: Actor, name: str, _rest: str) -> Waits[Help]:
    task = yield from _task(session, actor, name)
    yield from until(session.host.submit(lambda core: core.tasks.delete(actor, task.id)))
    return Help(f"{task.name} is deleted, with what its executions made.")


async def _list(core: Core, actor: Actor) -> pd.DataFrame:
    tasks = (await core.tasks.list(actor, ListTasks(limit=MAX_TASKS))).items
    schedules = await core.schedules.of_tasks([task.id for task in tasks])
    import pandas as pd

    columns = ["task", "schedule", "next", "is_paused", "prompt"]
    rows = []
    for task in tasks:
        known = schedules.get(task.id)
        plan = f"{task.schedule.cron} {task.schedule.timezone}" if task.schedule else ""
        due = known.next_run_at if known else None
        is_paused = known is not None and known.is_paused
        rows.append((task.name, plan, due, is_paused, task.notebook or task.prompt_template))
    return pd.DataFrame(rows, columns=columns)


def _text_of(output: dict[str, Any]) -> str:
    """An output of a cell, as text."""
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "".join(text)


_ONE: dict[str, Callable[[Session, Actor, str, str], Waits[Any]]] = {
    "create": _create,
    "show": _show,
    "run": _run,
    "schedule": _schedule,
    "unschedule": _unschedule,
    "next": _next,
    "pause": _pause,
    "resume": _resume,
    "executions": _executions,
    "notebook": _notebook,
    "cancel": _cancel,
    "delete": _delete,
}
