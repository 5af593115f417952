"""AIMOS integration guide, Webhook Integration: the documented payload.

The document has no way to register a webhook; ``/api/webhooks`` is an addition of ours.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, RootModel, StringConstraints, model_validator

from notebook_agents_server.bodies import Answer, Query, Request
from notebook_agents_server.dialects.aimos.wire import Limit, Skip

WebhookEvent: TypeAlias = Literal[
    "agent.execution.completed",
    "agent.execution.failed",
    "agent.created",
    "agent.deleted",
    "conversation.completed",
    "tool.executed",
    "security.violation",
]
"""The document's one first; the others are Tektra's and one of ours."""
Events: TypeAlias = Annotated[list[WebhookEvent], Field(min_length=1)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
DeliveryStatus: TypeAlias = Literal["pending", "delivered", "dead"]


class CreateWebhookRequest(Request):
    """Addition of ours: where to send what, and what to sign it with."""

    url: Text
    secret: Text
    events: Events = Field(default=["agent.execution.completed"])


class UpdateWebhookRequest(Request):
    """Addition of ours: what is left out stays as it is."""

    url: Text | None = None
    secret: Text | None = None
    events: Events | None = None
    status: Literal["active", "inactive"] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> UpdateWebhookRequest:
        if not self.model_fields_set:
            raise ValueError("give at least one field to change")
        return self


class ListWebhooksQuery(Query):
    """Addition of ours: which part of a list."""

    skip: Skip = 0
    limit: Limit = 100


class ListDeliveriesQuery(ListWebhooksQuery):
    """Addition of ours: which deliveries."""

    status: DeliveryStatus | None = None


class WebhookAnswer(Answer):
    """Addition of ours: a webhook; its secret is never shown again."""

    id: str
    url: str
    events: list[str]
    secret: str
    """Asterisks."""
    status: Literal["active", "inactive"]
    status_reason: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class WebhooksAnswer(RootModel[list[WebhookAnswer]]):
    """Addition of ours: the caller's webhooks."""


class AttemptAnswer(Answer):
    """Addition of ours: one try to deliver."""

    at: AwareDatetime
    status_code: int | None
    duration_ms: float
    error: str | None


class DeliveryAnswer(Answer):
    """Addition of ours: an event on its way to a webhook."""

    id: str
    """What the header ``webhook-id`` says."""
    event: str
    status: DeliveryStatus
    timestamp: AwareDatetime
    data: dict[str, Any]
    attempts: list[AttemptAnswer]
    next_attempt_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class DeliveriesAnswer(RootModel[list[DeliveryAnswer]]):
    """Addition of ours: what a webhook was and will be told, newest first."""


class WebhookPayload(Answer):
    """Webhook Integration: payload example."""

    event: WebhookEvent
    timestamp: AwareDatetime
    data: dict[str, Any]
    signature: str
