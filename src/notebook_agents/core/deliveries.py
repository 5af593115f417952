"""Deliveries: what a webhook is to be told, every attempt to do so, and when the next one is due.

A delivery has the same id and the same content however often it is sent, so a receiver that keeps
the ids it has seen handles each one once. Attempts that fail are repeated at growing intervals;
after the last one the delivery is dead: kept, listed, and sent again when somebody asks for it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias

from notebook_agents.core.observation_events import WebhookAttempted

DeliveryState: TypeAlias = Literal["pending", "delivered", "dead"]

RETRIES_S = (5, 30, 120, 600, 3600, 4 * 3600, 12 * 3600, 24 * 3600)
"""The longest wait, in seconds, after each failed attempt; one more failure is the end."""
SHORTEST_WAIT_S = 1.0
LONGEST_WAIT_S = 24 * 3600
"""However long a receiver asks us to stay away."""
LEASE_S = 60.0
"""How long a server has for an attempt before another one takes the delivery over."""
KEPT_ATTEMPTS = 20
"""The last attempts that a delivery remembers."""
KEEP_DELIVERED = timedelta(days=7)
KEEP_DEAD = timedelta(days=30)
GONE = 410
"""The status with which a receiver wants no more of a webhook."""
_DELIVERIES = uuid.UUID("0b6f6f0e-6a5c-4d0b-9f0d-0a0c6f3d9a31")
"""The name space of the ids of deliveries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver."""

    at: datetime
    status_code: int | None
    """What the receiver answered; None when nothing came."""
    duration_ms: float
    error: str = ""
    """Why it failed, in words of ours; never what the receiver sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook."""

    id: str
    webhook_id: str
    owner_id: str
    host: str
    """The receiver's host and port; attempts at one host are bounded together."""
    event: str
    """What happened, in the webhook's words."""
    event_id: str
    """The recorded event it tells of; empty for a test."""
    occurred_at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    state: DeliveryState = "pending"
    next_attempt_at: datetime
    """When a pending delivery is due; during an attempt, when its lease ends."""
    n_claims: int = 0
    """Counts the attempts that were begun; the result of any but the latest is not kept."""
    n_failed: int = 0
    """Failed attempts since it was queued or asked for again."""
    attempts: tuple[Attempt, ...] = ()
    created_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a sender sends."""

    url: str
    sealed_secret: str
    id: str
    event: str
    occurred_at: datetime
    sent_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a letter."""

    status_code: int | None = None
    duration_ms: float = 0.0
    error: str = ""
    """Empty when the receiver took it."""
    retry_after_s: float | None = None
    """How long the receiver asks to be left alone."""


class WebhookSender(Protocol):
    """Brings letters to addresses elsewhere, and keeps the secrets they are signed with."""

    async def check(self, url: str) -> str:
        """The receiver's host and port.

        Raises InvalidRequest on the field ``url`` when nothing may be sent there. A name that
        cannot be resolved now is accepted: it is looked at again before each letter.
        """
        ...

    def seal(self, secret: str) -> str:
        """The secret as it may be stored; InvalidRequest on the field ``secret``."""
        ...

    def renew(self, sealed: str) -> str:
        """The same secret sealed with the newest key; what cannot be opened comes back as it is."""
        ...

    async def send(self, letter: Letter) -> Receipt:
        """Sign and send; every failure is a receipt."""
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...


def delivery_id(webhook_id: str, event_id: str, event: str) -> str:
    """The same id in every process and at every look, so that adding it twice is harmless."""
    return str(uuid.uuid5(_DELIVERIES, f"{webhook_id}/{event_id}/{event}"))


def claimed(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery while somebody tries to deliver it."""
    lease_ends = now + timedelta(seconds=LEASE_S)
    return replace(delivery, n_claims=delivery.n_claims + 1, next_attempt_at=lease_ends)


def after(delivery: Delivery, receipt: Receipt, now: datetime, share: float) -> Delivery:
    """The delivery after an attempt; ``share``, from 0 to 1, is how much of the wait to take."""
    attempt = Attempt(
        at=now,
        status_code=receipt.status_code,
        duration_ms=receipt.duration_ms,
        error=receipt.error,
    )
    attempts = (*delivery.attempts, attempt)[-KEPT_ATTEMPTS:]
    tried = replace(delivery, attempts=attempts)
    if not receipt.error:
        return replace(tried, state="delivered", finished_at=now)
    tried = replace(tried, n_failed=delivery.n_failed + 1)
    if tried.n_failed > len(RETRIES_S) or receipt.status_code == GONE:
        return replace(tried, state="dead", finished_at=now)
    wait_s = max(SHORTEST_WAIT_S, share * RETRIES_S[tried.n_failed - 1])
    if receipt.retry_after_s is not None:
        wait_s = max(wait_s, min(receipt.retry_after_s, LONGEST_WAIT_S))
    return replace(tried, next_attempt_at=now + timedelta(seconds=wait_s))


def dead(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """The delivery given up without an attempt."""
    attempt = Attempt(at=now, status_code=None, duration_ms=0.0, error=reason)
    attempts = (*delivery.attempts, attempt)[-KEPT_ATTEMPTS:]
    return replace(delivery, state="dead", attempts=attempts, finished_at=now)


def attempted(result: Delivery, receipt: Receipt | None) -> WebhookAttempted:
    """What the log is told of an attempt; without a receipt nothing was sent."""
    words: dict[DeliveryState, Literal["delivered", "retrying", "failed"]] = {
        "delivered": "delivered",
        "pending": "retrying",
        "dead": "failed",
    }
    return WebhookAttempted(
        webhook_id=result.webhook_id,
        delivery_id=result.id,
        event_type=result.event,
        host=result.host,
        attempt=result.n_claims,
        status=words[result.state],
        http_status=receipt.status_code if receipt else None,
        latency_ms=round(receipt.duration_ms, 3) if receipt else 0.0,
        error_type=_error_type(receipt),
        next_try_at=result.next_attempt_at.isoformat() if result.state == "pending" else "",
    )


def _error_type(receipt: Receipt | None) -> str:
    """``not_sent``, ``no_answer`` or ``http_<status>``; empty when the receiver took it."""
    if receipt is None:
        return "not_sent"
    if not receipt.error:
        return ""
    return "no_answer" if receipt.status_code is None else f"http_{receipt.status_code}"


def again(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery due at once, with all its attempts before it."""
    return replace(delivery, state="pending", n_failed=0, next_attempt_at=now, finished_at=None)
