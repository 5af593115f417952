"""Webhooks: subscriptions to what happens, told to an address elsewhere.

A webhook hears of its owner's events and nobody else's. What it is to be told is found in the event
log (`webhook_scan`), kept as a `Delivery` and sent until it arrives (`webhook_work`); here is what
people do with webhooks. The secret with which letters are signed is kept sealed and never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notebook_agents.core.deliveries import Delivery, DeliveryState, again
from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    Unsupported,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Delete, Insert, Page, Patch, Query
from notebook_agents.core.purging import remove_all
from notebook_agents.core.webhook_events import EVENT_NAMES, PING

if TYPE_CHECKING:
    from notebook_agents.core.deliveries import WebhookSender
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.users import Actor

MAX_WEBHOOKS = 100
"""Webhooks that one user may have."""
MAX_URL_CHARS = 2048
SECRET_CHARS = (8, 512)
"""The shortest and the longest secret."""


class WebhookInactive(Conflict):
    """Nothing is sent to this webhook as long as it is not enabled."""

    code = "webhook_inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where to tell what, and whether."""

    id: str
    owner_id: str
    url: str
    host: str
    """Host and port of the URL."""
    events: tuple[str, ...]
    sealed_secret: str = field(repr=False)
    """Encrypted with the server's own key."""
    is_enabled: bool = True
    disabled_reason: str = ""
    """Why it is not enabled, when nobody asked for that."""
    n_dead: int = 0
    """Deliveries given up since the last one that arrived."""
    active_since: datetime
    """It hears of what happens from then on: its creation, or when it was last enabled."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhook:
    """The wish for a webhook."""

    url: str
    events: tuple[str, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanges:
    """A partial update: only the fields that are not None change."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    secret: str | None = field(default=None, repr=False)
    is_enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeliveries:
    """Which deliveries of a webhook to list; newest first."""

    state: DeliveryState | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPorts:
    """What webhooks work with; a process without a sender delivers nothing."""

    store: Store
    clock: Clock
    sender: WebhookSender | None


