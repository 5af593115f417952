"""The part of the task panel that makes a task from a prompt, with the times it would run at."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import ipywidgets

from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.schedule_words import schedule_in_words
from notebook_agents.core.task_words import require_free_name, variables_from
from notebook_agents.core.tasks import CreateTask, Task, TaskSettings
from notebook_agents.widgets.panel import LABELS, WIDE, button

if TYPE_CHECKING:
    from datetime import datetime

    from notebook_agents.core.core import Core
    from notebook_agents.widgets.panel import Panel

CRONS = {
    "Only when I ask": "",
    "Every hour": "0 * * * *",
    "Every day at 09:00": "0 9 * * *",
    "Monday to Friday at 09:00": "0 9 * * MON-FRI",
    "Every Monday at 09:00": "0 9 * * MON",
    "On the first of each month at 09:00": "0 9 1 * *",
    "Other times (cron)": "cron",
}
OTHER = "cron"
N_PREVIEWED = 5


class TaskForm(ipywidgets.VBox):  # type: ignore[misc]
    """Name, prompt, variables and times of a new task."""

    def __init__(self, panel: Panel, made: Any) -> None:
        self._panel = panel
        self._made = made
        wide = {"layout": WIDE, "style": LABELS}
        self.name = ipywidgets.Text(description="Name *", **wide)
        about = "What is to be done; {{file}} is a variable"
        self.prompt = ipywidgets.Textarea(description="Prompt *", placeholder=about, **wide)
        self.variables = ipywidgets.Text(
            description="Variables", placeholder="file=sales.csv year=2026", **wide
        )
        self.times = ipywidgets.Dropdown(
            description="Runs", options=list(CRONS.items()), value="", **wide
        )
        self.cron = ipywidgets.Text(
            description="Cron", placeholder="minute hour day month weekday", **wide
        )
        self.zone = ipywidgets.Text(description="Time zone", value="UTC", **wide)
        self.preview = ipywidgets.HTML()
        self.create = panel.on_click(button("Create", "Save the task", "primary"), self.save)
        for control in (self.times, self.cron, self.zone):
            panel.on_change(control, self._look_ahead)
        super().__init__()
        self.children = (self.name, self.prompt, self.variables, self.times, self.cron, self.zone,
                         self.preview, self.create)  # fmt: skip
        self._look_ahead()

    @property
    def plan(self) -> SchedulePlan | None:
        """When it is to run by itself."""
        cron = self.cron.value if self.times.value == OTHER else self.times.value
        return SchedulePlan(cron=cron.strip(), timezone=self.zone.value.strip()) if cron else None

    def save(self) -> None:
        """Make the task; what is wrong is said by the panel."""
        variables = variables_from(self.variables.value.split())
        wish = CreateTask(
            name=self.name.value,
            prompt_template=self.prompt.value,
            schedule=self.plan,
            settings=TaskSettings(variables=variables),
        )
        actor = self._panel.actor

        async def make(core: Core) -> Task:
            await require_free_name(core.tasks, actor, wish.name)
            return await core.tasks.create(actor, wish)

        task = self._panel.core(make)
        for control in (self.name, self.prompt, self.variables):
            control.value = ""
        self.times.value = ""
        self._made(task)

    def _look_ahead(self) -> None:
        is_other = self.times.value == OTHER
        self.cron.layout.display = "flex" if is_other else "none"
        self.zone.layout.display = "flex" if self.times.value else "none"
        self.preview.value = ""
        plan = self.plan
        if plan is None:
            self._panel.say("")
            return

        async def look(core: Core) -> list[datetime]:
            return core.schedules.preview(plan, N_PREVIEWED)

        ticks = self._panel.core(look)
        self._panel.say("")
        told = f"Runs {schedule_in_words(plan)}; next: {', '.join(local(ticks, plan))}."
        self.preview.value = f"<p>{escape(told)} A server runs it, browser or not.</p>"


def local(ticks: list[datetime], plan: SchedulePlan) -> list[str]:
    """Moments on the clocks of the plan's zone."""
    zone = ZoneInfo(plan.timezone)
    return [f"{tick.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" for tick in ticks]
