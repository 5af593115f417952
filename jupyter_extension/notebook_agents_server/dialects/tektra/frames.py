"""Tektra AI Assistant API reference, WebSocket API: the frames of both sockets.

The document names ``message`` from the client and ``token``, ``tool_execution`` and ``complete``
from the server; ``cancel``, ``error`` and ``ping`` fill its silence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, TypeAdapter

from notebook_agents_server.bodies import Answer, Query, Request
from notebook_agents_server.dialects.tektra.system_wire import ErrorDetail
from notebook_agents_server.dialects.tektra.wire import Attachment, NonEmpty, TokenUsage


class MessageFrame(Request):
    """WebSocket / Real-time Conversations: the client says something."""

    type: Literal["message"]
    content: NonEmpty
    metadata: dict[str, Any] = Field(default_factory=dict)
    attachments: list[Attachment] = Field(default_factory=list)


class CancelFrame(Request):
    """Addition of ours: stop what is going on."""

    type: Literal["cancel"]
    run_id: str | None = None
    """One run; without it every run that this socket follows."""


class PongFrame(Request):
    """Addition of ours: an answer to a ping, which needs none."""

    type: Literal["pong", "ping"]


ClientFrame: TypeAlias = Annotated[
    MessageFrame | CancelFrame | PongFrame, Field(discriminator="type")
]
CLIENT_FRAMES: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)


class ServerFrame(Answer):
    """What every frame of a run carries, beyond the document."""

    run_id: str
    conversation_id: str
    sequence: int
    """Number of the event in its run; ``?after=`` resumes behind it."""


class TokenFrame(ServerFrame):
    """WebSocket / Streaming Responses: part of the answer."""

    type: Literal["token"] = "token"
    content: str


class ToolExecutionFrame(ServerFrame):
    """WebSocket / Streaming Responses: a tool at work."""

    type: Literal["tool_execution"] = "tool_execution"
    tool: str
    status: Literal["started", "waiting_approval", "completed", "failed"]
    execution_time_ms: float | None = None


class CompleteFrame(ServerFrame):
    """WebSocket / Streaming Responses: the whole answer."""

    type: Literal["complete"] = "complete"
    content: str
    status: Literal["completed", "cancelled"] = "completed"
    token_usage: TokenUsage


class RunErrorFrame(ServerFrame):
    """The run could not answer."""

    type: Literal["error"] = "error"
    error: dict[str, Any]


class ErrorFrame(Answer):
    """Something else went wrong, such as a frame of the client."""

    type: Literal["error"] = "error"
    error: ErrorDetail


class PingFrame(Answer):
    """The connection is alive."""

    type: Literal["ping"] = "ping"
    timestamp: AwareDatetime


RunFrame: TypeAlias = TokenFrame | ToolExecutionFrame | CompleteFrame | RunErrorFrame
ServerFrames: TypeAlias = RunFrame | ErrorFrame | PingFrame
SERVER_FRAMES: TypeAdapter[ServerFrames] = TypeAdapter(ServerFrames)


class ResumeQuery(Query):
    """Addition of ours: where a client that comes back left."""

    run_id: str = ""
    """The run it followed."""
    after: str = Field(default="", pattern=r"^[0-9]*$")
    """The ``sequence`` of the last frame it has."""
