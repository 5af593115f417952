"""Delivering: take what is due, send it, keep what came of it.

Several servers may share the deliveries: whoever claims one has it until the lease ends, and then
another server may take it over. So each is sent at least once, and in peace just once. Attempts at
one receiver are bounded, and all those of one owner, so that a slow one holds up only itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notebook_agents.core.deliveries import (
    GONE,
    KEEP_DEAD,
    KEEP_DELIVERED,
    Delivery,
    DeliveryState,
    Letter,
    after,
    attempted,
    claimed,
    dead,
)
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.journal import Source
from notebook_agents.core.ports import Delete, Patch, Query
from notebook_agents.core.purging import remove_all
from notebook_agents.core.users import User
from notebook_agents.core.webhook_scan import EVERY, TOLD_TYPES, LogScan
from notebook_agents.core.webhooks import Webhook

if TYPE_CHECKING:
    from notebook_agents.core.deliveries import WebhookSender
    from notebook_agents.core.events import Event
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.observation_events import WebhookAttempted
    from notebook_agents.core.observations import Observations
    from notebook_agents.core.ports import Clock, EventLog, Store
    from notebook_agents.core.spawn import Supervisor

AT_ONCE = 32
"""Attempts of a server at the same time."""
AT_ONCE_PER_HOST = 4
AT_ONCE_PER_OWNER = 16
POLL_S = 1.0
"""How often deliveries are looked at that other processes, or time, made due."""
BROKEN_POLL_S = 10.0
"""The same after a round that failed, as all do while the database is away."""
SCAN_S = 5.0
"""How often the log is looked at for events of other processes."""
SCAN_SHARE = 0.05
"""At most this share of the time goes into that."""
PURGE_S = 3600.0
DEAD_IN_A_ROW = 10
"""After so many deliveries given up, with none between that arrived, a webhook is disabled."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPorts:
    """What delivering needs."""

    store: Store
    event_log: EventLog
    journal: Journal
    clock: Clock
    supervisor: Supervisor
    sender: WebhookSender
    observations: Observations
    share: Callable[[], float] = random.random
    """Which share of a wait to take, from 0 to 1: retries of many must not come together."""


