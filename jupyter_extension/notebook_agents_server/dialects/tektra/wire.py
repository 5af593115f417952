"""Tektra AI Assistant API reference: the bodies and queries of agents, conversations and tools.

Named as the document names them. Requests refuse unknown fields; answers may grow.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AwareDatetime,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from notebook_agents_server.bodies import LARGEST_OFFSET, Answer, Query, Request

NonEmpty: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
SecurityLevel: TypeAlias = Literal["low", "medium", "high"]
AgentStatus: TypeAlias = Literal["created", "active", "idle", "inactive", "error"]
RunStatus: TypeAlias = Literal["completed", "failed"]


# -- Agents ------------------------------------------------------------------------------------


class CreateAgentRequest(Request):
    """Agents / Create Agent; without model or tools the deployment's own are taken."""

    name: NonEmpty
    description: str = ""
    model: str | None = None
    system_prompt: str = ""
    tools: list[str] | None = None
    security_level: SecurityLevel | None = None
    max_memory_mb: int | None = None
    timeout_seconds: float | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class UpdateAgentRequest(Request):
    """Agents / Update Agent: a partial merge."""

    name: NonEmpty | None = None
    description: str | None = None
    model: str | None = None
    system_prompt: str | None = None
    tools: list[str] | None = None
    security_level: SecurityLevel | None = None
    max_memory_mb: int | None = None
    timeout_seconds: float | None = None
    metadata: dict[str, Any] | None = None
    status: Literal["active", "inactive"] | None = None
    """Addition of ours: the filter knows inactive agents, so something must make them so."""

    @model_validator(mode="after")
    def _refuse_null(self) -> UpdateAgentRequest:
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise ValueError(f"{name} must not be null; leave it out to keep it")
        return self


class ListAgentsQuery(Query):
    """Agents / List Agents: query parameters."""

    status: AgentStatus | None = None
    model: str | None = None
    security_level: SecurityLevel | None = None
    limit: int = Field(default=50, ge=0)
    offset: int = Field(default=0, ge=0, le=LARGEST_OFFSET)


class Capabilities(Answer):
    """What an agent can do."""

    text_generation: bool
    code_execution: bool
    vision: bool
    tool_use: bool


class ResourceUsage(Answer):
    """What an agent's model takes on this machine now."""

    memory_mb: float
    cpu_percent: float
    gpu_memory_mb: float


class AgentCreatedAnswer(Answer):
    """Agents / Create Agent: response."""

    agent_id: str
    name: str
    status: AgentStatus
    created_at: AwareDatetime
    model: str
    capabilities: Capabilities
    resource_usage: ResourceUsage


class AgentSummary(Answer):
    """One row of the list of agents."""

    agent_id: str
    name: str
    status: AgentStatus
    model: str
    created_at: AwareDatetime
    last_used: AwareDatetime | None


class AgentsAnswer(Answer):
    """Agents / List Agents: response."""

    agents: list[AgentSummary]
    total: int
    limit: int
    offset: int


class Statistics(Answer):
    """Figures over an agent's runs."""

    total_requests: int
    successful_requests: int
    error_rate: float
    average_response_time_ms: float
    total_tokens_processed: int


class AgentAnswer(Answer):
    """Agents / Get Agent Details: response."""

    agent_id: str
    name: str
    description: str
    status: AgentStatus
    model: str
    system_prompt: str
    tools: list[str]
    security_level: SecurityLevel
    created_at: AwareDatetime
    updated_at: AwareDatetime
    statistics: Statistics
    resource_usage: ResourceUsage


class AgentDeletedAnswer(Answer):
    """Agents / Delete Agent: response."""

    message: str
    agent_id: str
    deleted_at: AwareDatetime


# -- Conversations -----------------------------------------------------------------------------


class Attachment(Request):
    """Content that travels with a message."""

    type: Literal["text", "code", "image", "file"]
    content: str
    name: str = ""
    """File name; a ``file`` needs one."""
    media_type: str = ""

    @field_validator("content")
    @classmethod
    def _image_is_base64(cls, content: str, info: Any) -> str:
        if info.data.get("type") == "image":
            try:
                base64.b64decode(content, validate=True)
            except binascii.Error as error:
                raise ValueError("the content of an image must be base64") from error
        return content


class ConversationContext(Request):
    """What the client says about itself; kept with the conversation, never interpreted."""

    user_id: str | None = None
    session_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class StartConversationRequest(Request):
    """Conversations / Start Conversation."""

    message: NonEmpty
    context: ConversationContext | None = None
    attachments: list[Attachment] = Field(default_factory=list)


class ContinueConversationRequest(Request):
    """Conversations / Continue Conversation: as the start, without context."""

    message: NonEmpty
    attachments: list[Attachment] = Field(default_factory=list)


class TokenUsage(Answer):
    """Tokens of an answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ToolUse(Answer):
    """One use of a tool in an answer."""

    tool: str
    execution_time_ms: float
    result: str


class ConversationAnswer(Answer):
    """Conversations / Start Conversation: response; a follow-up answers the same."""

    conversation_id: str
    agent_id: str
    message: str
    status: RunStatus
    created_at: AwareDatetime
    processing_time_ms: float
    token_usage: TokenUsage
    tools_used: list[ToolUse]


class HistoryMessage(Answer):
    """One message of a conversation."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    timestamp: AwareDatetime
    tools_used: list[str] | None = Field(default=None, exclude_if=lambda value: value is None)
    attachments: list[dict[str, str]] | None = Field(
        default=None, exclude_if=lambda value: value is None
    )
    """Addition of ours: kind and name of what came with the message."""


class HistoryAnswer(Answer):
    """Conversations / Get Conversation History: response."""

    conversation_id: str
    agent_id: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    message_count: int
    messages: list[HistoryMessage]


# -- Tools -------------------------------------------------------------------------------------


class ToolParameter(Answer):
    """One parameter of a tool."""

    type: str
    required: bool
    default: Any = Field(default=None, exclude_if=lambda value: value is None)
    description: str


class ToolAnswer(Answer):
    """One tool."""

    tool_id: str
    name: str
    description: str
    category: str
    security_level: SecurityLevel
    parameters: dict[str, ToolParameter]


class ToolsAnswer(Answer):
    """Tools / List Available Tools: response."""

    tools: list[ToolAnswer]


class SecurityContext(Request):
    """Who the client says it acts for, and the least sandbox level it wants."""

    user_id: str | None = None
    """A label for the server's log; the credential alone decides who acts."""
    security_level: SecurityLevel | None = None


class ExecuteToolRequest(Request):
    """Tools / Execute Tool."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    security_context: SecurityContext = Field(default_factory=SecurityContext)


class ToolOutcome(Answer):
    """What a tool answered; more keys where the tool has more to say."""

    output: str
    exit_code: int
    execution_time_ms: float


class ToolResourceUsage(Answer):
    """What an execution took."""

    memory_mb: float
    cpu_time_ms: float


class ExecutionAnswer(Answer):
    """Tools / Execute Tool: response."""

    execution_id: str
    tool_id: str
    status: Literal["completed"]
    result: ToolOutcome
    resource_usage: ToolResourceUsage
    security_events: list[str]
