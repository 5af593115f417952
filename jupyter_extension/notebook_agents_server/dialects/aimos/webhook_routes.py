"""AIMOS's webhooks: the document shows what is sent; where it is sent to is configured here."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.aimos import webhook_mapping as mapping
from notebook_agents_server.dialects.aimos import webhook_wire as wire
from notebook_agents_server.dialects.aimos.dialect import AIMOS
from notebook_agents_server.operations import operation

TOTAL_HEADER = "X-Total-Count"


class WebhookHandler(BaseHandler):
    """A handler of webhooks that answers errors as AIMOS documents them."""

    dialect: ClassVar[Dialect] = AIMOS
    endpoint: ClassVar[str] = "/api/webhooks"


class Webhooks(WebhookHandler):
    """``/api/webhooks``."""

    @operation(query=wire.ListWebhooksQuery, answer=wire.WebhooksAnswer)
    async def get(self) -> None:
        """List your webhooks, newest first; their number is in ``X-Total-Count``."""
        query = self.parse_query(wire.ListWebhooksQuery)
        limit = mapping.limit_from_wire(query)
        page = await self.core.webhooks.list(self.actor, limit=limit, offset=query.skip)
        self.set_header(TOTAL_HEADER, str(page.total))
        self.reply(mapping.webhooks_to_wire(page))

    @operation(body=wire.CreateWebhookRequest, answer=wire.WebhookAnswer, status=201, errors=(400,))
    async def post(self) -> None:
        """Subscribe an address to your events; by default to completed executions."""
        wish = mapping.create_from_wire(self.parse(wire.CreateWebhookRequest))
        webhook = await self.core.webhooks.create(self.actor, wish)
        self.reply(mapping.webhook_to_wire(webhook), status=201)


class Webhook(WebhookHandler):
    """``/api/webhooks/{webhook_id}``."""

    endpoint = "/api/webhooks/{webhook_id}"

    @operation(answer=wire.WebhookAnswer)
    async def get(self, webhook_id: str) -> None:
        """Get a webhook, without its secret."""
        id = self.id_of("webhook", webhook_id)
        self.reply(mapping.webhook_to_wire(await self.core.webhooks.get(self.actor, id)))

    @operation(body=wire.UpdateWebhookRequest, answer=wire.WebhookAnswer, errors=(400,))
    async def put(self, webhook_id: str) -> None:
        """Change what is given of a webhook."""
        id = self.id_of("webhook", webhook_id)
        changes = mapping.changes_from_wire(self.parse(wire.UpdateWebhookRequest))
        webhook = await self.core.webhooks.update(self.actor, id, changes)
        self.reply(mapping.webhook_to_wire(webhook))

    @operation(status=204)
    async def delete(self, webhook_id: str) -> None:
        """Delete a webhook and all its deliveries."""
        await self.core.webhooks.delete(self.actor, self.id_of("webhook", webhook_id))
        self.set_status(204)
        self.finish()


class Ping(WebhookHandler):
    """``POST /api/webhooks/{webhook_id}/ping``."""

    endpoint = "/api/webhooks/{webhook_id}/ping"

    @operation(answer=wire.DeliveryAnswer, status=202, errors=(400,))
    async def post(self, webhook_id: str) -> None:
        """Send a test event; its delivery says what became of it."""
        id = self.id_of("webhook", webhook_id)
        delivery = await self.core.webhooks.ping(self.actor, id)
        self.reply(mapping.delivery_to_wire(delivery), status=202)


class Deliveries(WebhookHandler):
    """``/api/webhooks/{webhook_id}/deliveries``."""

    endpoint = "/api/webhooks/{webhook_id}/deliveries"

    @operation(query=wire.ListDeliveriesQuery, answer=wire.DeliveriesAnswer)
    async def get(self, webhook_id: str) -> None:
        """List what the webhook was and will be told, newest first."""
        wish = mapping.deliveries_from_wire(self.parse_query(wire.ListDeliveriesQuery))
        id = self.id_of("webhook", webhook_id)
        page = await self.core.webhooks.deliveries(self.actor, id, wish)
        self.set_header(TOTAL_HEADER, str(page.total))
        self.reply(mapping.deliveries_to_wire(page))


class Redelivery(WebhookHandler):
    """``POST /api/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver``."""

    endpoint = "/api/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"

    @operation(answer=wire.DeliveryAnswer, status=202, errors=(400,))
    async def post(self, webhook_id: str, delivery_id: str) -> None:
        """Send a delivery again, under its id."""
        id, which = self.id_of("webhook", webhook_id), self.id_of("delivery", delivery_id)
        delivery = await self.core.webhooks.redeliver(self.actor, id, which)
        self.reply(mapping.delivery_to_wire(delivery), status=202)


ROUTES: list[Route] = [
    (r"/api/webhooks", Webhooks),
    (r"/api/webhooks/([^/]+)", Webhook),
    (r"/api/webhooks/([^/]+)/ping", Ping),
    (r"/api/webhooks/([^/]+)/deliveries", Deliveries),
    (r"/api/webhooks/([^/]+)/deliveries/([^/]+)/redeliver", Redelivery),
]