class WebhookWork:
    """Finds what webhooks are to be told, and tells it."""

    def __init__(self, ports: DeliveryPorts) -> None:
        self._ports = ports
        self._scan = LogScan(ports.store, ports.event_log, ports.clock)
        self._sending: dict[asyncio.Task[None], Delivery] = {}
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._scan_at = self._purge_at = 0.0

    async def work(self) -> None:
        """Deliver until cancelled. What fails is logged and tried again a little later."""
        with self._ports.journal.subscribe(self._notice):
            while True:
                round_ = self._ports.supervisor.spawn(self._round(), name="a round of webhooks")
                await asyncio.wait((round_,))
                is_broken = round_.cancelled() or round_.exception() is not None
                with suppress(TimeoutError):
                    async with asyncio.timeout(BROKEN_POLL_S if is_broken else POLL_S):
                        await self._wake.wait()
                self._wake.clear()

    async def renew_secrets(self) -> None:
        """Seal with the server's newest key what an older one has sealed."""
        store = self._ports.store
        for webhook in (await store.find(Webhook, Query(limit=EVERY))).items:
            sealed = self._ports.sender.renew(webhook.sealed_secret)
            if sealed != webhook.sealed_secret:
                patch = Patch(
                    kind=Webhook,
                    id=webhook.id,
                    fields={"sealed_secret": sealed},
                    expected={"sealed_secret": webhook.sealed_secret},
                )
                with suppress(Conflict, NotFound):
                    await store.commit(patch)

    async def purge(self) -> None:
        """Forget deliveries that ended long ago."""
        await self._purge("delivered", KEEP_DELIVERED)
        await self._purge("dead", KEEP_DEAD)

    async def deliver(self) -> None:
        """Find and send all that is due now, and wait for it."""
        await self._scan.look()
        while True:
            await self._send_due()
            if not self._sending:
                return
            await asyncio.wait(self._sending)

    def _notice(self, event: Event) -> bool:
        """Remember where something happened; the log has what."""
        if event.type in TOLD_TYPES:
            self._changed.add(event.stream)
            self._wake.set()
        return False

    async def _round(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._scan_at:
            begun = loop.time()
            self._changed.clear()
            await self._scan.look()
            self._scan_at = loop.time() + max(SCAN_S, (loop.time() - begun) / SCAN_SHARE)
        elif self._changed:
            changed, self._changed = self._changed, set()
            await self._scan.look(changed)
        await self._send_due()
        if loop.time() >= self._purge_at:
            await self.renew_secrets()
            await self.purge()
            self._purge_at = loop.time() + PURGE_S

    # -- sending -------------------------------------------------------------------------------

    async def _send_due(self) -> None:
        while room := AT_ONCE - len(self._sending):
            due = await self._due(room)
            for delivery in due:
                if self._has_room_for(delivery):
                    await self._send(delivery)
            if not due:
                return

    async def _due(self, room: int) -> tuple[Delivery, ...]:
        """What can be sent now, the oldest first; what must wait for others does not hide it."""
        hosts = Counter(delivery.host for delivery in self._sending.values())
        owners = Counter(delivery.owner_id for delivery in self._sending.values())
        query = Query(
            where={"state": "pending"},
            at_most={"next_attempt_at": self._ports.clock.now()},
            but={
                "host": tuple(host for host, n in hosts.items() if n >= AT_ONCE_PER_HOST),
                "owner_id": tuple(id for id, n in owners.items() if n >= AT_ONCE_PER_OWNER),
            },
            limit=room,
            oldest_first=True,
        )
        return (await self._ports.store.find(Delivery, query)).items

    def _has_room_for(self, delivery: Delivery) -> bool:
        sending = self._sending.values()
        n_host = sum(other.host == delivery.host for other in sending)
        n_owner = sum(other.owner_id == delivery.owner_id for other in sending)
        return n_host < AT_ONCE_PER_HOST and n_owner < AT_ONCE_PER_OWNER

    async def _send(self, delivery: Delivery) -> None:
        mine = claimed(delivery, self._ports.clock.now())
        claim = Patch(
            kind=Delivery,
            id=delivery.id,
            fields={"n_claims": mine.n_claims, "next_attempt_at": mine.next_attempt_at},
            expected={"state": "pending", "n_claims": delivery.n_claims},
        )
        try:
            await self._ports.store.commit(claim)
        except (Conflict, NotFound):
            return  # another server has it, or the webhook was deleted
        task = self._ports.supervisor.spawn(self._attempt(mine), name=f"delivery {mine.id}")
        self._sending[task] = mine
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._wake.set()

    async def _attempt(self, delivery: Delivery) -> None:
        store, clock = self._ports.store, self._ports.clock
        webhook = await store.get(Webhook, delivery.webhook_id)
        if webhook is None:
            await store.commit(Delete(kind=Delivery, id=delivery.id))
            return
        if obstacle := await self._obstacle(webhook):
            result = dead(delivery, obstacle, clock.now())
            if await self._keep(result):
                self._tell(attempted(result, None), result)
            return
        letter = Letter(
            url=webhook.url,
            sealed_secret=webhook.sealed_secret,
            id=delivery.id,
            event=delivery.event,
            occurred_at=delivery.occurred_at,
            sent_at=clock.now(),
            data=delivery.data,
        )
        receipt = await self._ports.sender.send(letter)
        result = after(delivery, receipt, clock.now(), self._ports.share())
        if await self._keep(result):
            self._tell(attempted(result, receipt), result)
            await self._judge(webhook, result, receipt.status_code)

    def _tell(self, body: WebhookAttempted, result: Delivery) -> None:
        self._ports.observations.keep(body, Source(user_id=result.owner_id))

    async def _obstacle(self, webhook: Webhook) -> str:
        if not webhook.is_enabled:
            return "the webhook is disabled"
        owner = await self._ports.store.get(User, webhook.owner_id)
        if owner is not None and not owner.is_active:
            return "the owner's account is disabled"
        return ""

    async def _keep(self, result: Delivery) -> bool:
        """Whether the result counts: not when the lease ended before it and somebody else began."""
        names = ("state", "next_attempt_at", "n_failed", "attempts", "finished_at")
        patch = Patch(
            kind=Delivery,
            id=result.id,
            fields={name: getattr(result, name) for name in names},
            expected={"n_claims": result.n_claims},
        )
        try:
            await self._ports.store.commit(patch)
        except (Conflict, NotFound):
            return False
        return True

    async def _judge(self, webhook: Webhook, result: Delivery, status: int | None) -> None:
        """Count what is given up, and disable a webhook that nobody listens to."""
        fields: dict[str, Any] = {}
        if result.state == "delivered" and webhook.n_dead:
            fields = {"n_dead": 0}
        if result.state == "dead":
            fields = {"n_dead": webhook.n_dead + 1}
            if reason := _end_of(webhook, status):
                fields |= {"is_enabled": False, "disabled_reason": reason}
                _log.warning("webhook %s is disabled: %s", webhook.id, reason)
        if fields:
            # Of attempts that end together one may be missed in the count; a 410 never is. What an
            # address answered says nothing of the one that took its place meanwhile.
            expected: dict[str, Any] = {"url": webhook.url}
            if status != GONE:
                expected["n_dead"] = webhook.n_dead
            patch = Patch(kind=Webhook, id=webhook.id, fields=fields, expected=expected)
            with suppress(Conflict, NotFound):
                await self._ports.store.commit(patch)

    async def _purge(self, state: DeliveryState, keep: timedelta) -> None:
        at_most = {"finished_at": self._ports.clock.now() - keep}
        query = Query(where={"state": state}, at_most=at_most)
        await remove_all(self._ports.store, Delivery, query)


def _end_of(webhook: Webhook, status: int | None) -> str:
    if status == GONE:
        return "the receiver answered 410 Gone"
    if webhook.n_dead + 1 >= DEAD_IN_A_ROW:
        return f"{DEAD_IN_A_ROW} deliveries in a row could not be delivered"
    return ""
