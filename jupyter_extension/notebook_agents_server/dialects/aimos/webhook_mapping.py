"""Between AIMOS's webhooks and the core's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.ports import Page
from notebook_agents.core.webhooks import CreateWebhook, ListDeliveries, WebhookChanges
from notebook_agents_server.dialects.aimos import webhook_wire as wire
from notebook_agents_server.dialects.aimos.mapping import MAX_LIMIT

if TYPE_CHECKING:
    from notebook_agents.core.deliveries import Delivery
    from notebook_agents.core.webhooks import Webhook

MASKED = "********"
"""As long for every secret."""


def create_from_wire(body: wire.CreateWebhookRequest) -> CreateWebhook:
    """The wish for a webhook."""
    return CreateWebhook(url=body.url, events=tuple(body.events), secret=body.secret)


def changes_from_wire(body: wire.UpdateWebhookRequest) -> WebhookChanges:
    """The changes of a partial update."""
    return WebhookChanges(
        url=body.url,
        events=None if body.events is None else tuple(body.events),
        secret=body.secret,
        is_enabled=None if body.status is None else body.status == "active",
    )


def limit_from_wire(query: wire.ListWebhooksQuery) -> int:
    """Larger limits are cut, not refused."""
    return min(query.limit, MAX_LIMIT)


def deliveries_from_wire(query: wire.ListDeliveriesQuery) -> ListDeliveries:
    """Which deliveries to list."""
    return ListDeliveries(state=query.status, limit=limit_from_wire(query), offset=query.skip)


def webhook_to_wire(webhook: Webhook) -> wire.WebhookAnswer:
    """A webhook without its secret."""
    return wire.WebhookAnswer(
        id=webhook.id,
        url=webhook.url,
        events=list(webhook.events),
        secret=MASKED,
        status="active" if webhook.is_enabled else "inactive",
        status_reason=webhook.disabled_reason or None,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
    )


def webhooks_to_wire(page: Page[Webhook]) -> wire.WebhooksAnswer:
    """Webhooks as a bare list."""
    return wire.WebhooksAnswer([webhook_to_wire(webhook) for webhook in page.items])


def delivery_to_wire(delivery: Delivery) -> wire.DeliveryAnswer:
    """A delivery with its attempts."""
    attempts = [
        wire.AttemptAnswer(
            at=attempt.at,
            status_code=attempt.status_code,
            duration_ms=round(attempt.duration_ms, 3),
            error=attempt.error or None,
        )
        for attempt in delivery.attempts
    ]
    return wire.DeliveryAnswer(
        id=delivery.id,
        event=delivery.event,
        status=delivery.state,
        timestamp=delivery.occurred_at,
        data=delivery.data,
        attempts=attempts,
        next_attempt_at=delivery.next_attempt_at if delivery.state == "pending" else None,
        finished_at=delivery.finished_at,
    )


def deliveries_to_wire(page: Page[Delivery]) -> wire.DeliveriesAnswer:
    """Deliveries as a bare list."""
    return wire.DeliveriesAnswer([delivery_to_wire(delivery) for delivery in page.items])
