"""A core whose dialects can all start runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.events import EventBody, WorkflowStepFinished, WorkflowStepStarted
from notebook_agents.core.users import Actor
from notebook_agents.core.workflows import WorkflowAnswer, WorkflowTask
from notebook_agents.testing import ScriptedEngine, fake_core


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
    return fake_core(engine=engine, home=tmp_path / "workspaces", workflows=workflows)
