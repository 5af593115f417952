"""Agent C API Documentation, Events: the bodies, the queries and the frames of the stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BeforeValidator, Field, RootModel

from notebook_agents_server.bodies import Answer, Query, Request


def read_moment(value: Any) -> Any:
    """An ISO 8601 timestamp; without a zone it is UTC. Numbers are refused."""
    if not isinstance(value, str) or len(value) < len("2025-04-30"):
        raise ValueError("give an ISO 8601 timestamp such as 2025-04-30T08:40:00Z")
    # What a query makes of the plus sign of a zone.
    moment = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment: TypeAlias = Annotated[AwareDatetime, BeforeValidator(read_moment)]
TypeNames: TypeAlias = list[str]


class EventsQuery(Query):
    """GET /api/v1/events/{session_id}: query parameters; types in any case, repeated."""

    event_types: TypeNames = Field(default_factory=list)
    start_time: Moment | None = None
    end_time: Moment | None = None
    limit: Annotated[int, Field(ge=1)] = 1000
    """More than `core.recordings.MAX_EVENTS` gives that many."""


class StreamQuery(Query):
    """GET /api/v1/events/{session_id}/stream: query parameters."""

    event_types: TypeNames = Field(default_factory=list)
    real_time: bool = False
    speed_factor: Annotated[float, Field(gt=0, le=1000)] = 1.0


class ReplayQuery(Query):
    """Which of several replays is meant; the newest when it is left out."""

    replay_id: str = ""


class ToolCall(Answer):
    """A tool that the model wants to use, its arguments as JSON text."""

    id: str
    name: str
    arguments: str


class ToolResult(Answer):
    """What a tool answered."""

    role: Literal["tool"] = "tool"
    tool_call_id: str
    name: str
    content: str


class EventAnswer(Answer):
    """One of GET /api/v1/events/{session_id}, and a frame of the stream."""

    timestamp: AwareDatetime
    type: str
    """In lower case."""
    session_id: str
    role: Literal["user", "assistant", "system", "tool"] | None
    content: str | None
    format: Literal["text", "markdown"] | None
    running: bool | None
    active: bool | None
    vendor: str | None
    tool_calls: list[ToolCall] | None
    tool_results: list[ToolResult] | None
    raw: dict[str, Any]
    """The event as it is in the log."""


EventsAnswer = RootModel[list[EventAnswer]]


class StreamEnded(Answer):
    """The last frame of the stream."""

    type: Literal["stream_complete"] = "stream_complete"


class ReplayStatusAnswer(Answer):
    """GET /api/v1/events/{session_id}/replay-status: response."""

    session_id: str
    replay_id: str
    status: Literal["playing", "paused", "stopped", "completed"]
    current_index: int
    total_events: int
    position: AwareDatetime
    real_time: bool
    speed_factor: float


class ControlReplayRequest(Request):
    """POST /api/v1/events/{session_id}/replay/control: body."""

    action: Literal["play", "pause", "stop", "seek"]
    position: Moment | None = None
    """Where to go on, for ``seek``."""
    replay_id: str = ""
    """Addition of ours: which of several; the newest that is watched when left out."""


class ReplayControlledAnswer(Answer):
    """POST /api/v1/events/{session_id}/replay/control: response."""

    status: Literal["success"] = "success"
    action: Literal["play", "pause", "stop", "seek"]
    replay_id: str
