"""AI-Agent-API-Service, Session Endpoints: sessions, their messages and tool calls.

Named as the document names them. Requests refuse unknown fields; answers may grow.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, StringConstraints

from notebook_agents.core.conversation_states import ConversationMode, ConversationState
from notebook_agents_server.bodies import Answer, Request
from notebook_agents_server.dialects.agent_api.paging import PageAnswer, PageQuery
from notebook_agents_server.dialects.agent_api.sdk_options import (
    PermissionMode,
    Prompt,
    SdkOptions,
    ToolNames,
)

MAX_MESSAGE_CHARS = 50_000
MAX_TIMEOUT_S = 3600

Name: TypeAlias = Annotated[str, StringConstraints(max_length=255)]
Description: TypeAlias = Annotated[str, StringConstraints(max_length=10_000)]
GivenMode: TypeAlias = Literal["interactive", "background", "non_interactive"]
"""``non_interactive`` is another word for ``background``; a fork is made by forking."""
GivenId: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class CreateSessionRequest(Request):
    """POST /api/v1/sessions; what a template says is overridden by what is said here."""

    name: Name | None = None
    mode: GivenMode | None = None
    sdk_options: SdkOptions = Field(default_factory=SdkOptions)
    template_id: GivenId | None = None
    description: Description | None = None
    metadata: dict[str, Any] | None = None
    """The client's own notes; given back as they came."""
    allowed_tools: ToolNames | None = None
    """The same as in ``sdk_options``, which wins."""
    permission_mode: PermissionMode | None = None
    """The same as in ``sdk_options``, which wins."""
    system_prompt: Prompt | None = None
    """The same as in ``sdk_options``, which wins."""
    timeout_seconds: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)] | None = None
    """Of one query, waiting for a person not counted."""


class SessionAnswer(Answer):
    """POST /api/v1/sessions; the same in lists and of forks."""

    id: str
    user_id: str
    name: str
    mode: ConversationMode
    status: ConversationState
    sdk_options: dict[str, Any]
    working_directory_path: str
    description: str
    metadata: dict[str, Any]
    template_id: str | None
    parent_session_id: str | None
    is_fork: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime
    archived_at: AwareDatetime | None


class SessionDetailAnswer(SessionAnswer):
    """GET /api/v1/sessions/{session_id}."""

    total_messages: int
    total_tool_calls: int
    total_cost_usd: float | None
    """None where no price is known."""
    api_input_tokens: int
    api_output_tokens: int
    started_at: AwareDatetime | None


class SessionsQuery(PageQuery):
    """GET /api/v1/sessions."""

    status: ConversationState | None = None
    mode: Literal[ConversationMode, "non_interactive"] | None = None


class SessionsAnswer(PageAnswer[SessionAnswer]):
    """GET /api/v1/sessions."""


class ForkRequest(Request):
    """POST /api/v1/sessions/{session_id}/fork."""

    name: Name | None = None
    fork_at_message: Annotated[int, Field(ge=0)] | None = None
    """The ``sequence_number`` of the last message that both have; None takes all."""
    include_working_directory: bool = True


# -- query ---------------------------------------------------------------------------------------


class QueryRequest(Request):
    """POST /api/v1/sessions/{session_id}/query."""

    message: Annotated[
        str, StringConstraints(min_length=1, max_length=MAX_MESSAGE_CHARS, pattern=r"\S")
    ]


class TextContent(Answer):
    """What was answered."""

    type: Literal["text"] = "text"
    text: str


class QueryToolCall(Answer):
    """A use of a tool for a query."""

    id: str
    tool_name: str
    tool_input: dict[str, Any]
    status: Literal["success", "error", "pending"]


class Metrics(Answer):
    """What a query used up."""

    duration_ms: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class PendingApproval(Answer):
    """A tool call that waits for a person."""

    id: str
    tool_name: str
    tool_input: dict[str, Any]
    reason: str
    requested_at: AwareDatetime


class QueryAnswer(Answer):
    """POST /api/v1/sessions/{session_id}/query."""

    session_id: str
    message_id: str
    content: TextContent
    tool_calls: list[QueryToolCall]
    metrics: Metrics
    status: Literal["completed", "waiting", "cancelled", "timed_out", "failed"]
    """``waiting``: a person must decide on ``pending_approvals`` before there is an answer."""
    error_message: str | None
    """Why it is not ``completed``, where there is more to say."""
    pending_approvals: list[PendingApproval]
    query_id: str
    """Names the query in the frames of the socket."""


class ApprovalsAnswer(Answer):
    """Addition of ours: what waits for a person."""

    items: list[PendingApproval]
    total: int


class Decision(Request):
    """A person's answer to one tool call."""

    id: GivenId
    decision: Literal["allow", "deny"]
    message: Description | None = None
    """Told to the model when the call is denied."""


class ApprovalRequest(Request):
    """Addition of ours: one ``decision`` for all calls that wait, or ``decisions`` one by one.

    A call that is not named is denied. ``message`` goes with ``decision``.
    """

    decision: Literal["allow", "deny"] | None = None
    message: Description | None = None
    decisions: Annotated[list[Decision], Field(min_length=1, max_length=1000)] | None = None


# -- messages and tool calls ---------------------------------------------------------------------


class MessageContent(Answer):
    """What a message says; more of it stands beside ``content``."""

    content: str
    tool_calls: list[dict[str, Any]] | None = None
    tool_results: list[dict[str, Any]] | None = None
    attachments: list[dict[str, Any]] | None = None


class MessageRow(Answer):
    """GET /api/v1/sessions/{session_id}/messages; ``model`` only of what one wrote."""

    id: str
    message_type: Literal["user", "assistant", "system", "tool_result"]
    content: MessageContent
    sequence_number: int
    model: str | None = None
    created_at: AwareDatetime


class MessagesAnswer(PageAnswer[MessageRow]):
    """GET /api/v1/sessions/{session_id}/messages."""


class ToolCallRow(Answer):
    """GET /api/v1/sessions/{session_id}/tool-calls."""

    id: str
    tool_name: str
    tool_input: dict[str, Any]
    tool_output: dict[str, Any] | None
    """None while it is pending."""
    status: Literal["success", "error", "pending"]
    duration_ms: int | None
    """None where nobody measured it."""
    created_at: AwareDatetime


class ToolCallsAnswer(PageAnswer[ToolCallRow]):
    """GET /api/v1/sessions/{session_id}/tool-calls."""


# -- archive -------------------------------------------------------------------------------------


class ArchiveRequest(Request):
    """POST /api/v1/sessions/{session_id}/archive."""

    compression: Literal["gzip"] = "gzip"


class ArchivedFile(Answer):
    """A file of an archive."""

    path: str
    size_bytes: int


class Manifest(Answer):
    """What an archive holds; ``files`` are the first of them."""

    files: list[ArchivedFile]
    file_count: int
    total_bytes: int
    """Before compression."""
    sha256: str
    """Of the archive."""


class ArchiveAnswer(Answer):
    """POST /api/v1/sessions/{session_id}/archive."""

    archive_id: str
    archive_path: str
    archive_size_bytes: int
    file_count: int
    id: str
    session_id: str
    size_bytes: int
    compression: Literal["gzip"]
    manifest: Manifest
    status: Literal["completed"]
    archived_at: AwareDatetime
