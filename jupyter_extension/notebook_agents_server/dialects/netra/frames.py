"""Netra API Reference, WebSocket API: what both sides of the socket say.

Every message has a ``type`` and ``data``; from a client ``payload`` is another word for ``data``.
A message of the client may have an ``id`` of its own choice, which comes back with everything that
answers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, TypeAdapter, model_validator

from notebook_agents_server.bodies import Answer, Request
from notebook_agents_server.dialects.netra.wire import Parameters, Result, Text

ShortText: TypeAlias = Annotated[str, Field(max_length=200)]


class ClientMessage(Request):
    """Message Format, from the client."""

    id: ShortText | None = None
    timestamp: ShortText | None = None
    """Kept with the run that the message starts."""

    @model_validator(mode="before")
    @classmethod
    def _take_payload(cls, value: Any) -> Any:
        if isinstance(value, dict) and "payload" in value and "data" not in value:
            return {"data" if name == "payload" else name: v for name, v in value.items()}
        return value


class OptimizationRequest(Request):
    """Message Types / optimization_request; ``thread_id`` is an addition of ours."""

    message: Text
    workload_id: str | None = None
    parameters: Parameters = Field(default_factory=Parameters)
    thread_id: str | None = None
    """Without it the first request of a socket begins a thread and later ones continue it."""


class OptimizationRequestMessage(ClientMessage):
    """Message Types / optimization_request."""

    type: Literal["optimization_request"]
    data: OptimizationRequest


class StopProcessing(Request):
    """Message Types / stop_processing; without a run, all that this socket asked for."""

    run_id: str | None = None


class StopProcessingMessage(ClientMessage):
    """Message Types / stop_processing."""

    type: Literal["stop_processing"]
    data: StopProcessing = Field(default_factory=StopProcessing)


class Nothing(Request):
    """No data."""


class PingMessage(ClientMessage):
    """Message Types / ping."""

    type: Literal["ping"]
    data: Nothing | None = None


ClientFrame: TypeAlias = Annotated[
    OptimizationRequestMessage | StopProcessingMessage | PingMessage, Field(discriminator="type")
]
CLIENT_FRAMES: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)


class Kind(Answer):
    """What a message of a client is, before anything else is known of it."""

    type: ShortText


KINDS: TypeAdapter[Kind] = TypeAdapter(Kind)
FRAMES: Mapping[str, TypeAdapter[ClientFrame]] = {
    "optimization_request": TypeAdapter(OptimizationRequestMessage),
    "stop_processing": TypeAdapter(StopProcessingMessage),
    "ping": TypeAdapter(PingMessage),
}
"""One by one, so that errors name fields as the client wrote them."""
TYPES = tuple(FRAMES)
"""What a client may say."""


class ServerMessage(Answer):
    """Message Format, from the server."""

    timestamp: AwareDatetime
    id: str | None = None
    """The client's name of the message that this answers."""


class RunData(Answer):
    """Which run it is about, beyond the document."""

    run_id: str
    thread_id: str


class AgentUpdate(RunData):
    """Message Types / agent_update."""

    agent: str
    status: Literal["processing", "completed", "cancelled"]
    message: str
    progress: int


class AgentUpdateMessage(ServerMessage):
    """Message Types / agent_update."""

    type: Literal["agent_update"] = "agent_update"
    data: AgentUpdate


class AgentResult(RunData):
    """Message Types / agent_result; ``message`` is the answer in words."""

    success: bool
    message: str
    result: Result


class AgentResultMessage(ServerMessage):
    """Message Types / agent_result."""

    type: Literal["agent_result"] = "agent_result"
    data: AgentResult


class ErrorData(Answer):
    """Message Types / error; with a run it is the end of that run."""

    code: str
    message: str
    details: str
    run_id: str | None = None
    thread_id: str | None = None


class ErrorMessage(ServerMessage):
    """Message Types / error."""

    type: Literal["error"] = "error"
    data: ErrorData


class StatusData(Answer):
    """Message Types / status."""

    connected: bool
    authenticated: bool
    user_id: int


class StatusMessage(ServerMessage):
    """Message Types / status."""

    type: Literal["status"] = "status"
    data: StatusData


class PongMessage(ServerMessage):
    """Message Types / pong."""

    type: Literal["pong"] = "pong"


RunMessage: TypeAlias = AgentUpdateMessage | AgentResultMessage | ErrorMessage
ServerFrame: TypeAlias = Annotated[
    StatusMessage | AgentUpdateMessage | AgentResultMessage | ErrorMessage | PongMessage,
    Field(discriminator="type"),
]
SERVER_FRAMES: TypeAdapter[ServerFrame] = TypeAdapter(ServerFrame)
