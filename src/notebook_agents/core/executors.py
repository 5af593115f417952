"""Executors: where the processes of executions run, on this machine or on others.

An executor says how many may run at once. What a process is told lies in a folder, what it tells
comes line by line, and nothing else passes between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One process to run."""

    id: str
    """The execution's."""
    folder: str
    """Absolute; what the process needs is there, and what it makes goes there."""
    environment: Mapping[str, str]
    """All that the process finds in its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a process ended."""

    exit_code: int | None
    """None when nobody knows: what it ran on was lost."""
    detail: str = ""
    """The last lines it wrote to its log."""


class Executor(Protocol):
    """Runs jobs."""

    @property
    def places(self) -> int | None:
        """How many jobs may run at once; None where whatever runs them keeps a queue itself."""
        ...

    async def run(self, job: Job, tell: Callable[[bytes], None]) -> JobEnd:
        """Run the job to its end.

        ``tell`` is called on the event loop with every line. Cancelling the awaiting task kills
        the process and its kernel at once.
        """
        ...

    async def stop(self, id: str, *, grace_s: float) -> None:
        """Ask a job to write what there is and end, and kill it when it does not in time."""
        ...

    async def aclose(self) -> None:
        """Kill what still runs."""
        ...