class Webhooks:
    """Create, read, change, test and remove webhooks, and look at their deliveries."""

    def __init__(self, ports: WebhookPorts) -> None:
        self._ports = ports

    async def create(self, actor: Actor, wish: CreateWebhook) -> Webhook:
        """Subscribe an address to the actor's events.

        Raises InvalidRequest naming ``url``, ``events`` or ``secret``, LimitExceeded when the
        actor has too many.
        """
        url, now = wish.url.strip(), self._ports.clock.now()
        mine = Query(where={"owner_id": actor.user_id}, limit=1)
        if (await self._ports.store.find(Webhook, mine)).total >= MAX_WEBHOOKS:
            raise LimitExceeded(
                f"you have {MAX_WEBHOOKS} webhooks; delete one first", limit="webhooks"
            )
        webhook = Webhook(
            id=new_id(),
            owner_id=actor.user_id,
            url=url,
            host=await self._checked_host(url),
            events=_checked_events(wish.events),
            sealed_secret=self._sealed(wish.secret),
            active_since=now,
            created_at=now,
            updated_at=now,
        )
        await self._ports.store.commit(Insert(record=webhook))
        return webhook

    async def get(self, actor: Actor, id: str) -> Webhook:
        """One of the actor's webhooks; NotFound when it is not there or somebody else's."""
        webhook = await self._ports.store.get(Webhook, id)
        if webhook is None or not (webhook.owner_id == actor.user_id or actor.is_admin):
            raise NotFound("webhook", id)
        return webhook

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> Page[Webhook]:
        """The actor's webhooks, newest first."""
        query = Query(where={"owner_id": actor.user_id}, limit=limit, offset=offset)
        return await self._ports.store.find(Webhook, query)

    async def update(self, actor: Actor, id: str, changes: WebhookChanges) -> Webhook:
        """Change the given fields; enabling forgets why the webhook was disabled.

        What happened while a webhook was disabled is not told later.
        """
        webhook, now = await self.get(actor, id), self._ports.clock.now()
        values: dict[str, Any] = {"updated_at": now}
        if changes.url is not None:
            url = changes.url.strip()
            values |= {"url": url, "host": await self._checked_host(url)}
        if changes.events is not None:
            values["events"] = _checked_events(changes.events)
        if changes.secret is not None:
            values["sealed_secret"] = self._sealed(changes.secret)
        if changes.is_enabled is not None:
            values |= {"is_enabled": changes.is_enabled, "disabled_reason": "", "n_dead": 0}
        if changes.is_enabled and not webhook.is_enabled:
            values["active_since"] = now
        await self._ports.store.commit(Patch(kind=Webhook, id=id, fields=values))
        return replace(webhook, **values)

    async def delete(self, actor: Actor, id: str) -> Webhook:
        """Remove a webhook, what it still was to be told, and the log of its deliveries."""
        webhook = await self.get(actor, id)
        await self._ports.store.commit(Delete(kind=Webhook, id=id))
        await remove_all(self._ports.store, Delivery, Query(where={"webhook_id": id}))
        return webhook

    async def deliveries(self, actor: Actor, id: str, wish: ListDeliveries) -> Page[Delivery]:
        """What a webhook was and will be told."""
        webhook = await self.get(actor, id)
        where: dict[str, Any] = {"webhook_id": webhook.id}
        if wish.state is not None:
            where["state"] = wish.state
        query = Query(where=where, limit=wish.limit, offset=wish.offset)
        return await self._ports.store.find(Delivery, query)

    async def delivery(self, actor: Actor, id: str, delivery_id: str) -> Delivery:
        """One delivery of a webhook."""
        webhook = await self.get(actor, id)
        delivery = await self._ports.store.get(Delivery, delivery_id)
        if delivery is None or delivery.webhook_id != webhook.id:
            raise NotFound("delivery", delivery_id)
        return delivery

    async def redeliver(self, actor: Actor, id: str, delivery_id: str) -> Delivery:
        """Send a delivery again, at once and under the same id, whatever became of it.

        Raises WebhookInactive while the webhook is disabled.
        """
        self._require_enabled(await self.get(actor, id))
        delivery = await self.delivery(actor, id, delivery_id)
        due = again(delivery, self._ports.clock.now())
        names = ("state", "n_failed", "next_attempt_at", "finished_at")
        fields = {name: getattr(due, name) for name in names}
        await self._ports.store.commit(Patch(kind=Delivery, id=delivery.id, fields=fields))
        return due

    async def ping(self, actor: Actor, id: str) -> Delivery:
        """Queue a test; WebhookInactive while the webhook is disabled."""
        webhook = await self.get(actor, id)
        self._require_enabled(webhook)
        now = self._ports.clock.now()
        delivery = Delivery(
            id=new_id(),
            webhook_id=webhook.id,
            owner_id=webhook.owner_id,
            host=webhook.host,
            event=PING,
            event_id="",
            occurred_at=now,
            data={"webhook_id": f"webhook_{webhook.id.replace('-', '')}"},
            next_attempt_at=now,
            created_at=now,
        )
        await self._ports.store.commit(Insert(record=delivery))
        return delivery

    def _require_enabled(self, webhook: Webhook) -> None:
        self._sender()
        if not webhook.is_enabled:
            raise WebhookInactive(
                'the webhook is inactive; set its status to active first: PUT {"status": "active"}',
                status="inactive",
            )

    def _sender(self) -> WebhookSender:
        if self._ports.sender is None:
            raise Unsupported("webhooks are delivered by a server; start one: jupyter agents")
        return self._ports.sender

    async def _checked_host(self, url: str) -> str:
        if len(url) > MAX_URL_CHARS:
            raise InvalidRequest(f"a url has at most {MAX_URL_CHARS} characters", field="url")
        return await self._sender().check(url)

    def _sealed(self, secret: str) -> str:
        shortest, longest = SECRET_CHARS
        if not shortest <= len(secret) <= longest:
            raise InvalidRequest(f"a secret has {shortest} to {longest} characters", field="secret")
        return self._sender().seal(secret)


def _checked_events(events: Sequence[str]) -> tuple[str, ...]:
    if not events:
        raise InvalidRequest("name at least one event", field="events")
    for name in events:
        if name not in EVENT_NAMES:
            raise InvalidRequest(
                f"there is no event {name!r}; there are: {', '.join(EVENT_NAMES)}", field="events"
            )
    return tuple(dict.fromkeys(events))
