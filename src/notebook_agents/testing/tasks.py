"""A runner of executions that runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.execution_events import CellFinished, CellStarted, ExecutionStarted
from notebook_agents.core.executions import Artifact, Execution, Outcome, Progress

NOTEBOOK = "executed.ipynb"


class ScriptedRunner:
    """Answers the TaskRunner port with the outcomes it is given, one after another.

    An outcome of None works until it is stopped. Without outcomes everything succeeds.
    """

    def __init__(self, *outcomes: Outcome | None, places: int | None = None) -> None:
        self.places = places
        self.ran: list[Execution] = []
        self.ways: list[Mapping[str, str]] = []
        self.notebooks: dict[str, Sequence[str]] = {}
        """The parameters of the notebooks there are, by path."""
        self.is_working = asyncio.Event()
        """Set while one works until it is stopped."""
        self._outcomes = list(outcomes)
        self._stops: dict[str, asyncio.Event] = {}
        self._files: dict[str, bytes] = {}

    async def check(self, notebook: str) -> Sequence[str]:
        """Its parameters."""
        if notebook not in self.notebooks:
            raise InvalidRequest(f"there is no notebook {notebook!r}", field="notebook_path")
        return self.notebooks[notebook]

    async def run(
        self, execution: Execution, way: Mapping[str, str], tell: Callable[[Progress], None]
    ) -> Outcome:
        """Tell of one cell, then end as it was said."""
        self.ran.append(execution)
        self.ways.append(way)
        id = execution.id
        outcome = self._outcomes.pop(0) if self._outcomes else Outcome(state="succeeded")
        tell(ExecutionStarted(execution_id=id, task_id=execution.task_id, seq=0))
        tell(CellStarted(execution_id=id, seq=0, cell_index=0, n_cells=1, n_code_cells=1))
        if outcome is None:
            outcome = await self._until_stopped(id)
        status = "succeeded" if outcome.state == "succeeded" else "failed"
        tell(CellFinished(execution_id=id, seq=0, cell_index=0, status=status))  # type: ignore[arg-type]
        self._files[id] = b'{"cells": []}'
        return outcome

    async def _until_stopped(self, id: str) -> Outcome:
        stop = self._stops[id] = asyncio.Event()
        self.is_working.set()
        await stop.wait()
        self.is_working.clear()
        return Outcome(state="failed", error_code="cell_failed", error_message="KeyboardInterrupt")

    async def stop(self, id: str, *, grace_s: float) -> None:
        """Interrupt at once."""
        if id in self._stops:
            self._stops[id].set()

    async def artifacts(self, id: str) -> Sequence[Artifact]:
        """An empty notebook."""
        if id not in self._files:
            return ()
        size = len(self._files[id])
        kind = "application/x-ipynb+json"
        return (Artifact(name=NOTEBOOK, media_type=kind, size_bytes=size),)

    async def read(self, id: str, name: str) -> bytes:
        """It."""
        if name != NOTEBOOK or id not in self._files:
            raise NotFound("artifact", name)
        return self._files[id]

    async def remove(self, id: str) -> None:
        """Forget it."""
        self._files.pop(id, None)

    async def aclose(self) -> None:
        """Nothing runs."""
