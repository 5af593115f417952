"""Executions: what happens each time a task is done, from queued to a final state.

    queued ──► running ──► succeeded | failed | cancelled | timed_out | interrupted

An execution runs a notebook in a process of its own; its holder is the server that started that
process. It never goes back: a retry, and going on after a failure, are executions of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any, Literal, Protocol, TypeAlias

from notebook_agents.core.execution_events import (
    CellFinished,
    CellStarted,
    ExecutionEnd,
    ExecutionStarted,
)
from notebook_agents.core.models import Usage
from notebook_agents.core.tasks import TaskSettings

ExecutionState: TypeAlias = Literal["queued", "running"] | ExecutionEnd
OPEN_EXECUTIONS: tuple[ExecutionState, ...] = ("queued", "running")
RESUMABLE: tuple[ExecutionState, ...] = ("failed", "cancelled", "timed_out", "interrupted")
Trigger: TypeAlias = Literal["manual", "schedule", "retry", "resume"]
KERNEL_VARIABLE = "NOTEBOOK_AGENTS_EXECUTION"
"""Tells a kernel the id of the execution that it works for."""
MARK = "execution_id"
"""Names, in the metadata of a run, the execution that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One firing of a task."""

    id: str
    task_id: str
    owner_id: str
    dialect: str = ""
    state: ExecutionState = "queued"
    trigger: Trigger = "manual"
    scheduled_for: datetime | None = None
    """The tick of the schedule that it answers."""
    attempt: int = 1
    resumes: str = ""
    """The execution it goes on with."""
    followed_by: str = ""
    """The execution that retries it or goes on with it."""
    notebook: str = ""
    """Of the task as it was; empty is the built-in one."""
    variables: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    """What the notebook is given: the prompt with its variables, and the variables it has."""
    settings: TaskSettings = field(default_factory=TaskSettings)
    """The task's, as they were."""
    conversation_id: str
    agent_id: str
    holder: str = ""
    """The process that works on it; empty for one that any server may take."""
    not_before: datetime | None = None
    """When a retry may begin."""
    stop_wish: str = ""
    """Set by a process that is not its holder and wants it cancelled."""
    last_seq: int = 0
    """The number of its last event, once it is final."""
    failed_cell: int | None = None
    """Index of the cell that failed, in the notebook that it was made from."""
    error_code: str = ""
    error_message: str = ""
    failed_checks: tuple[str, ...] = ()
    usage: Usage = Usage()
    """Of all its runs."""
    n_runs: int = 0
    report_id: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    """When its task was deleted."""

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state not in OPEN_EXECUTIONS

    @property
    def notebook_name(self) -> str:
        """The name of its notebook's file; empty for the built-in one."""
        return PurePath(self.notebook).name

    @property
    def duration_ms(self) -> float:
        """From its start to its end; 0 until then."""
        if self.ended_at is None:
            return 0.0
        return (self.ended_at - (self.started_at or self.created_at)).total_seconds() * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StartExecution:
    """The wish to do a task now."""

    task_id: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    trigger: Trigger = "manual"
    scheduled_for: datetime | None = None
    id: str = ""
    """Given by who must not start the same twice: the second meets a Conflict."""
    is_deferred: bool = False
    """Whether it is left for a server to take, and not begun by this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListExecutions:
    """Which executions to list; newest first."""

    task_id: str = ""
    states: tuple[ExecutionState, ...] = ()
    """Empty means any."""
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the notebook of an execution ended, apart from why it may have been stopped."""

    state: Literal["succeeded", "failed", "lost"]
    """``lost``: its process is gone and nobody asked it to end."""
    error_code: str = ""
    error_message: str = ""
    failed_cell: int | None = None
    failed_checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that an execution made."""

    name: str
    media_type: str
    size_bytes: int


Progress: TypeAlias = ExecutionStarted | CellStarted | CellFinished
"""What a runner tells, not numbered yet."""


class TaskRunner(Protocol):
    """Runs the notebooks of executions, each in a process of its own."""

    @property
    def places(self) -> int | None:
        """How many may run at once; None where whatever runs them keeps a queue itself."""
        ...

    async def check(self, notebook: str) -> Sequence[str]:
        """The names of a notebook's parameters; InvalidRequest unless it may be used."""
        ...

    async def run(
        self, execution: Execution, way: Mapping[str, str], tell: Callable[[Progress], None]
    ) -> Outcome:
        """Run the notebook to its end; ``way`` is the environment that leads to the server.

        ``tell`` is called on the event loop. Cancelling kills all its processes.
        """
        ...

    async def stop(self, id: str, *, grace_s: float) -> None:
        """Interrupt it, so that what there is of it is kept; kill it after ``grace_s``."""
        ...

    async def artifacts(self, id: str) -> Sequence[Artifact]:
        """The files that an execution made."""
        ...

    async def read(self, id: str, name: str) -> bytes:
        """One of them; NotFound when it is not there."""
        ...

    async def remove(self, id: str) -> None:
        """Remove what an execution made."""
        ...

    async def aclose(self) -> None:
        """End what still runs."""
        ...


class KernelWay(Protocol):
    """Leads the kernels of executions to the server that started them, and to its engine."""

    def open(self, owner_id: str) -> Mapping[str, str]:
        """The environment of one kernel that works for a user, good until it is closed."""
        ...

    def close(self, way: Mapping[str, str]) -> None:
        """The kernel is gone."""
        ...
