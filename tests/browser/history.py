"""A week of runs as a log holds them, for pages that show what happened."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.dashboards.recording import Told

from notebook_agents.core.events import (
    AgentCreated,
    ApprovalDecided,
    ApprovalRequested,
    BudgetSet,
    EngineSampled,
    EventBody,
    ExecutionFinished,
    ExecutionStarted,
    ModelFinished,
    ModelStarted,
    RequestsServed,
    RunFinished,
    RunQueued,
    RunStarted,
    ScheduleFired,
    StreamClosed,
    ToolFinished,
    ToolStarted,
    WebhookAttempted,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.models import Usage
from notebook_agents.eventlog.writer import JsonlEventLog

MODELS = ("tiny-agent", "claude-sonnet-5", "gpt-6-mini")
TOOLS = ("python_executor", "file_reader", "web_search", "sql_query", "chart_maker")
NOTEBOOKS = ("quarterly.ipynb", "churn.ipynb", "")
SOURCES = ("magic", "magic", "tektra", "agent_api", "schedule")
AGENTS = ("analyst", "reviewer")
DAYS = 7


class History:
    """Writes runs into the log below a home; the same for the same seed."""

    def __init__(self, home: Path, owner_id: str, now: datetime, seed: int = 7) -> None:
        self._told, self._now = Told(JsonlEventLog(home), owner_id, now), now
        self._random = random.Random(seed)  # noqa: S311 - the same at each run of a test
        self._agents = {name: new_id() for name in AGENTS}

    def write(self, n_runs: int = 150) -> None:
        """Runs of the last week, what their machine did, schedules, requests and a budget."""
        for name, id in self._agents.items():
            self._tell(timedelta(days=DAYS), AgentCreated(name=name), agent_id=id)
        self._tell(timedelta(days=1), BudgetSet(period="day", limit_usd=2.0))
        for number in range(n_runs):
            ago = timedelta(days=DAYS) * (1 - number / n_runs) * 0.99 + timedelta(minutes=2)
            self.add_run(ago)
        for hour in range(0, 24 * DAYS, 3):
            self._hour(timedelta(hours=hour + 1))

    def add_run(self, ago: timedelta) -> None:
        """One more run, so long before now."""
        run_id, chance = new_id(), self._random
        agent_id = chance.choice(list(self._agents.values()))
        model, dialect = chance.choice(MODELS), chance.choice(SOURCES)
        notebook = chance.choice(NOTEBOOKS) if dialect == "magic" else ""
        common = {
            "run_id": run_id,
            "agent_id": agent_id,
            "conversation_id": f"of-{run_id}",
            "dialect": dialect,
        }
        state, total_ms, usage = self._state(), 0.0, Usage()
        version = "v1" if ago > timedelta(days=DAYS / 2) else "v2"
        queued = RunQueued(model=model, input_chars=80, notebook=notebook, agent_version=version)
        self._tell(ago, queued, **common)
        self._tell(ago, RunStarted(queue_ms=chance.expovariate(1 / 40)), **common)
        n_steps = chance.randint(1, 4)
        for step in range(1, n_steps + 1):
            finished = self._model(step, model)
            total_ms += finished.duration_ms
            usage += finished.usage
            at = ago - timedelta(milliseconds=total_ms)
            self._tell(at, ModelStarted(step=step, model=model), finished, **common)
            if step < n_steps:
                total_ms += self._tool(at, common)
        end = RunFinished(
            state=state,  # type: ignore[arg-type]
            usage=usage,
            n_steps=n_steps,
            n_tool_calls=n_steps - 1,
            duration_ms=total_ms + 50,
            error_code=""
            if state != "failed"
            else chance.choice(("engine_unavailable", "timeout")),
        )
        self._tell(ago - timedelta(milliseconds=total_ms + 50), end, **common)

    def _state(self) -> str:
        return self._random.choices(("succeeded", "failed", "cancelled"), (88, 9, 3))[0]

    def _model(self, step: int, model: str) -> ModelFinished:
        chance = self._random
        ttft, decode = chance.uniform(80, 900), chance.uniform(300, 6000)
        n_in, n_out = chance.randint(200, 6000), chance.randint(20, 900)
        cost = None if model == "tiny-agent" else n_in * 3e-6 + n_out * 15e-6
        return ModelFinished(
            step=step,
            model=model,
            usage=Usage(input_tokens=n_in, output_tokens=n_out, cost_usd=cost),
            queue_ms=chance.expovariate(1 / 30),
            ttft_ms=ttft,
            decode_ms=decode,
            duration_ms=ttft + decode + 40,
        )

    def _tool(self, ago: timedelta, common: dict[str, str]) -> float:
        chance = self._random
        name, call_id = chance.choice(TOOLS), new_id()
        took = chance.lognormvariate(5.5, 1.1)
        status: Any = chance.choices(("succeeded", "failed", "denied"), (90, 7, 3))[0]
        if chance.random() < 0.3:
            approved = status != "denied"
            self._tell(ago, ApprovalRequested(call_id=call_id, name=name), **common)
            took += chance.uniform(1000, 20_000)
            decided = ApprovalDecided(call_id=call_id, is_approved=approved, name=name)
            self._tell(ago - timedelta(milliseconds=took), decided, **common)
        done = ToolFinished(
            call_id=call_id,
            name=name,
            status=status,
            duration_ms=took,
            error_type="ValueError" if status == "failed" else "",
        )
        self._tell(ago, ToolStarted(call_id=call_id, name=name), **common)
        self._tell(ago - timedelta(milliseconds=took), done, **common)
        return took

    def _hour(self, ago: timedelta) -> None:
        chance = self._random
        busy = chance.uniform(5, 95)
        sample = EngineSampled(
            device="NVIDIA H100",
            period_s=30,
            utilization_percent=busy,
            memory_used_bytes=int((20 + busy / 3) * 2**30),
            memory_total_bytes=80 * 2**30,
            batch_mean=busy / 10,
            n_tokens=int(busy * 900),
        )
        self._tell(ago, sample)
        durations = tuple(chance.uniform(20, 400) for _ in range(chance.randint(1, 9)))
        path = "/v1/conversations/{id}/messages"
        route = RequestsServed(
            method="POST", route=path, status=200, n=len(durations), durations_ms=durations
        )
        self._tell(ago, route, dialect="tektra")
        letter = WebhookAttempted(
            webhook_id="hook", delivery_id=new_id(), event_type="execution.completed",
            host="hooks.example.org", attempt=1, latency_ms=chance.uniform(40, 900),
            status="delivered" if chance.random() < 0.9 else "retrying",
        )  # fmt: skip
        stream = StreamClosed(
            stream_id=new_id(), transport=chance.choice(("websocket", "sse")),
            n_events=chance.randint(9, 400), max_lag_ms=chance.uniform(1, 90),
        )  # fmt: skip
        self._tell(ago, letter, stream, dialect="tektra")
        for task_id in ("daily report", "clean up"):
            self._tick(ago, task_id)

    def _tick(self, ago: timedelta, task_id: str) -> None:
        id = new_id()
        state: Any = self._random.choices(("succeeded", "failed"), (92, 8))[0]
        due = (self._now - ago).replace(minute=0, second=0, microsecond=0)
        fired = ScheduleFired(task_id=task_id, execution_id=id, scheduled_for=due, late_s=0.4)
        begun = ExecutionStarted(task_id=task_id, execution_id=id, seq=1)
        end = ExecutionFinished(
            task_id=task_id, execution_id=id, seq=1, state=state, duration_ms=42_000
        )
        self._tell(ago, fired, begun)
        self._tell(ago - timedelta(seconds=42), end)

    def _tell(self, ago: timedelta, *bodies: EventBody, **common: str) -> None:
        self._told.tell(-ago / timedelta(minutes=1), *bodies, **common)
