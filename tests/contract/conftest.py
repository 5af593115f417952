"""A core whose dialects can all start runs, and two people who must not see each other's things."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.events import EventBody, WorkflowStepFinished, WorkflowStepStarted
from notebook_agents.core.users import Actor
from notebook_agents.core.workflows import WorkflowAnswer, WorkflowTask
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import MemoryReports, ScriptedEngine, fake_core
from notebook_agents_server.testing import Answer, Client, with_account

NOTHING = "00000000000070008000000000000000"


class OneStep:
    """A workflow that finds nothing, at once."""

    name = "optimization"

    async def check(self, actor: Actor, parameters: Mapping[str, Any]) -> None:
        """Take everything."""

    async def work(self, task: WorkflowTask) -> AsyncGenerator[EventBody | WorkflowAnswer, None]:
        """One step and its answer."""
        yield WorkflowStepStarted(step="triage", message="begins", progress=0)
        yield WorkflowStepFinished(step="triage", message="is done", progress=100)
        yield WorkflowAnswer(
            text="Nothing to do.",
            result={"recommendations": [], "supply_config": {}, "metrics": {}, "actions": []},
        )


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    workflows = {OneStep.name: OneStep()}
    return fake_core(
        engine=engine,
        home=tmp_path / "workspaces",
        workflows=workflows,
        report_files=MemoryReports(),
        timetable=CronTimetable(),
    )


@dataclass(frozen=True, slots=True)
class Two:
    """Two people, and what the first has."""

    ann: Client
    bob: Client


@pytest.fixture
async def two(client: Client, core: Core) -> AsyncGenerator[Two, None]:
    found = [await with_account(client, core, name) for name in ("ann", "bob")]
    yield Two(*found)  # noqa: PT022 - only generators run on the loop of the tests


async def check_hidden(two: Two, verb: str, path: str, id: str, body: Any = None) -> None:
    """Bob hears of Ann's thing what he hears of none, and Ann still has it."""
    theirs = await two.bob.ask(verb, path.format(id), body, X_Request_ID="same")
    none = await two.bob.ask(verb, path.format(NOTHING), body, X_Request_ID="same")
    assert theirs.status == none.status == 404, (verb, path, theirs.body)
    assert without_time_and_id(theirs) == without_time_and_id(none)


def without_time_and_id(answer: Answer) -> str:
    text = re.sub(r'"timestamp": "[^"]*"', "", answer.body.decode())
    return re.sub(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", "ID", text)
