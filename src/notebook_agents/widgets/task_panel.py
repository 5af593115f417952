"""The task panel: saved prompts and notebooks, when they run, what they do and what they made."""

from __future__ import annotations

import json
from contextlib import aclosing
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from notebook_agents.core.execution_events import CellFinished, CellStarted
from notebook_agents.core.executions import ListExecutions, StartExecution
from notebook_agents.core.forecasts import words_of
from notebook_agents.core.schedule_words import schedule_in_words
from notebook_agents.core.task_words import find_task, progress_line, variables_from
from notebook_agents.core.tasks import MAX_TASKS, ListTasks
from notebook_agents.dashboards.tables import NOTHING, Table, download
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.waiting import Feed, Waits, until
from notebook_agents.widgets.panel import LABELS, WIDE, Panel, button
from notebook_agents.widgets.task_form import N_PREVIEWED, TaskForm, local

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.executions import Artifact, Execution
    from notebook_agents.core.schedules import Schedule
    from notebook_agents.core.tasks import Task
    from notebook_agents.magics.session import Session

MAX_LINKED_BYTES = 4 << 20
"""A larger file is saved in the folder instead."""
MAX_EXECUTIONS = 20
TICK_S = 0.5
EMPTY = "No tasks yet. Make one below, or with: %agent task create NAME PROMPT"


