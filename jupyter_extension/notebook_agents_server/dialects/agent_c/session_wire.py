"""Agent C API Documentation, Sessions and Agent Configuration: bodies.

Named as the document names them. Requests refuse unknown fields; answers may grow.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field, StringConstraints

from notebook_agents_server.bodies import Answer, Request

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Prompt: TypeAlias = Annotated[str, StringConstraints(max_length=50_000)]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
SessionId: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Effort: TypeAlias = Annotated[str, StringConstraints(max_length=20)]

# -- Sessions ----------------------------------------------------------------------------------


class InitializeRequest(Request):
    """Initialize Agent Session: request."""

    model_name: Name
    backend: Name | None = None
    persona_name: Name | None = None
    custom_prompt: Prompt | None = None
    temperature: Number | None = None
    reasoning_effort: Effort | None = None
    budget_tokens: Count | None = None
    max_tokens: Count | None = None
    ui_session_id: SessionId | None = None
    """A session whose history goes on."""


class InitializeAnswer(Answer):
    """Initialize Agent Session: response."""

    ui_session_id: str
    agent_c_session_id: str
    not_applied: list[str]
    """Beyond the document: fields that this model does not have."""


class VerifyAnswer(Answer):
    """Verify Session: response."""

    valid: bool


# -- Agent Configuration -----------------------------------------------------------------------


class UpdateSettingsRequest(Request):
    """Update Agent Settings: request; what is null stays as it is and is named in the answer."""

    ui_session_id: SessionId
    persona_name: Name | None = None
    custom_prompt: Prompt | None = None
    temperature: Number | None = None
    reasoning_effort: Effort | None = None
    budget_tokens: Count | None = None


class SettingChange(Answer):
    """Update Agent Settings: one change; both values as text, cut to 10 characters."""

    from_: Annotated[str, Field(alias="from")]
    to: str


class UpdateSettingsAnswer(Answer):
    """Update Agent Settings: response."""

    status: Literal["success"] = "success"
    message: str
    changes_made: dict[str, SettingChange]
    skipped_null_values: list[str]
    failed_updates: list[str]


class Parameters(Answer):
    """What is set of a model; null leaves it to the model."""

    temperature: float | None
    reasoning_effort: str | None
    extended_thinking: bool
    budget_tokens: int
    max_tokens: int | None


class ModelState(Parameters):
    """Get Agent Configuration: ``model_info``."""

    name: str


class AgentConfig(Answer):
    """Get Agent Configuration: ``config``."""

    user_id: str
    custom_prompt: str
    ui_session_id: str
    agent_c_session_id: str
    backend: str
    model_info: ModelState
    initialized_tools: list[str]
    persona_name: str
    """Beyond the document."""


class AgentConfigAnswer(Answer):
    """Get Agent Configuration: response."""

    config: AgentConfig
    status: Literal["success"] = "success"


class UpdateToolsRequest(Request):
    """Update Agent Tools: request."""

    ui_session_id: SessionId
    tools: Annotated[list[Name], Field(max_length=200)]


class UpdateToolsAnswer(Answer):
    """Update Agent Tools: response."""

    status: Literal["success"] = "success"
    message: str = "Tools updated successfully"
    active_tools: list[str]
    ui_session_id: str
    agent_c_session_id: str


class AgentToolsAnswer(Answer):
    """Get Agent Tools: response."""

    initialized_tools: list[str]
    status: Literal["success"] = "success"


class InternalParameters(Answer):
    """Debug Agent State: ``internal_agent_params``."""

    type: str
    temperature: float | None
    reasoning_effort: str | None
    budget_tokens: int
    max_tokens: int | None
    model: str
    tools: list[str]
    instructions_chars: int


class AgentStateAnswer(Answer):
    """Debug Agent State: response."""

    status: Literal["success"] = "success"
    agent_bridge_params: Parameters
    internal_agent_params: InternalParameters


class DebugAgent(Answer):
    """Debug Chat Session: about the agent."""

    id: str
    name: str
    model: str
    persona_name: str
    policy: str
    toolsets: list[str]
    tools: list[str]


class DebugSession(Answer):
    """Debug Chat Session: about what the session manager knows."""

    state: str
    mode: str
    title: str
    started_through: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    active_run_id: str
    n_runs: int
    last_run_state: str


class DebugMessage(Answer):
    """Debug Chat Session: one message."""

    role: str
    content: str
    """Its beginning."""
    n_chars: int
    tool_calls: list[str]
    created_at: AwareDatetime


class DebugHistory(Answer):
    """Debug Chat Session: the newest messages, oldest first."""

    message_count: int
    messages: list[DebugMessage]


class ChatSessionAnswer(Answer):
    """Debug Chat Session: response."""

    status: Literal["success"] = "success"
    ui_session_id: str
    agent_c_session_id: str
    agent: DebugAgent
    session_manager: DebugSession
    message_history: DebugHistory
