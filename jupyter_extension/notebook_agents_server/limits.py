"""How often somebody may ask: one limiter for every door, sockets too.

What a document's table says is data of its `Dialect`: the name of a group of requests and what it
allows, such as ``"10/minute"`` or ``"60/minute; 1000/hour"``. Group ``connections`` is the number
of sockets that one user may have open; ``messages`` counts what a client sends over them. A name
that ends in ``_admin`` holds for administrators in place of the one without. Who may try passwords
how often is counted for all dialects together, because one account is good for all of them.
The deployment may replace every number, or say ``off``.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from limits import RateLimitItem, parse_many

from notebook_agents.core.errors import LimitExceeded
from notebook_agents.core.ids import new_id
from notebook_agents_server.counters import Counters, MemoryCounters, RedisCounters, SharedCounters
from notebook_agents_server.failures import RateExceeded

OFF = "off"
GENERAL, AUTHENTICATION, MESSAGES = "general", "authentication", "messages"
CONNECTIONS = "connections"
COMMON_GROUPS = (GENERAL, AUTHENTICATION, MESSAGES, CONNECTIONS)
"""Groups that every dialect has, limited or not."""
ADMIN_SUFFIX = "_admin"
IPV6_HOME_BITS = 64
"""One customer gets at least so large a network, so its addresses count as one."""

Table = Mapping[str, str]
"""Groups of one dialect and what they allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is allowed; keys are ``<dialect>.<group>``."""

    rates: Mapping[str, tuple[RateLimitItem, ...]] = field(default_factory=dict)
    """Shortest window first; none where it is off."""
    connections: Mapping[str, int | None] = field(default_factory=dict)
    """None where it is off."""

    @classmethod
    def read(cls, tables: Mapping[str, Table], changes: Table) -> Policy:
        """The documents' tables with the deployment's changes; ValueError names a wrong entry."""
        for name in changes:
            _check_name(name, tables)
        allowed = {
            f"{dialect}.{group}": text
            for dialect, table in tables.items()
            for group, text in table.items()
        } | dict(changes)
        is_number = {name: _group_of(name) == CONNECTIONS for name in allowed}
        return cls(
            rates={
                name: _rates(name, text) for name, text in allowed.items() if not is_number[name]
            },
            connections={
                name: _number(name, text) for name, text in allowed.items() if is_number[name]
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is counted: a user, or the address that nobody known asks from."""

    key: str
    is_admin: bool = False

    @classmethod
    def user(cls, user_id: str, *, is_admin: bool) -> Caller:
        """An account, with whatever credential."""
        return cls(key=f"user:{user_id}", is_admin=is_admin)

    @classmethod
    def address(cls, ip: str) -> Caller:
        """Whoever asks from an address."""
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return cls(key=f"ip:{ip}")
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        bits = IPV6_HOME_BITS if address.version == 6 else address.max_prefixlen
        return cls(key=f"ip:{ipaddress.ip_network((address, bits), strict=False)}")

    @classmethod
    def account(cls, name: str) -> Caller:
        """An account that somebody tries to enter, whoever it is."""
        # A digest, because some type their password here, and others whole books.
        digest = hashlib.sha256(name.strip().casefold().encode("utf-8", "replace"))
        return cls(key=f"account:{digest.hexdigest()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a caller stands in the window that is nearest to its end."""

    limit: int
    remaining: int
    is_exceeded: bool
    resets_at: float
    """Epoch seconds."""
    retry_after_s: int
    """Seconds until the window ends, at least one."""

    def headers(self) -> dict[str, str]:
        """As all documents write it."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.resets_at)),
        }

    def error(self) -> RateExceeded:
        """What an answer says that is refused because of it."""
        return RateExceeded(
            f"rate limit exceeded; try again in {self.retry_after_s} s",
            retry_after_s=self.retry_after_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One open socket of a caller."""

    dialect: str
    caller: Caller
    ttl_s: float
    """Seconds after which it is free again unless it is kept."""
    lease: str = field(default_factory=new_id)

    @property
    def key(self) -> str:
        """What it is counted under."""
        return f"{self.dialect}/{self.caller.key}"


class RateLimiter:
    """Counts requests, messages and open sockets against a policy."""

    def __init__(
        self,
        policy: Policy | None = None,
        counters: Counters | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy or Policy()
        self._counters: Counters = counters or MemoryCounters()
        self._now = now

    async def count(self, dialect: str, group: str, caller: Caller) -> Standing | None:
        """Count one request of a group; None where it is not limited."""
        name = self._name(self._policy.rates, dialect, group, caller)
        shared = AUTHENTICATION if _group_of(name) == AUTHENTICATION else name
        nearest: Standing | None = None
        for rate in self._policy.rates.get(name, ()):
            n, resets_at = await self._counters.count(rate, f"{shared}/{caller.key}")
            standing = self._standing(rate, n, resets_at)
            if nearest is None or standing.is_exceeded or standing.remaining < nearest.remaining:
                nearest = standing
            if standing.is_exceeded:
                break  # what is refused does not use up the longer windows
        return nearest

    def allowance(self, dialect: str, group: str) -> int | None:
        """How many requests of a group a user has in its shortest window; None for any number."""
        rates = self._policy.rates.get(f"{dialect}.{group}", ())
        return rates[0].amount if rates else None

    async def is_shared(self) -> bool | None:
        """Whether Redis answers; None where each server counts for itself."""
        return await self._counters.is_shared()

    async def take(self, place: Place) -> None:
        """Take a place for a socket; LimitExceeded when the caller has too many open."""
        limit = self._most_connections(place)
        if limit is None:
            return
        hold = self._counters.hold(place.key, place.lease, ttl_s=place.ttl_s, limit=limit)
        if not await hold:
            raise LimitExceeded(
                f"there are {limit} open connections already; close one first", limit=CONNECTIONS
            )

    async def keep(self, place: Place) -> None:
        """Renew the place of an open socket."""
        if self._most_connections(place) is not None:
            await self._counters.hold(place.key, place.lease, ttl_s=place.ttl_s)

    async def give_back(self, place: Place) -> None:
        """Let the place of a closed socket go."""
        if self._most_connections(place) is not None:
            await self._counters.release(place.key, place.lease)

    async def aclose(self) -> None:
        """Let connections go."""
        await self._counters.aclose()

    def _most_connections(self, place: Place) -> int | None:
        table = self._policy.connections
        return table.get(self._name(table, place.dialect, CONNECTIONS, place.caller))

    def _standing(self, rate: RateLimitItem, n: int, resets_at: float) -> Standing:
        return Standing(
            limit=rate.amount,
            remaining=max(0, rate.amount - n),
            is_exceeded=n > rate.amount,
            resets_at=resets_at,
            retry_after_s=max(1, math.ceil(resets_at - self._now())),
        )

    @staticmethod
    def _name(table: Mapping[str, object], dialect: str, group: str, caller: Caller) -> str:
        name = f"{dialect}.{group}"
        for_admins = name + ADMIN_SUFFIX
        return for_admins if caller.is_admin and for_admins in table else name


def build_limiter(policy: Policy, *, redis_url: str, redis_prefix: str) -> RateLimiter:
    """A limiter that counts in Redis where there is one. Connects with the first request."""
    if not redis_url:
        return RateLimiter(policy)
    shared = RedisCounters(redis_url, prefix=redis_prefix)
    return RateLimiter(policy, SharedCounters(shared, MemoryCounters()))


def _group_of(name: str) -> str:
    return name.partition(".")[2].removesuffix(ADMIN_SUFFIX)


def _check_name(name: str, tables: Mapping[str, Table]) -> None:
    dialect, _, group = name.partition(".")
    known = [f"{d}.{g}" for d, table in tables.items() for g in (*table, *COMMON_GROUPS)]
    base = group.removesuffix(ADMIN_SUFFIX)
    if f"{dialect}.{base}" not in known and f"{dialect}.{group}" not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {sorted(set(known))}"
        raise ValueError(f"rate_limits has no group {name!r}; {hint}")


def _is_off(text: str) -> bool:
    return text.strip().lower() == OFF


def _number(name: str, text: str) -> int | None:
    if _is_off(text):
        return None
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError(
            f"rate_limits[{name!r}] is {text!r}; give a number of connections such as '100', "
            f"or {OFF!r}"
        )
    return int(text)


def _rates(name: str, text: str) -> tuple[RateLimitItem, ...]:
    if _is_off(text):
        return ()
    try:
        rates = sorted(parse_many(text), key=lambda rate: rate.get_expiry())
    except ValueError:
        rates = []
    if not rates or any(rate.amount < 1 for rate in rates):
        raise ValueError(
            f"rate_limits[{name!r}] is {text!r}; give a limit such as '10/minute' or "
            f"'60/minute; 1000/hour', or {OFF!r}"
        )
    return tuple(rates)