class TaskPanel(Panel):
    """Your tasks; ``tasks`` and ``executions`` are what is shown."""

    heading = "Tasks"

    def __init__(self, session: Session, name: str | None = None) -> None:
        super().__init__(session)
        self.tasks: tuple[Task, ...] = ()
        self.schedules: dict[str, Schedule] = {}
        self.executions: tuple[Execution, ...] = ()
        self._followed: set[str] = set()
        self._looked_up: dict[str, int] = {}
        """Tasks whose forecasts are on their way, and how often they were wished for."""
        self._make_controls()
        self.form = TaskForm(self, self._made)
        actor = self.actor
        first = self.core(lambda core: find_task(core.tasks, actor, name)).id if name else ""
        self.on_change(self.choice, self._show_task)
        self.on_change(self.listed, self._show_execution)
        self.refresh(first)
        making = ipywidgets.Accordion([self.form], titles=("New task",), selected_index=None)
        first_buttons, others = self.buttons[:1], self.buttons[1:]
        row = ipywidgets.HBox(
            (*first_buttons, self.expected, *others), layout={"flex_flow": "row wrap"}
        )
        self.fill(self.choice, self.about, self.given, row, self.bar, self.progress, self.listed,
                  self.artifacts, making)  # fmt: skip

    @property
    def task(self) -> Task | None:
        """The one that is chosen."""
        return next((task for task in self.tasks if task.id == self.choice.value), None)

    def refresh(self, chosen: str = "") -> None:
        """Read tasks and executions anew."""
        actor = self.actor
        wanted = chosen or self.choice.value

        async def read(core: Core) -> tuple[Any, Any]:
            tasks = (await core.tasks.list(actor, ListTasks(limit=MAX_TASKS))).items
            return tasks, await core.schedules.of_tasks([task.id for task in tasks])

        self.tasks, self.schedules = self.core(read)
        options = [(self._label(task), task.id) for task in self.tasks]
        if list(self.choice.options) != options:
            self.choice.options = options
        known = [id for _, id in options]
        self.choice.value = wanted if wanted in known else next(iter(known), None)
        self._show_task()

    def lines(self) -> list[str]:
        """Whether there is anything."""
        return [] if self.tasks else [EMPTY]

    def tables(self) -> list[Table]:
        """The tasks, and the executions of the chosen one."""
        tasks = tuple((task.name, *self._times(task), _asks(task)) for task in self.tasks)
        chosen = self.task
        executions = tuple(
            (each.id, each.state, each.trigger, _moment(each), round(each.duration_ms / 1000, 1),
             each.error_message)
            for each in self.executions
        )  # fmt: skip
        return [
            Table(caption="Tasks", columns=("task", "runs", "next", "does"), rows=tasks),
            Table(
                caption=f"Executions of {chosen.name}" if chosen else "Executions",
                columns=("execution", "state", "trigger", "began", "seconds", "error"),
                rows=executions,
            ),
        ]

    def run_now(self) -> None:
        """Start the chosen task here, and show what it does."""
        task = self._chosen()
        variables = variables_from(self.given.value.split())
        wish = StartExecution(task_id=task.id, variables=variables)
        actor = self.actor
        execution = self.core(lambda core: core.executions.start(actor, wish))
        self._show_executions(task, execution.id)
        self.follow(execution.id)

    def follow(self, id: str) -> None:
        """Show the progress of an execution, cell by cell, until it ends."""
        if id not in self._followed:
            self._followed.add(id)
            self.progress.value = ""
            self.start(self._follow(id), "a task panel's execution")

    def _make_controls(self) -> None:
        wide = {"layout": WIDE, "style": LABELS}
        self.choice = ipywidgets.Select(description="Task", rows=5, **wide)
        self.about = ipywidgets.HTML()
        self.given = ipywidgets.Text(
            description="With", placeholder="variables: name=value name=value", **wide
        )
        self.run = self.on_click(button("Run now", "", "primary"), self.run_now)
        self.expected = ipywidgets.HTML()
        """What the button is likely to take."""
        self.pause = self.on_click(button("Pause", "Leave its times out"), self._pause)
        self.cancel = self.on_click(button("Cancel", "End the execution"), self._cancel)
        self.delete = self.on_click(button("Delete", "Forget the task", "danger"), self._delete)
        self.reload = self.on_click(button("Refresh"), self.refresh)
        self.buttons = (self.run, self.pause, self.cancel, self.reload, self.delete)
        self.bar = ipywidgets.IntProgress(description="Cells", min=0, max=1, **wide)
        self.bar.layout.display = "none"
        self.progress = ipywidgets.HTML()
        self.listed = ipywidgets.Select(description="Executions", rows=5, **wide)
        for control in (self.choice, self.listed):
            control.add_class("na-listbox")
        self.artifacts = ipywidgets.VBox()

    def _label(self, task: Task) -> str:
        words, due = self._times(task)
        return f"{task.name:<24} {words}" + (f" · next {due}" if due != NOTHING else "")

    def _times(self, task: Task) -> tuple[str, str]:
        """When it runs, in words, and when next."""
        if task.schedule is None:
            return "when you ask", NOTHING
        known = self.schedules.get(task.id)
        words = schedule_in_words(task.schedule)
        if known is None or known.next_run_at is None:
            is_paused = known is not None and known.is_paused
            return words, "paused" if is_paused else NOTHING
        return words, local([known.next_run_at], task.schedule)[0]

    def _show_task(self) -> None:
        task = self.task
        self.delete.description = "Delete"
        self._tell_expected("")
        for control in (self.run, self.pause, self.cancel, self.delete):
            control.disabled = task is None
        if task is None:
            self.about.value = f"<p>{escape(EMPTY)}</p>"
            self.executions, self.listed.options = (), ()
            return
        names = self.core(lambda core: core.tasks.names_of(task))
        known = self.schedules.get(task.id)
        is_paused = known is not None and known.is_paused
        self.pause.description = "Resume" if is_paused else "Pause"
        self.pause.disabled = task.schedule is None
        told = [f"<b>{escape(task.name)}</b>: {escape(_asks(task))}"]
        if names:
            told.append(f"Variables: {escape(', '.join(sorted(names)))}")
        if task.schedule is not None:
            told.append(f"Runs {escape(schedule_in_words(task.schedule))}. {self._next(task)}")
        self.about.value = "".join(f"<p>{line}</p>" for line in told)
        self._show_executions(task)
        self._look_up(task)

    def _look_up(self, task: Task) -> None:
        """Have the forecast read, anew if it is on its way; the panel does not wait for it."""
        is_on_its_way = task.id in self._looked_up
        self._looked_up[task.id] = self._looked_up.get(task.id, 0) + 1
        if not is_on_its_way:
            self.start(self._expect(task), "a task panel's forecast")

    def _expect(self, task: Task) -> Waits[None]:
        id, actor = task.id, self.actor

        async def read(core: Core) -> str:
            forecast = await core.forecasts.of_task(actor.user_id, id)
            return words_of(forecast) if forecast else ""

        words, n_wanted = "", 0
        try:
            while n_wanted != self._looked_up[id]:  # an execution may have ended meanwhile
                n_wanted = self._looked_up[id]
                words = yield from until(self.session.host.submit(read))
        finally:
            del self._looked_up[id]
        if self.task is not None and self.task.id == id:
            self._tell_expected(words)

    def _tell_expected(self, words: str) -> None:
        """Beside the button; as its hint too, which screen readers read with its name."""
        told = f"Expect {words}" if words else ""
        self.run.tooltip = told or self.run.description
        self.expected.value = f'<span role="status">{escape(told)}</span>' if told else ""

    def _next(self, task: Task) -> str:
        plan, known = task.schedule, self.schedules.get(task.id)
        if plan is None or known is None or known.next_run_at is None:
            return "It is paused." if known is not None and known.is_paused else "No time comes."

        async def look(core: Core) -> Any:
            return core.schedules.preview(plan, N_PREVIEWED)

        return f"Next: {escape(', '.join(local(self.core(look), plan)))}"

    def _show_executions(self, task: Task, chosen: str = "") -> None:
        actor = self.actor
        wish = ListExecutions(task_id=task.id, limit=MAX_EXECUTIONS)
        self.executions = self.core(lambda core: core.executions.list(actor, wish)).items
        wanted = chosen or self.listed.value
        options = [(_execution_label(each), each.id) for each in self.executions]
        self.listed.options = options
        known = [id for _, id in options]
        self.listed.value = wanted if wanted in known else next(iter(known), None)
        self._show_execution()
        self.rest()

    def _show_execution(self) -> None:
        execution = next((e for e in self.executions if e.id == self.listed.value), None)
        if execution is None:
            self.artifacts.children = ()
            return
        actor, id = self.actor, execution.id
        if not execution.is_final:
            self.follow(id)
        made = self.core(lambda core: core.executions.artifacts(actor, id))
        rows = [self._artifact(id, each) for each in made]
        told = f"Files of {id[:8]} ({execution.state})" if rows else "No files yet."
        error = f"<p class='na-bad'>{escape(execution.error_message)}</p>"
        words = f"<p>{escape(told)}</p>{error if execution.error_message else ''}"
        self.artifacts.children = (ipywidgets.HTML(words), *rows)

    def _artifact(self, id: str, artifact: Artifact) -> Any:
        """A file: a link that downloads it, and a button that puts it into the folder."""
        actor, name = self.actor, artifact.name
        label = f"{name} ({artifact.size_bytes / 1000:,.1f} kB)"

        def read() -> bytes:
            return self.core(lambda core: core.executions.artifact(actor, id, name))[1]

        link = escape(label)
        if artifact.size_bytes <= MAX_LINKED_BYTES:
            link = download(name, read(), artifact.media_type, label)

        def save() -> None:
            path = Path(f"{id[:8]}-{Path(name).name}")
            path.write_bytes(read())
            self.say(f"Saved as {path}; open it from the file browser.")

        saving = self.on_click(button("Save here", f"Save {name} in the folder"), save)
        return ipywidgets.HBox([ipywidgets.HTML(link), saving])

    def _follow(self, id: str) -> Waits[None]:
        actor, feed = self.actor, Feed()

        async def read(core: Core) -> None:
            async with aclosing(core.executions.events(actor, id)) as events:
                async for event in events:
                    feed.put(event.body)

        finished = self.session.host.submit(read)
        lines: list[str] = []
        while not finished.done():
            yield feed.changed(), TICK_S
            self._draw_progress(feed.take(), lines)
        yield from until(finished)
        self._draw_progress(feed.take(), lines)
        self._followed.discard(id)
        if (task := self.task) is not None:
            self._show_executions(task, id)
            self._look_up(task)

    def _draw_progress(self, bodies: list[Any], lines: list[str]) -> None:
        for body in bodies:
            if isinstance(body, CellStarted):
                self.bar.layout.display = "flex"
                self.bar.max, self.bar.value = body.n_cells, body.cell_index
            if isinstance(body, CellFinished):
                self.bar.value = body.cell_index + 1
            lines += filter(None, [progress_line(body)])
        text = escape("\n".join(lines))
        self.progress.value = f'<pre role="log" aria-label="Progress">{text}</pre>'

    def _pause(self) -> None:
        task, actor = self._chosen(), self.actor
        known = self.schedules.get(task.id)
        if known is not None and known.is_paused:
            self.core(lambda core: core.schedules.resume(actor, task))
            self.say(f"{task.name} goes on with its next time.")
        else:
            self.core(lambda core: core.schedules.pause(actor, task))
            self.say(f"{task.name} is paused.")
        self.refresh()

    def _cancel(self) -> None:
        actor, id = self.actor, self.listed.value
        if id is None:
            raise AgentError("there is no execution to cancel")
        ended = self.core(lambda core: core.executions.cancel(actor, id))
        self.say(f"{id[:8]} {ended.state if ended.is_final else 'is asked to end'}")
        self._show_executions(self._chosen())

    def _delete(self) -> None:
        """Ask once more, by the button itself."""
        task, actor = self._chosen(), self.actor
        sure = f"Delete {task.name}: sure?"
        if self.delete.description != sure:
            self.delete.description = sure
            return
        self.delete.description = "Delete"
        self.core(lambda core: core.tasks.delete(actor, task.id))
        self.say(f"{task.name} is deleted, with what its executions made.")
        self.refresh()

    def _made(self, task: Task) -> None:
        self.refresh(task.id)
        self.say(f"{task.name} is saved.")

    def _chosen(self) -> Task:
        if (task := self.task) is None:
            raise AgentError("choose a task first")
        return task


def _asks(task: Task) -> str:
    return f"notebook {task.notebook}" if task.notebook else task.prompt_template


def _moment(execution: Execution) -> str:
    return f"{execution.started_at or execution.created_at:%Y-%m-%d %H:%M:%S %Z}"


def _execution_label(execution: Execution) -> str:
    given = json.dumps(execution.variables) if execution.variables else ""
    took = f"{execution.duration_ms / 1000:.1f} s" if execution.is_final else ""
    return f"{_moment(execution)}  {execution.state:<11} {execution.trigger:<8} {took:>8}  {given}"
