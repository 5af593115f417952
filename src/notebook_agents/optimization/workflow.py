"""The workflow: triage, data, optimization, actions, report.

Each step is an event when it begins and when it ends. Everything but the words of the report is
computed; work on tables and the search run on threads and end when the run is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import (
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
)
from notebook_agents.core.events import (
    EventBody,
    Warned,
    WorkflowStepFinished,
    WorkflowStepStarted,
)
from notebook_agents.core.workflows import WorkflowAnswer, WorkflowTask
from notebook_agents.core.workloads import (
    RECORDED_ID,
    RESERVED_NAMES,
    Workload,
    Workloads,
    without_prefix,
)
from notebook_agents.optimization import results
from notebook_agents.optimization.catalogue import Catalogue, load_catalogue
from notebook_agents.optimization.choosing import Choice, choose
from notebook_agents.optimization.database import Leash, database, lock
from notebook_agents.optimization.notes import notes_of, reason_for
from notebook_agents.optimization.pools import Survey, survey
from notebook_agents.optimization.recorded import STEPS_SQL, load_recorded
from notebook_agents.optimization.report import INSTRUCTIONS, facts_text, is_faithful, report_text
from notebook_agents.optimization.requests import Wish, parse_wish

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Analytics
    from notebook_agents.core.ports import Clock, Engine
    from notebook_agents.core.users import Actor
    from notebook_agents.optimization.tables import ParquetTables

NAME = "optimization"
HOURS_PER_DAY = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPorts:
    """What the workflow works with."""

    workloads: Workloads
    tables: ParquetTables
    analytics: Analytics
    engine: Engine
    clock: Clock
    home: Path
    """Where an edited price catalogue is looked for."""
    price_catalogue: str = ""
    """Path of another one."""


class OptimizationWorkflow:
    """Answers the Workflow port."""

    name = NAME

    def __init__(self, ports: WorkflowPorts) -> None:
        self._ports = ports

    async def check(self, actor: Actor, parameters: Mapping[str, Any]) -> None:
        """Refuse wrong parameters, unknown workloads and a broken price catalogue."""
        wish = parse_wish("", parameters)
        catalogue = await _catalogue(self._ports)
        _check_gpu_types(wish, catalogue)
        # What is always there needs no look, so that a run of it begins at once.
        if wish.workload and without_prefix(wish.workload) not in RESERVED_NAMES:
            await self._ports.workloads.get(actor, wish.workload)

    async def work(self, task: WorkflowTask) -> AsyncGenerator[EventBody | WorkflowAnswer, None]:
        """Do the five steps."""
        job = _Job(self._ports, task)
        steps: tuple[tuple[str, str, Callable[[], Awaitable[str]]], ...] = (
            ("triage", "Reading the request", job.triage),
            ("data", "Summing the workload up", job.data),
            ("optimization", "Evaluating changes", job.optimization),
            ("actions", "Ordering the steps", job.actions),
            ("report", "Writing the report", job.report),
        )
        for n, (step, begin, work) in enumerate(steps):
            progress = 100 * n // len(steps)
            yield WorkflowStepStarted(step=step, agent=step, message=begin, progress=progress)
            started = self._ports.clock.monotonic()
            end = await work()
            if job.warning:
                yield Warned(code="report_by_rule", message=job.warning)
            yield WorkflowStepFinished(
                step=step,
                agent=step,
                message=end,
                progress=100 * (n + 1) // len(steps),
                duration_ms=(self._ports.clock.monotonic() - started) * 1000,
            )
        yield WorkflowAnswer(text=job.text, result=job.result)


class _Job:
    """One run of the workflow: each step leaves what the next one needs."""

    wish: Wish
    catalogue: Catalogue
    workload: Workload | None
    """None for recorded runs."""
    survey: Survey
    choice: Choice | None = None

    def __init__(self, ports: WorkflowPorts, task: WorkflowTask) -> None:
        self._ports, self._task = ports, task
        self.result: dict[str, Any] = {}
        self.text = ""
        self.warning = ""
        self._chosen_here = ""
        """What was taken because the request names no workload."""

    async def triage(self) -> str:
        """Find out what is wanted, of which workload, at which prices."""
        self.wish = parse_wish(self._task.message, self._task.parameters)
        self.catalogue = await _catalogue(self._ports)
        _check_gpu_types(self.wish, self.catalogue)
        self.workload = await self._chosen_workload()
        name = self.workload.name if self.workload else "recorded runs"
        kept = ", ".join(self.wish.constraints) or "no constraints"
        return f"Priority {self.wish.priority} for {name}, {kept}"

    async def data(self) -> str:
        """Sum the rows up."""
        if self.workload is None:
            await self._survey_recorded()
        else:
            await self._ports.tables.worker.run(self._survey_workload)
        return f"{self.survey.n_rows} rows in {len(self.survey.pools)} groups that run alike"

    async def optimization(self) -> str:
        """Evaluate candidates and choose."""
        if not self.survey.pools:
            return "Nothing that could be evaluated"

        def work(leash: Leash) -> Choice:
            return choose(self.survey, self.wish, self.catalogue, look=leash.check)

        self.choice = await self._ports.tables.worker.run(work)
        return f"{len(self.choice.steps)} of {self.choice.n_evaluated} changes chosen"

    async def actions(self) -> str:
        """Put the result together, with the steps in order."""
        workload = self.workload
        self.result = {
            **results.empty(),
            "workload": {
                "id": workload.id if workload else RECORDED_ID,
                "name": workload.name if workload else "recorded runs",
                "n_rows": self.survey.n_rows,
            },
            "request": _shown(self.wish),
            "notes": notes_of(self.survey, self.wish, self.choice, chosen_here=self._chosen_here),
            "reason": reason_for(self.survey, self.wish, self.choice, is_recorded=workload is None),
            "alternatives": [],
        }
        if self.choice is not None:
            self._add_choice(self.choice)
        n = len(self.result["actions"])
        return f"{n} steps in order" if n else "No steps: nothing is recommended"

    async def report(self) -> str:
        """Put the facts into words."""
        self.text, by = report_text(self.result), "rule"
        if self.result["recommendations"]:
            try:
                words = await self._task.write(INSTRUCTIONS, facts_text(self.result))
            except (EngineUnavailable, LimitExceeded, InvalidRequest) as error:
                self.warning = f"the model could not write the report: {error.message}"
            else:
                if is_faithful(words, self.result):
                    self.text, by = words.strip(), "model"
                else:
                    self.warning = (
                        "the model's report had a number that is no fact or left a recommendation"
                        " out; the report was made by rule"
                    )
        self.result["report_by"] = by
        return "Report written by the model" if by == "model" else "Report made by rule"

    def _add_choice(self, choice: Choice) -> None:
        found, catalogue = self.survey, self.catalogue
        self.result["alternatives"] = results.alternatives(found, choice, catalogue)
        if choice.steps:
            self.result["recommendations"] = results.recommendations(found, choice, catalogue)
            self.result["supply_config"] = results.supply_config(found, choice, catalogue)
            self.result["metrics"] = results.metrics(found, choice, catalogue)
            self.result["actions"] = results.actions(found, choice)
        else:
            self.result["baseline"] = results.figures(found, choice.baseline, catalogue.currency)

    async def _chosen_workload(self) -> Workload | None:
        """The named one; without a name the newest of the caller, else the recorded runs."""
        actor, name = self._task.actor, self.wish.workload
        if not name:
            newest = await self._ports.workloads.list(actor, limit=1)
            self._chosen_here = "the newest one was" if newest.items else "recorded runs were"
            return newest.items[0] if newest.items else None
        if without_prefix(name) == RECORDED_ID:
            return None
        return await self._ports.workloads.get(actor, name)

    def _survey_workload(self, leash: Leash) -> None:
        assert self.workload is not None, "recorded runs have no table of their own"
        with self._ports.tables.opened(self.workload, leash) as connection:
            self.survey = survey(connection, self.catalogue, period_hours=self._period_hours())

    async def _survey_recorded(self) -> None:
        # As this user, whoever that is: nobody's recorded runs are looked at but one's own.
        steps = await self._ports.analytics.query(STEPS_SQL, owner_id=self._task.actor.user_id)
        device = (await self._ports.engine.health()).device

        def work(leash: Leash) -> None:
            with database() as connection:
                leash.hold(connection)
                load_recorded(connection, steps, device)
                lock(connection)
                self.survey = survey(connection, self.catalogue, period_hours=self._period_hours())

        await self._ports.tables.worker.run(work)

    def _period_hours(self) -> float | None:
        days = self.wish.period_days
        return None if days is None else days * HOURS_PER_DAY


def _shown(wish: Wish) -> dict[str, Any]:
    """The request as it was understood, and where each part came from."""
    return {
        "priority": wish.priority,
        "budget": wish.budget,
        "constraints": list(wish.constraints),
        "allow_smaller_model": wish.allows_smaller_model,
        "origins": dict(wish.origins),
    }


def _check_gpu_types(wish: Wish, catalogue: Catalogue) -> None:
    for name in wish.limits.gpu_types:
        if catalogue.find(name) is None:
            known = ", ".join(gpu.name for gpu in catalogue.gpu)
            raise InvalidRequest(
                f"the price catalogue has no GPU type {name[:60]!r}; it has: {known}",
                field="parameters.constraints",
            )


async def _catalogue(ports: WorkflowPorts) -> Catalogue:
    # Not on the threads for tables: a new request must not wait for the work of others.
    return await asyncio.to_thread(load_catalogue, ports.home, ports.price_catalogue)
