"""A log in which something of every kind happened, within the last day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    BudgetSet,
    EngineSampled,
    Event,
    EventBody,
    ExecutionFinished,
    ExecutionQueued,
    ExecutionStarted,
    ModelFinished,
    ModelStarted,
    RequestsServed,
    RunFinished,
    RunQueued,
    RunStarted,
    ScheduleFired,
    ScheduleSkipped,
    ScoreRecorded,
    StreamClosed,
    ToolFinished,
    ToolStarted,
    WebhookAttempted,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.models import Usage

if TYPE_CHECKING:
    from notebook_agents.eventlog.writer import JsonlEventLog

DAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Told:
    """Appends events of a user, minutes after a moment."""

    def __init__(self, log: JsonlEventLog, user_id: str, begin: datetime) -> None:
        self._log = log
        self._begin = begin
        self._user_id = user_id
        self._numbers = Counter[str]()
        """Of the last event of each run: a run's events are counted from 1."""

    def tell(self, minutes: float, *bodies: EventBody, **common: str) -> None:
        """Append events of one moment."""
        run_id = common.get("run_id", "")
        for body in bodies:
            self._numbers[run_id] += 1
            envelope: dict[str, Any] = {"user_id": self._user_id, **common}
            ts = self._begin + timedelta(minutes=minutes)
            self._log.append(
                Event(id=new_id(), ts=ts, run_seq=self._numbers[run_id], body=body, **envelope)
            )

    def run(self, minutes: float, number: int, **told: str) -> None:
        """A run with two calls of tools, every third of which fails."""
        common = {"run_id": f"{self._user_id}-{number}", "agent_id": "agent", "dialect": "magic",
                  "conversation_id": f"of-{self._user_id}-{number}"}  # fmt: skip
        queued = RunQueued(
            model=told.get("model", "m"),
            notebook=told.get("notebook", "sales.ipynb"),
            agent_version=f"v{number % 2}",
        )
        self.tell(minutes, queued, RunStarted(queue_ms=5), **common)
        self.tell(minutes, ModelStarted(step=1, model=queued.model), *model(queued.model), **common)
        for call, name in enumerate(("read", "write")):
            self.tell(minutes + 0.01, *tool(f"{number}-{call}", name, number), **common)
        is_bad = number % 3 == 2
        end = RunFinished(
            state="failed" if is_bad else "succeeded",
            duration_ms=700 + 10 * number,
            error_code="ENGINE_ERROR" if is_bad else "",
        )
        self.tell(minutes + 0.02, end, **common)


def model(name: str) -> list[EventBody]:
    """A call of a model; of one that is named ``priced`` the cost is known."""
    usage = Usage(
        input_tokens=100, output_tokens=20, cost_usd=0.25 if name == "priced" else None
    )  # fmt: skip
    return [ModelFinished(step=1, model=name, usage=usage, queue_ms=2, ttft_ms=80, decode_ms=400,
                          duration_ms=500)]  # fmt: skip


def tool(call_id: str, name: str, number: int) -> list[EventBody]:
    """A call that somebody was asked about, and that may have failed."""
    is_bad = number % 3 == 2 and name == "write"
    return [
        ApprovalRequested(call_id=call_id, name=name),
        ApprovalDecided(call_id=call_id, is_approved=True, name=name),
        ToolStarted(call_id=call_id, name=name),
        ToolFinished(call_id=call_id, name=name, status="failed" if is_bad else "succeeded",
                     duration_ms=10 * (number + 1), error_type="ValueError" if is_bad else ""),
    ]  # fmt: skip


def record(log: JsonlEventLog, begin: datetime = DAY, user_id: str = "ann") -> None:
    """Something of every kind, in the four hours after a moment."""
    ann, bob = Told(log, user_id, begin), Told(log, "bob", begin)
    for number in range(12):
        ann.run(5 * number, number, model="priced" if number % 2 else "m")
    bob.run(7, 0, notebook="'; DROP TABLE events --")
    for tick in range(4):
        ids: dict[str, Any] = {"execution_id": f"e{tick}", "task_id": "daily-report-of-sales"}
        due = begin + timedelta(hours=tick)
        ann.tell(
            60 * tick, ScheduleFired(scheduled_for=due, late_s=1.5, task_name="Daily report", **ids)
        )
        ann.tell(60 * tick, ExecutionQueued(seq=1, **ids), ExecutionStarted(seq=2, **ids))
        state: Any = "failed" if tick == 2 else "succeeded"
        ann.tell(60 * tick + 1, ExecutionFinished(seq=3, state=state, duration_ms=60_000, **ids))
    skipped = ScheduleSkipped(task_id="weekly", scheduled_for=begin, reason="busy")
    ann.tell(1, skipped, BudgetSet(period="day", limit_usd=1.0))
    ann.tell(2, RequestsServed(method="GET", route="/a", status=200, n=3, durations_ms=(1, 2, 3)),
             RequestsServed(method="GET", route="/a", status=500), dialect="aimos")  # fmt: skip
    ann.tell(3, StreamClosed(stream_id="s", transport="sse", n_events=9, n_dropped=2))
    ann.tell(4, letter(), gpu(), ScoreRecorded(dataset="sums", scorer="exact", value=0.75))


def letter() -> WebhookAttempted:
    """One that could not be brought."""
    return WebhookAttempted(webhook_id="w", delivery_id="d", event_type="run.finished",
                            host="h.example", attempt=1, status="retrying",
                            error_type="TimeoutError")  # fmt: skip


def gpu() -> EngineSampled:
    """Half an hour of a busy GPU."""
    return EngineSampled(device="cuda:0", period_s=1800, utilization_percent=80.0,
                         n_tokens=9000, memory_used_bytes=6_000_000_000,
                         memory_total_bytes=24_000_000_000)  # fmt: skip
