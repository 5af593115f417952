"""Whatever the order of events, the frames of a run are legal."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from notebook_agents.core import events as e
from notebook_agents.core.events import Event, EventBody
from notebook_agents.core.models import Usage
from notebook_agents_server.dialects.tektra.encoder import EventEncoder

BODIES: list[EventBody] = [
    e.RunQueued(model="m"),
    e.RunStarted(),
    e.ModelStarted(step=1, model="m"),
    e.TextDelta(step=1, text="Hello"),
    e.TextDelta(step=1, text=""),
    e.ModelFinished(step=1, model="m", text="Hello"),
    e.ToolStarted(call_id="c", name="python_executor"),
    e.ToolOutput(call_id="c", text="4"),
    e.ToolFinished(call_id="c", name="python_executor", status="succeeded"),
    e.ToolFinished(call_id="c", name="python_executor", status="timed_out"),
    e.ApprovalRequested(call_id="c", name="web_fetch"),
    e.ApprovalDecided(call_id="c", is_approved=False),
    e.Warned(code="w", message="careful"),
    e.AgentCreated(name="a"),
    e.AgentUpdated(),
    e.AgentDeleted(name="a"),
    e.SecurityViolation(rule="r", action="a"),
    e.RunFinished(state="succeeded", text="Hello", usage=Usage(input_tokens=3, output_tokens=1)),
    e.RunFinished(state="cancelled", text="Hel"),
    e.RunFinished(state="failed", error_code="engine_unavailable", error_message="gone"),
    e.RunFinished(state="timed_out", error_code="limit_exceeded", error_message="late"),
    e.RunFinished(state="interrupted", error_code="interrupted"),
]
LEGAL = {"token", "tool_execution", "complete", "error"}


def event(number: int, body: EventBody) -> Event:
    run_id = "0192a3b4-0000-7000-8000-000000000001"
    return Event(id=str(number), run_id=run_id, run_seq=number, ts=datetime.now(UTC), body=body)


@pytest.mark.parametrize("seed", range(50))
def test_frames_are_legal_for_any_order_of_events(seed: int) -> None:
    bodies = random.Random(seed).choices(BODIES, k=40)  # noqa: S311
    encoder = EventEncoder()
    frames = [f for n, body in enumerate(bodies) for f in encoder.encode(event(n, body))]
    types = [frame.type for frame in frames]
    assert set(types) <= LEGAL
    ends = [i for i, kind in enumerate(types) if kind in ("complete", "error")]
    assert len(ends) <= 1
    assert not ends or ends[0] == len(types) - 1
    for frame in frames:
        frame.model_dump_json()


def test_t46_t47_t48_a_run_gives_tokens_tool_executions_and_one_complete() -> None:
    encoder = EventEncoder()
    bodies = [BODIES[3], BODIES[6], BODIES[8], BODIES[17]]
    frames = [f for n, body in enumerate(bodies, 1) for f in encoder.encode(event(n, body))]
    assert [
        frame.model_dump(include={"type", "content", "tool", "status"}) for frame in frames
    ] == [
        {"type": "token", "content": "Hello"},
        {"type": "tool_execution", "tool": "python_executor", "status": "started"},
        {"type": "tool_execution", "tool": "python_executor", "status": "completed"},
        {"type": "complete", "content": "Hello", "status": "completed"},
    ]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("engine_unavailable", "MODEL_UNAVAILABLE"),
        ("limit_exceeded", "RUN_LIMIT_REACHED"),
        ("sandbox_unavailable", "SANDBOX_UNAVAILABLE"),
        ("internal", "INTERNAL_ERROR"),
    ],
)
def test_a_failed_run_is_an_error_by_its_cause(code: str, shown: str) -> None:
    failed = e.RunFinished(state="failed", error_code=code, error_message="why")
    (frame,) = EventEncoder().encode(event(1, failed))
    assert frame.model_dump()["error"]["code"] == shown
