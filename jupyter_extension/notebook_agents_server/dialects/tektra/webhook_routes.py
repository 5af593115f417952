"""Tektra's webhooks: configuring them as documented; looking at, changing and testing are ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.tektra import webhook_mapping as mapping
from notebook_agents_server.dialects.tektra import webhook_wire as wire
from notebook_agents_server.dialects.tektra.dialect import TEKTRA
from notebook_agents_server.dialects.tektra.mapping import printed
from notebook_agents_server.operations import operation


class WebhookHandler(BaseHandler):
    """A handler of webhooks that answers errors as Tektra documents them."""

    dialect: ClassVar[Dialect] = TEKTRA


class Webhooks(WebhookHandler):
    """``/v1/webhooks``."""

    @operation(query=wire.PageQuery, answer=wire.WebhooksAnswer)
    async def get(self) -> None:
        """A page of your webhooks."""
        query = self.parse_query(wire.PageQuery)
        limit = mapping.limit_from_wire(query)
        page = await self.core.webhooks.list(self.actor, limit=limit, offset=query.offset)
        self.reply(mapping.webhooks_to_wire(page))

    @operation(
        body=wire.ConfigureWebhookRequest,
        answer=wire.WebhookAnswer,
        status=201,
        errors=(400,),
        example="configure_webhook",
    )
    async def post(self) -> None:
        """Subscribe an address to your events."""
        wish = mapping.create_from_wire(self.parse(wire.ConfigureWebhookRequest))
        webhook = await self.core.webhooks.create(self.actor, wish)
        self.reply(mapping.webhook_to_wire(webhook), status=201)


class Webhook(WebhookHandler):
    """``/v1/webhooks/{webhook_id}``."""

    @operation(answer=wire.WebhookAnswer)
    async def get(self, webhook_id: str) -> None:
        """One webhook, without its secret."""
        id = self.id_of("webhook", webhook_id)
        self.reply(mapping.webhook_to_wire(await self.core.webhooks.get(self.actor, id)))

    @operation(body=wire.UpdateWebhookRequest, answer=wire.WebhookAnswer, errors=(400,))
    async def put(self, webhook_id: str) -> None:
        """Change what is given; a new secret counts from the next attempt."""
        await self._change(webhook_id)

    @operation(body=wire.UpdateWebhookRequest, answer=wire.WebhookAnswer, errors=(400,))
    async def patch(self, webhook_id: str) -> None:
        """Change what is given, as PUT does."""
        await self._change(webhook_id)

    @operation(answer=wire.WebhookDeletedAnswer)
    async def delete(self, webhook_id: str) -> None:
        """Remove a webhook and all its deliveries."""
        webhook = await self.core.webhooks.delete(self.actor, self.id_of("webhook", webhook_id))
        self.reply(
            wire.WebhookDeletedAnswer(
                message="Webhook deleted successfully",
                webhook_id=printed("webhook", webhook.id),
                deleted_at=datetime.now(UTC),
            )
        )

    async def _change(self, webhook_id: str) -> None:
        id = self.id_of("webhook", webhook_id)
        changes = mapping.changes_from_wire(self.parse(wire.UpdateWebhookRequest))
        webhook = await self.core.webhooks.update(self.actor, id, changes)
        self.reply(mapping.webhook_to_wire(webhook))


class Ping(WebhookHandler):
    """``POST /v1/webhooks/{webhook_id}/ping``."""

    limit_group = "tool_execution"

    @operation(answer=wire.DeliveryAnswer, status=202, errors=(409,))
    async def post(self, webhook_id: str) -> None:
        """Send a test event; its delivery says what became of it."""
        id = self.id_of("webhook", webhook_id)
        delivery = await self.core.webhooks.ping(self.actor, id)
        self.reply(mapping.delivery_to_wire(delivery), status=202)


class Deliveries(WebhookHandler):
    """``/v1/webhooks/{webhook_id}/deliveries``."""

    @operation(query=wire.DeliveriesQuery, answer=wire.DeliveriesAnswer)
    async def get(self, webhook_id: str) -> None:
        """What the webhook was and will be told, newest first."""
        wish = mapping.deliveries_from_wire(self.parse_query(wire.DeliveriesQuery))
        id = self.id_of("webhook", webhook_id)
        page = await self.core.webhooks.deliveries(self.actor, id, wish)
        self.reply(mapping.deliveries_to_wire(page))


class Delivery(WebhookHandler):
    """``/v1/webhooks/{webhook_id}/deliveries/{delivery_id}``."""

    @operation(answer=wire.DeliveryAnswer)
    async def get(self, webhook_id: str, delivery_id: str) -> None:
        """One delivery with its attempts."""
        id, which = self.id_of("webhook", webhook_id), self.id_of("delivery", delivery_id)
        delivery = await self.core.webhooks.delivery(self.actor, id, which)
        self.reply(mapping.delivery_to_wire(delivery))


class Redelivery(WebhookHandler):
    """``POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver``."""

    limit_group = "tool_execution"

    @operation(answer=wire.DeliveryAnswer, status=202, errors=(409,))
    async def post(self, webhook_id: str, delivery_id: str) -> None:
        """Send a delivery again, under its id."""
        id, which = self.id_of("webhook", webhook_id), self.id_of("delivery", delivery_id)
        delivery = await self.core.webhooks.redeliver(self.actor, id, which)
        self.reply(mapping.delivery_to_wire(delivery), status=202)


ROUTES: list[Route] = [
    (r"/v1/webhooks", Webhooks),
    (r"/v1/webhooks/([^/]+)", Webhook),
    (r"/v1/webhooks/([^/]+)/ping", Ping),
    (r"/v1/webhooks/([^/]+)/deliveries", Deliveries),
    (r"/v1/webhooks/([^/]+)/deliveries/([^/]+)", Delivery),
    (r"/v1/webhooks/([^/]+)/deliveries/([^/]+)/redeliver", Redelivery),
]
