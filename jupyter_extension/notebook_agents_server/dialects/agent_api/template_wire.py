"""AI-Agent-API-Service, Session Template Endpoints."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AwareDatetime, Field, StringConstraints

from notebook_agents.core.conversation_states import ConversationMode
from notebook_agents_server.bodies import Answer, Request
from notebook_agents_server.dialects.agent_api.paging import PageAnswer, PageQuery
from notebook_agents_server.dialects.agent_api.sdk_options import SdkOptions
from notebook_agents_server.dialects.agent_api.session_wire import Description, GivenMode

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
Category: TypeAlias = Annotated[str, StringConstraints(max_length=100)]


class CreateTemplateRequest(Request):
    """POST /api/v1/session-templates."""

    name: Name
    description: Description | None = None
    category: Category | None = None
    sdk_options: SdkOptions = Field(default_factory=SdkOptions)
    default_mode: GivenMode = "interactive"
    is_public: bool = False


class ChangeTemplateRequest(Request):
    """Addition of ours, PUT /api/v1/session-templates/{template_id}; what is not given stays."""

    name: Name | None = None
    description: Description | None = None
    category: Category | None = None
    sdk_options: SdkOptions | None = None
    default_mode: GivenMode | None = None
    is_public: bool | None = None


class TemplateAnswer(Answer):
    """A template, in lists too."""

    id: str
    user_id: str
    name: str
    description: str
    category: str | None
    sdk_options: dict[str, Any]
    default_mode: ConversationMode
    is_public: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TemplatesQuery(PageQuery):
    """GET /api/v1/session-templates."""

    category: Category | None = None
    """Without regard to case."""
    is_public: bool | None = None


class TemplatesAnswer(PageAnswer[TemplateAnswer]):
    """GET /api/v1/session-templates."""
