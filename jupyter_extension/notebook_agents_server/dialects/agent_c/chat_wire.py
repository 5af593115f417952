"""Agent C API Documentation, Chat: bodies and queries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from notebook_agents_server.bodies import Answer, Query, Request
from notebook_agents_server.dialects.agent_c.session_wire import SessionId


class ChatRequest(Request):
    """Chat with Agent: form."""

    ui_session_id: SessionId
    message: Annotated[str, StringConstraints(min_length=1)]
    file_ids: Annotated[str, StringConstraints(max_length=10_000)] = ""
    """A JSON array of ids of uploaded files."""


class ChatQuery(Query):
    """Beyond the document: how the answer is written."""

    format: Literal["json", "text", "sse"] | None = None
    """A JSON object per line, bare text, or server-sent events; else ``Accept`` decides."""


class CancelRequest(Request):
    """Cancel Chat Interaction: form."""

    ui_session_id: SessionId


class CancelAnswer(Answer):
    """Cancel Chat Interaction: response."""

    status: Literal["success"] = "success"
    message: str


class Approval(Request):
    """Beyond the document: a person's answer to one tool call."""

    tool_call_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    approved: bool
    feedback: Annotated[str, StringConstraints(max_length=2000)] = ""
    """Told to the model when the call is denied."""


class ApproveRequest(Request):
    """Beyond the document: answers to the tool calls that a chat waits for."""

    ui_session_id: SessionId
    approvals: Annotated[list[Approval], Field(min_length=1, max_length=100)]
    """Calls that wait and are not named are denied."""


class ApproveAnswer(Answer):
    """Beyond the document: the answers were taken."""

    status: Literal["success"] = "success"
    message: str = "The answer goes on"
    ui_session_id: str
