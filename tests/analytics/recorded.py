"""A log on disk with the events that a test tells, and what SQL says of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.events import (
    Event,
    EventBody,
    ModelFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    ToolFinished,
    ToolStarted,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.models import Usage
from notebook_agents.core.states import FinalState, ToolStatus
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(hours: float) -> datetime:
    """A moment so long after noon."""
    return NOON + timedelta(hours=hours)


class Recorded:
    """Events by the hour; what they have in common is given by name."""

    def __init__(self, home: Path) -> None:
        self._log = JsonlEventLog(home)
        self._analytics = EventAnalytics(EventFiles(home))
        self._seqs: Counter[str] = Counter()

    def tell(self, hours: float, *bodies: EventBody, **common: str) -> None:
        """Append events of one moment: of ann's, where no other ``user_id`` is given."""
        for body in bodies:
            run_id = common.get("run_id", "")
            self._seqs[run_id] += bool(run_id)
            envelope: dict[str, Any] = {"user_id": "ann", **common}
            self._log.append(
                Event(id=new_id(), ts=at(hours), run_seq=self._seqs[run_id], body=body, **envelope)
            )

    def run(
        self,
        run_id: str,
        *steps: EventBody,
        hours: float = 0,
        takes: float = 0.5,
        state: FinalState | None = "succeeded",
        **common: str,
    ) -> None:
        """A whole run, or with ``state`` None one that never ended; its end ``takes`` hours."""
        common = {"run_id": run_id, "agent_id": "a", "conversation_id": f"of-{run_id}", **common}
        model, code = common.pop("model", "m"), common.pop("error_code", "")
        self.tell(hours, RunQueued(model=model, input_chars=5), RunStarted(), **common)
        self.tell(hours, *steps, **common)
        if state is not None:
            code = code or ("" if state == "succeeded" else state)
            end = RunFinished(
                state=state, duration_ms=takes * 3_600_000, error_code=code, error_message=code
            )
            self.tell(hours + takes, end, **common)

    def rows(self, sql: str, owner_id: str | None = None) -> list[tuple[Any, ...]]:
        """The answer to a SELECT, of all events or of an owner's."""
        return list(self._analytics.table_of(sql, owner_id).rows)


def asked(step: int = 1, *, model: str = "m", **told: Any) -> tuple[EventBody, ...]:
    """A call of a model that ended; ``tokens`` are what it read and wrote, ``cost`` in dollars."""
    read, wrote = told.pop("tokens", (10, 5))
    usage = Usage(input_tokens=read, output_tokens=wrote, cost_usd=told.pop("cost", None))
    return (
        ModelStarted(step=step, model=model, n_messages=told.pop("n_messages", 1)),
        ModelFinished(step=step, model=model, usage=usage, **told),
    )


def used(call_id: str, name: str, status: ToolStatus = "succeeded", **told: Any) -> list[EventBody]:
    """A call of a tool that ended."""
    return [
        ToolStarted(call_id=call_id, name=name),
        ToolFinished(call_id=call_id, name=name, status=status, **told),
    ]
