"""A core with real workloads and the real workflow over a scripted model, and short words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.events import Event
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.core.workloads import RegisterWorkload, Workload, WorkloadPorts, Workloads
from notebook_agents.optimization.catalogue import Catalogue, load_catalogue
from notebook_agents.optimization.database import Leash, database, lock
from notebook_agents.optimization.intake import load
from notebook_agents.optimization.pools import Survey, survey
from notebook_agents.optimization.tables import ParquetTables, TablePorts
from notebook_agents.optimization.workflow import OptimizationWorkflow, WorkflowPorts
from notebook_agents.testing import FakeClock, MemoryStore, ScriptedEngine, fake_core
from notebook_agents.testing.store import MemoryAnalytics, MemoryEventLog
from notebook_agents.testing.tools import FakeSandbox

ANN = Actor(user_id="ann", username="ann")
BEN = Actor(user_id="ben", username="ben")


def csv_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as a CSV upload."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names)]
    lines += [",".join(str(row.get(name, "")) for name in names) for row in rows]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture
def catalogue() -> Catalogue:
    return load_catalogue(Path("/nowhere"))


Look = Callable[..., Survey]


@pytest.fixture
def look(tmp_path: Path, catalogue: Catalogue) -> Look:
    """The survey of rows, read as an upload is."""

    def work(rows: Iterable[Mapping[str, Any]], **options: Any) -> Survey:
        path = tmp_path / "rows.csv"
        path.write_bytes(csv_of(rows))
        with database() as connection:
            Leash().hold(connection)
            load(connection, path)
            lock(connection)
            return survey(connection, options.pop("catalogue", catalogue), **options)

    return work


@dataclass
class Bench:
    """A core, its model, and one agent to run the workflow."""

    core: Core
    engine: ScriptedEngine
    home: Path
    tables: ParquetTables

    async def register(self, rows: Any, name: str = "mine", actor: Actor = ANN) -> Workload:
        content = rows if isinstance(rows, bytes) else csv_of(rows)
        wish = RegisterWorkload(name=name, content=content, format="csv")
        return await self.core.workloads.register(actor, wish)

    async def start(
        self, message: str = "Optimize it", actor: Actor = ANN, **parameters: Any
    ) -> Run:
        agent = await self.core.agents.ensure(actor, CreateAgent(name="Netra"))
        return await self.core.runs.start(
            actor,
            StartRun(
                agent_id=agent.id,
                message=user_message(message),
                workflow="optimization",
                parameters=parameters,
            ),
        )

    async def finish(
        self, message: str = "Optimize it", actor: Actor = ANN, **parameters: Any
    ) -> Run:
        run = await self.start(message, actor, **parameters)
        return await self.core.runs.wait(actor, run.id)

    async def events(self, run: Run, actor: Actor = ANN) -> list[Event]:
        async with aclosing(self.core.runs.events(actor, run.id)) as events:
            return [event async for event in events]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench, None]:
    home = tmp_path / "home"
    store, clock, log = MemoryStore(), FakeClock(), MemoryEventLog()
    analytics, engine, sandbox = MemoryAnalytics(log), ScriptedEngine(), FakeSandbox()
    tables = ParquetTables(
        TablePorts(folder=home / "workloads", scratch=home / "scratch", sandbox=sandbox)
    )
    workflow = OptimizationWorkflow(
        WorkflowPorts(
            workloads=Workloads(WorkloadPorts(store=store, clock=clock, tables=tables)),
            tables=tables,
            analytics=analytics,
            engine=engine,
            clock=clock,
            home=home,
        )
    )
    core = fake_core(
        home=home / "workspaces", engine=engine, store=store, clock=clock, event_log=log,
        analytics=analytics, sandbox=sandbox, workload_tables=tables,
        workflows={workflow.name: workflow},
    )  # fmt: skip
    yield Bench(core, engine, home, tables)
    await core.aclose()
