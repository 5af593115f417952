"""Tektra AI Assistant API reference, Webhook Integration: the documented bodies."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import AwareDatetime

from notebook_agents_server.dialects.tektra.wire import Answer, NonEmpty, Request

WebhookEvent: TypeAlias = Literal[
    "agent.created",
    "agent.deleted",
    "conversation.completed",
    "tool.executed",
    "security.violation",
]


class ConfigureWebhookRequest(Request):
    """Webhook Integration / Configure Webhooks."""

    url: NonEmpty
    events: list[WebhookEvent]
    secret: NonEmpty


class WebhookPayload(Answer):
    """Webhook Integration / Webhook Payload."""

    event: WebhookEvent
    timestamp: AwareDatetime
    data: dict[str, Any]
    signature: str
