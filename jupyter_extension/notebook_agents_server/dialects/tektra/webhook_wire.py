"""Tektra AI Assistant API reference, Webhook Integration: the documented bodies.

The document has no answers and no way to look at webhooks again; those are additions of ours.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, model_validator

from notebook_agents_server.bodies import LARGEST_OFFSET, Answer, Query, Request
from notebook_agents_server.dialects.tektra.wire import NonEmpty

WebhookEvent: TypeAlias = Literal[
    "agent.created",
    "agent.deleted",
    "conversation.completed",
    "tool.executed",
    "security.violation",
    "agent.execution.completed",
    "agent.execution.failed",
]
"""The document's five, and two of ours that AIMOS's document is the model of."""
Events: TypeAlias = Annotated[list[WebhookEvent], Field(min_length=1)]
DeliveryStatus: TypeAlias = Literal["pending", "delivered", "dead"]


class ConfigureWebhookRequest(Request):
    """Webhook Integration / Configure Webhooks."""

    url: NonEmpty
    events: Events
    secret: NonEmpty


class UpdateWebhookRequest(Request):
    """Addition of ours: a partial merge, as of agents."""

    url: NonEmpty | None = None
    events: Events | None = None
    secret: NonEmpty | None = None
    status: Literal["active", "inactive"] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> UpdateWebhookRequest:
        if not self.model_fields_set:
            raise ValueError("give at least one field to change")
        return self


class PageQuery(Query):
    """Addition of ours: which part of a list."""

    limit: int = Field(default=50, ge=0)
    offset: int = Field(default=0, ge=0, le=LARGEST_OFFSET)


class DeliveriesQuery(PageQuery):
    """Addition of ours: which deliveries."""

    status: DeliveryStatus | None = None


class WebhookAnswer(Answer):
    """Addition of ours: a webhook; its secret is never shown again."""

    webhook_id: str
    url: str
    events: list[str]
    secret: str
    """Asterisks."""
    status: Literal["active", "inactive"]
    status_reason: str | None
    """Why it is inactive when nobody asked for that."""
    created_at: AwareDatetime
    updated_at: AwareDatetime


class WebhooksAnswer(Answer):
    """Addition of ours: the caller's webhooks."""

    webhooks: list[WebhookAnswer]
    total: int
    limit: int
    offset: int


class WebhookDeletedAnswer(Answer):
    """Addition of ours, as of agents."""

    message: str
    webhook_id: str
    deleted_at: AwareDatetime


class AttemptAnswer(Answer):
    """Addition of ours: one try to deliver."""

    at: AwareDatetime
    status_code: int | None
    duration_ms: float
    error: str | None


class DeliveryAnswer(Answer):
    """Addition of ours: an event on its way to a webhook."""

    delivery_id: str
    message_id: str
    """What the header ``webhook-id`` says."""
    event: str
    status: DeliveryStatus
    timestamp: AwareDatetime
    """When it happened."""
    data: dict[str, Any]
    attempts: list[AttemptAnswer]
    """The last ones, oldest first."""
    next_attempt_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class DeliveriesAnswer(Answer):
    """Addition of ours: what a webhook was and will be told, newest first."""

    deliveries: list[DeliveryAnswer]
    total: int
    limit: int
    offset: int


class WebhookPayload(Answer):
    """Webhook Integration / Webhook Payload."""

    event: WebhookEvent
    timestamp: AwareDatetime
    data: dict[str, Any]
    signature: str
