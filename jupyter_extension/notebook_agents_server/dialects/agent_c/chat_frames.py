"""Agent C API Documentation, Chat: what a chat streams, one JSON object after the other.

The document says "plain text chunks"; these are the objects that its clients read line by line.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Frame(BaseModel):
    """One object of a chat's stream."""

    model_config = ConfigDict(extra="forbid")


class InteractionStart(Frame):
    """The message was taken; sent before any model works."""

    type: Literal["interaction_start"] = "interaction_start"
    id: str
    session_id: str


class CompletionState(Frame):
    """How a step of the model does; its token counts once it has ended."""

    running: bool
    stop_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class CompletionStatus(Frame):
    """A step of the model begins or ends, or the interaction ends before its answer did."""

    type: Literal["completion_status"] = "completion_status"
    data: CompletionState


class Content(Frame):
    """The next piece of the answer."""

    type: Literal["content"] = "content"
    data: str
    vendor: str
    format: Literal["markdown"] = "markdown"


class ThoughtDelta(Frame):
    """A thought that the model wrote down."""

    type: Literal["thought_delta"] = "thought_delta"
    data: str
    vendor: str
    format: Literal["text"] = "text"


class CalledTool(Frame):
    """One tool call; its arguments are JSON in a text."""

    id: str
    name: str
    arguments: str


class ToolCalls(Frame):
    """The model asks for tools."""

    type: Literal["tool_calls"] = "tool_calls"
    tool_calls: list[CalledTool]
    vendor: str


class ToolAnswer(Frame):
    """What one tool call came to."""

    role: Literal["tool"] = "tool"
    tool_call_id: str
    name: str
    content: str


class ToolResults(Frame):
    """Tools have answered."""

    type: Literal["tool_results"] = "tool_results"
    tool_results: list[ToolAnswer]
    vendor: str


class MediaSource(Frame):
    """What made a figure."""

    name: str
    session_id: str


class RenderMedia(Frame):
    """A figure: plotly JSON ``{data, layout}``, or an image in base64, as its type says."""

    type: Literal["render_media"] = "render_media"
    content: str
    content_type: str
    role: Literal["assistant"] = "assistant"
    metadata: MediaSource


class ApprovalWish(Frame):
    """A tool call that a person must allow first."""

    tool_call_id: str
    name: str
    arguments: str
    reason: str
    decide: str
    """Where the answer goes."""


class ToolApproval(Frame):
    """Beyond the document: the chat waits, as long as it takes, for ``POST /api/v1/approve``."""

    type: Literal["tool_approval"] = "tool_approval"
    data: ApprovalWish


class Notice(Frame):
    """Something the person should know; the chat goes on."""

    type: Literal["message"] = "message"
    data: str
    critical: bool = False


class SpokenMessage(Frame):
    """One message of the history."""

    role: str
    content: str


class History(Frame):
    """The session's messages after the interaction: the newest ones, oldest first."""

    type: Literal["history"] = "history"
    messages: list[SpokenMessage]
    message_count: int
    """Of all messages of the session."""
    vendor: str
    model_name: str


class Failed(Frame):
    """The interaction failed."""

    type: Literal["error"] = "error"
    data: str


class InteractionEnd(Frame):
    """The last object of a chat, and there is one of it."""

    type: Literal["interaction_end"] = "interaction_end"
    id: str
    session_id: str


ChatFrame: TypeAlias = Annotated[
    InteractionStart
    | CompletionStatus
    | Content
    | ThoughtDelta
    | ToolCalls
    | ToolResults
    | RenderMedia
    | ToolApproval
    | Notice
    | History
    | Failed
    | InteractionEnd,
    Field(discriminator="type"),
]
FRAMES: TypeAdapter[Any] = TypeAdapter(ChatFrame)
