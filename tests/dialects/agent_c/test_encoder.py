"""The encoder: whatever the order of events, one start, one end, and every object is documented."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    EventBody,
    ModelFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    TextDelta,
    Thought,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    Warned,
)
from notebook_agents.core.figures import PLOTLY, Figure
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.models import Usage
from notebook_agents_server.dialects.agent_c.chat_frames import FRAMES, Frame
from notebook_agents_server.dialects.agent_c.chat_mapping import Format, Place, lines_of
from notebook_agents_server.dialects.agent_c.encoder import EventEncoder, Stage

RUN = "0190a0b0-0000-7000-8000-000000000000"
STAGE = Stage(session_id="calm-jade-otter", vendor="notebook-agents", model="m")
CALL = ToolCallPart(call_id="c1", name="python_executor", arguments={"code": "1", "ä": 2})
BODIES: tuple[EventBody, ...] = (
    RunQueued(model="m"),
    RunStarted(),
    ModelStarted(step=1, model="m"),
    TextDelta(step=1, text="Hé\nllo"),
    TextDelta(step=1, text=""),
    ModelFinished(step=1, model="m", tool_calls=(CALL,), finish_reason="tool_calls"),
    ToolStarted(call_id="c1", name="python_executor"),
    ToolOutput(call_id="c1", text="…"),
    ToolFinished(
        call_id="c1",
        name="python_executor",
        status="succeeded",
        content="2",
        figures=(Figure(media_type=PLOTLY, content="{}", label="a plot"),),
    ),
    ApprovalRequested(call_id="c1", name="shell", arguments={"command": "ls"}, reason="asks"),
    ApprovalDecided(call_id="c1", is_approved=True),
    Warned(code="length", message="the answer was cut"),
    ModelFinished(step=2, model="m", text="Hi", usage=Usage(input_tokens=3, output_tokens=2)),
    RunFinished(state="succeeded"),
    RunFinished(state="cancelled", text="Hi"),
    RunFinished(state="failed", error_message="it broke"),
    Thought(call_id="c1", text="First look."),
)


def event(body: EventBody, seq: int) -> Event:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(id=f"e{seq}", run_id=RUN, run_seq=seq, ts=moment, body=body)


def encoded(*bodies: EventBody) -> list[Frame]:
    encoder = EventEncoder(STAGE)
    return [f for seq, body in enumerate(bodies, 1) for f in encoder.encode(event(body, seq))]


def types(frames: list[Frame]) -> list[str]:
    return [frame.model_dump()["type"] for frame in frames]


def test_C_48_an_answer_with_a_tool_comes_in_documented_objects() -> None:
    frames = encoded(*BODIES[:9], *BODIES[11:14])
    assert types(frames) == [
        "interaction_start",
        "completion_status",
        "content",
        "completion_status",
        "tool_calls",
        "tool_results",
        "render_media",
        "message",
        "completion_status",
        "history",
        "interaction_end",
    ]
    said = [json.loads(line) for line in lines_of(frames, "json").splitlines()]
    assert said[0] == {"type": "interaction_start", "id": RUN, "session_id": "calm-jade-otter"}
    assert said[2] == {
        "type": "content",
        "data": "Hé\nllo",
        "vendor": "notebook-agents",
        "format": "markdown",
    }
    assert said[4]["tool_calls"] == [
        {"id": "c1", "name": "python_executor", "arguments": '{"code": "1", "ä": 2}'}
    ]
    assert said[5]["tool_results"] == [
        {"role": "tool", "tool_call_id": "c1", "name": "python_executor", "content": "2"}
    ]
    assert said[6]["content_type"] == PLOTLY
    assert said[8]["data"] == {
        "running": False,
        "stop_reason": "stop",
        "input_tokens": 3,
        "output_tokens": 2,
    }


def test_a_failed_and_a_cancelled_run_say_how_they_ended() -> None:
    failed = encoded(BODIES[0], BODIES[15])
    assert types(failed)[1:] == ["completion_status", "error", "history", "interaction_end"]
    cancelled = encoded(BODIES[0], BODIES[14])
    assert types(cancelled)[1:] == ["completion_status", "history", "interaction_end"]
    assert b'"stop_reason":"cancelled"' in lines_of(cancelled, "json")


def test_bare_text_is_the_answer_and_what_a_person_must_know() -> None:
    text = lines_of(encoded(*BODIES[:10], BODIES[15]), "text").decode()
    assert text == "Hé\nllo\n[shell waits for approval: asks]\n\n[error: it broke]\n"


def test_a_stream_that_breaks_ends_once() -> None:
    encoder = EventEncoder(STAGE)
    encoder.encode(event(BODIES[0], 1))
    assert types(encoder.broken(RUN, "fell behind")) == ["error", "interaction_end"]
    assert encoder.broken(RUN, "again") == []
    assert encoder.encode(event(BODIES[13], 2)) == []


@budget(max_examples=60, deadline=None)
@given(bodies=st.lists(st.sampled_from(BODIES), min_size=1, max_size=12), cut=st.integers(0, 30))
def test_any_order_of_events_gives_one_start_one_end_and_can_be_read_on(
    bodies: list[EventBody], cut: int
) -> None:
    frames = encoded(*bodies)
    for frame in frames:
        FRAMES.validate_json(frame.model_dump_json())
    named = types(frames)
    assert named[0] == "interaction_start"
    assert named.count("interaction_start") == 1
    is_over = any(isinstance(body, RunFinished) for body in bodies)
    assert named.count("interaction_end") == int(is_over)
    assert not is_over or named[-1] == "interaction_end"
    whole = stream(bodies, None)
    assert len(whole) == len(frames)
    place = Place.read(whole[min(cut, len(whole) - 1)][0])
    assert whole[: min(cut, len(whole) - 1) + 1] + stream(bodies, place) == whole


def stream(bodies: list[EventBody], place: Place | None) -> list[tuple[str, str]]:
    """The ids and data of server-sent events, from the start or from a place on."""
    encoder = EventEncoder(STAGE, is_resumed=place is not None and place.run_seq > 1)
    format: Format = "sse"
    text = ""
    for seq, body in enumerate(bodies, 1):
        if place and seq < place.run_seq:
            continue
        n_had = place.n_frames if place and place.run_seq == seq else 0
        at = Place(run_id=RUN, run_seq=seq, n_frames=n_had)
        text += lines_of(encoder.encode(event(body, seq))[n_had:], format, at).decode()
    parts = [part.split("\n") for part in text.split("\n\n") if part]
    return [(id.removeprefix("id: "), data) for id, data in parts]
