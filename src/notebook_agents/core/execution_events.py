"""What happens in an execution of a task: facts, numbered from 1 within the execution.

They are kept in the stream of the execution's conversation, beside the events of its runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ExecutionEnd: TypeAlias = Literal["succeeded", "failed", "cancelled", "timed_out", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQueued:
    """Somebody, or a schedule, wants a task executed."""

    execution_id: str
    task_id: str
    seq: int
    trigger: str = "manual"
    attempt: int = 1
    resumes: str = ""
    """The execution it goes on with."""
    type: Literal["execution_queued"] = "execution_queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted:
    """Its notebook is being prepared."""

    execution_id: str
    task_id: str
    seq: int
    notebook: str = ""
    """The name of its file; empty is the built-in one."""
    type: Literal["execution_started"] = "execution_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted:
    """A cell of its notebook began."""

    execution_id: str
    seq: int
    cell_index: int
    n_cells: int
    n_code_cells: int
    source: str = ""
    """The beginning of the first line."""
    type: Literal["cell_started"] = "cell_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinished:
    """A cell of its notebook ended."""

    execution_id: str
    seq: int
    cell_index: int
    status: Literal["succeeded", "failed", "kept"]
    """``kept``: an earlier attempt's outputs stand and the cell was not run again."""
    duration_ms: float = 0.0
    n_outputs: int = 0
    error_type: str = ""
    error_message: str = ""
    type: Literal["cell_finished"] = "cell_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFinished:
    """The execution reached its final state."""

    execution_id: str
    task_id: str
    seq: int
    state: ExecutionEnd
    error_code: str = ""
    error_message: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    n_runs: int = 0
    duration_ms: float = 0.0
    type: Literal["execution_finished"] = "execution_finished"


ExecutionBody: TypeAlias = (
    ExecutionQueued | ExecutionStarted | CellStarted | CellFinished | ExecutionFinished
)
EXECUTION_EVENTS = frozenset(
    {
        "execution_queued",
        "execution_started",
        "cell_started",
        "cell_finished",
        "execution_finished",
    }
)
