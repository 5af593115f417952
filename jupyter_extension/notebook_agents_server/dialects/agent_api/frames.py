"""AI-Agent-API-Service, the stream of a session: what both sides of the socket say.

The document names another one for this; the words are those of that API.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, TypeAdapter

from notebook_agents.core.conversation_states import ConversationState
from notebook_agents_server.bodies import Answer, Query, Request
from notebook_agents_server.dialects.agent_api.session_wire import (
    Metrics,
    PendingApproval,
    QueryRequest,
    TextContent,
)


class QueryFrame(QueryRequest):
    """The client says something."""

    type: Literal["query"]


class PingFrame(Request):
    """The client asks for a sign of life."""

    type: Literal["ping"]


ClientFrame: TypeAlias = Annotated[QueryFrame | PingFrame, Field(discriminator="type")]
CLIENT_FRAMES: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)


class ConnectedFrame(Answer):
    """The first frame."""

    type: Literal["connected"] = "connected"
    session_id: str
    status: ConversationState
    timestamp: AwareDatetime


class PongFrame(Answer):
    """An answer to a ping."""

    type: Literal["pong"] = "pong"
    timestamp: AwareDatetime


class RunFrame(Answer):
    """What every frame of a query carries."""

    session_id: str
    query_id: str
    sequence: int
    """Rises from frame to frame of a query; ``?query_id=&after=`` resumes behind it."""
    timestamp: AwareDatetime


class MessageSentFrame(RunFrame):
    """A query was accepted, whoever sent it."""

    type: Literal["message_sent"] = "message_sent"
    content: TextContent


class MessageFrame(RunFrame):
    """What is answered: while it is written in parts, at last as a whole with its metrics."""

    type: Literal["message"] = "message"
    message_type: Literal["assistant"] = "assistant"
    content: TextContent
    is_partial: bool
    """Whether ``content`` continues what came before, and more follows."""
    status: Literal["completed", "cancelled", "timed_out"] | None = None
    """Of the query, in its last message."""
    metrics: Metrics | None = None


class StatusChangeFrame(RunFrame):
    """The session's status changed."""

    type: Literal["status_change"] = "status_change"
    status: ConversationState
    pending_approval: PendingApproval | None = None
    """What a person must decide on, where it is ``waiting``; once for each call."""


class ToolCallStartedFrame(RunFrame):
    """A tool is used."""

    type: Literal["tool_call_started"] = "tool_call_started"
    tool_call_id: str
    tool_name: str
    tool_input: dict[str, Any]


class ToolCallCompletedFrame(RunFrame):
    """A tool was used."""

    type: Literal["tool_call_completed"] = "tool_call_completed"
    tool_call_id: str
    tool_name: str
    status: Literal["success", "error"]
    tool_output: dict[str, Any]
    duration_ms: int


class ErrorFrame(Answer):
    """What went wrong; of a query it is the end of that query."""

    type: Literal["error"] = "error"
    detail: str
    error_code: str
    timestamp: AwareDatetime
    session_id: str | None = None
    query_id: str | None = None
    sequence: int | None = None


QueryFrames: TypeAlias = (
    MessageSentFrame
    | MessageFrame
    | StatusChangeFrame
    | ToolCallStartedFrame
    | ToolCallCompletedFrame
    | ErrorFrame
)
ServerFrame: TypeAlias = Annotated[
    ConnectedFrame | PongFrame | QueryFrames, Field(discriminator="type")
]
SERVER_FRAMES: TypeAdapter[ServerFrame] = TypeAdapter(ServerFrame)


class ResumeQuery(Query):
    """Where a client that comes back left; without it the newest query is followed."""

    query_id: str = ""
    after: str = Field(default="", pattern=r"^[0-9]*$")
    """The ``sequence`` of the last frame it has."""
