"""What is seen beside the runs: requests, streams, letters, the engine, cells, scores, budgets.

They hold counts, times and names, and nothing that anybody wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsServed:
    """A server answered requests of one kind in the last seconds; one event for all of them."""

    method: str
    route: str
    """The pattern of the path, never the path itself."""
    status: int
    n: int = 1
    durations_ms: tuple[float, ...] = ()
    """Of each of them."""
    request_bytes: int | None = None
    """Of all their bodies; None of older versions."""
    response_bytes: int | None = None
    """The same of what was answered."""
    type: Literal["requests_served"] = "requests_served"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamClosed:
    """A client no longer listens to a socket or a streamed answer."""

    stream_id: str
    transport: Literal["websocket", "sse", "ndjson"]
    route: str = ""
    n_events: int = 0
    """Those it was sent."""
    n_dropped: int = 0
    """Those it was not, because it fell behind."""
    is_resumed: bool = False
    """Whether it went on after an event that the client had seen before."""
    max_lag_ms: float = 0.0
    """The longest time between an event and its way to the client."""
    duration_ms: float = 0.0
    reason: Literal["finished", "client_gone", "fell_behind", "refused", "server"] = "finished"
    type: Literal["stream_closed"] = "stream_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAttempted:
    """A letter was sent to the address of a webhook, or could not be."""

    webhook_id: str
    delivery_id: str
    event_type: str
    """What it told of."""
    host: str
    """Of the address; the rest of it may hold secrets."""
    attempt: int
    status: Literal["delivered", "retrying", "failed"]
    """``failed``: it is not tried again."""
    http_status: int | None = None
    """None where there was no answer."""
    latency_ms: float = 0.0
    error_type: str = ""
    next_try_at: str = ""
    """ISO 8601, UTC; empty where it is not tried again."""
    type: Literal["webhook_attempted"] = "webhook_attempted"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSampled:
    """What the engine of a server did since the sample before."""

    device: str
    """``cpu``, or ``cuda:0``."""
    period_s: float
    utilization_percent: float | None = None
    """None, here and below, where the device does not tell."""
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    batch_mean: float | None = None
    """Sequences that were decoded at once."""
    kv_used_bytes: int | None = None
    kv_total_bytes: int | None = None
    n_tokens: int = 0
    n_waiting: int = 0
    power_w: float | None = None
    energy_wh: float | None = None
    """In the period."""
    type: Literal["engine_sampled"] = "engine_sampled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellExecuted:
    """A code cell of a notebook ran in its kernel, where its person has asked to record that.

    The conversation of the envelope is the notebook's.
    """

    cell_id: str
    notebook: str = ""
    """The name of its file."""
    execution_id: str = ""
    """The execution of a task that the notebook ran for."""
    task_id: str = ""
    """The task of that execution."""
    execution_count: int = 0
    source_digest: str = ""
    """SHA-256 of the cell's text, hex; the text itself is not recorded."""
    n_chars: int = 0
    status: Literal["succeeded", "failed", "interrupted"] = "succeeded"
    duration_ms: float = 0.0
    cpu_ms: float | None = None
    memory_delta_bytes: int | None = None
    """Resident memory of the kernel after the cell less that before it."""
    memory_bytes: int | None = None
    """Resident memory of the kernel after the cell."""
    error_type: str = ""
    """The name of the exception."""
    after_run_id: str = ""
    """The run of an agent that was the last to end in this kernel before the cell began."""
    changed_by_run_id: str = ""
    """The run that wrote or changed this cell, or a variable or file that it uses."""
    type: Literal["cell_executed"] = "cell_executed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecorded:
    """Somebody, or a program, judged one answer of an agent."""

    dataset: str
    """What it is part of, such as the name of a set of questions; empty for none."""
    dataset_version: str = ""
    item: str = ""
    """Which question of the set."""
    scorer: str = ""
    """What was judged, or by what: ``exact_match``."""
    value: float = 0.0
    label: str = ""
    is_passed: bool | None = None
    agent_version: str = ""
    type: Literal["score_recorded"] = "score_recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSet:
    """A person or an administrator said how much may be spent in a period; warns, stops nothing."""

    period: Literal["day", "month"]
    """UTC."""
    limit_usd: float | None
    """None takes the budget back."""
    by: str = ""
    """The user who did it; the envelope's is whose budget it is."""
    type: Literal["budget_set"] = "budget_set"


ObservationBody: TypeAlias = (
    RequestsServed
    | StreamClosed
    | WebhookAttempted
    | EngineSampled
    | CellExecuted
    | ScoreRecorded
    | BudgetSet
)
