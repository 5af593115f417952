"""Whatever the order of events, a run ends in exactly one result or error."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from notebook_agents.core.events import (
    Event,
    EventBody,
    RunFinished,
    RunQueued,
    TextDelta,
    WorkflowStepFinished,
    WorkflowStepStarted,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.states import FINAL_STATES
from notebook_agents_server.dialects.netra.encoder import EventEncoder
from notebook_agents_server.dialects.netra.frames import RunMessage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN, THREAD = new_id(), new_id()


def messages_of(*bodies: EventBody) -> list[RunMessage]:
    encoder = EventEncoder("mine")
    events = [
        Event(id=str(n), run_id=RUN, run_seq=n, ts=NOW, conversation_id=THREAD, body=body)
        for n, body in enumerate(bodies, start=1)
    ]
    return [message for event in events for message in encoder.encode(event)]


@pytest.mark.parametrize("state", FINAL_STATES)
def test_every_end_is_one_result_or_one_error(state: str) -> None:
    end = RunFinished(state=state, error_message="why")  # type: ignore[arg-type]
    bodies: list[EventBody] = [
        RunQueued(model="m"),
        WorkflowStepStarted(step="data", progress=20),
        TextDelta(step=1, text="x"),
        WorkflowStepFinished(step="data", progress=40),
        end,
    ]
    for order in permutations(bodies):
        messages = messages_of(*order, end)
        ends = [m.type for m in messages if m.type != "agent_update"]
        assert ends == ["agent_result" if state in ("succeeded", "cancelled") else "error"]
        assert messages[-1].type == ends[0]
        assert {message.id for message in messages} == {"mine"}


def test_progress_never_goes_back() -> None:
    messages = messages_of(
        WorkflowStepFinished(step="data", progress=40),
        WorkflowStepStarted(step="report", progress=10),
        RunFinished(state="cancelled"),
    )
    progress = [m.data.progress for m in messages if m.type == "agent_update"]
    assert progress == [40, 40, 40]


def test_a_step_that_the_document_does_not_know_has_the_name_it_came_with() -> None:
    (message,) = messages_of(WorkflowStepStarted(step="extra", agent="somebody"))
    assert message.type == "agent_update"
    assert message.data.agent == "somebody"
