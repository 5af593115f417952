"""Where limits count: in this process, or in a Redis that several servers share.

A window begins with its first request and ends after its length, as in the `limits` library, so
that the end told to a client is exact. What may be held at once (a socket, say) is a
lease that ends by itself unless it is renewed, so that a server that is killed leaves nothing held.
When Redis does not answer, this process counts alone until it does: a limit is then looser, and
nobody is refused because of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.errors import StorageError

PATIENCE_S = 1.0
"""Seconds that a request waits for Redis."""
SWEEP_S = 60.0
"""Seconds between two looks for what has ended."""
RETRY_S = 5.0
"""Seconds until Redis is asked again after it did not answer."""
HOLD = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if tonumber(ARGV[3]) >= 0 and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[2]) + 1)
return 1
"""
"""Take or renew a lease, by the clock of Redis: key; lease, seconds it lasts, most leases or -1."""
NO_LIMIT = -1
T = TypeVar("T")
_log = logging.getLogger(__name__)


class CountersUnavailable(Exception):
    """The shared counters do not answer."""


class Counters(Protocol):
    """Counts within windows, and leases."""

    async def count(self, rate: RateLimitItem, who: str) -> tuple[int, float]:
        """Count one more: how many there are in the window, and when it ends [epoch seconds]."""

    async def hold(self, key: str, lease: str, *, ttl_s: float, limit: int = NO_LIMIT) -> bool:
        """Take or renew a lease; False when so many others are held already."""

    async def release(self, key: str, lease: str) -> None:
        """Give a lease back."""

    async def is_shared(self) -> bool | None:
        """Whether Redis answers; None where there is none."""
        ...

    async def aclose(self) -> None:
        """Let connections go."""


class MemoryCounters:
    """In this process; what has ended is swept out once in a while."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._windows: dict[str, tuple[int, float]] = {}
        self._leases: dict[str, dict[str, float]] = {}
        self._sweep_at = 0.0

    async def count(self, rate: RateLimitItem, who: str) -> tuple[int, float]:
        """Count one more."""
        now = self._now()
        if now >= self._sweep_at:
            self._sweep(now)
        key = rate.key_for(who)
        n, end = self._windows.get(key, (0, now))
        if end <= now:
            n, end = 0, now + rate.get_expiry()
        self._windows[key] = n + 1, end
        return n + 1, end

    async def hold(self, key: str, lease: str, *, ttl_s: float, limit: int = NO_LIMIT) -> bool:
        """Take or renew a lease."""
        now = self._now()
        held = {name: end for name, end in self._leases.get(key, {}).items() if end > now}
        self._leases[key] = held
        if 0 <= limit <= len(held):
            return False
        held[lease] = now + ttl_s
        return True

    async def release(self, key: str, lease: str) -> None:
        """Give a lease back."""
        held = self._leases.get(key, {})
        held.pop(lease, None)
        if not held:
            self._leases.pop(key, None)

    async def is_shared(self) -> None:
        """There is no Redis."""

    async def aclose(self) -> None:
        """Nothing to let go."""

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + SWEEP_S
        self._windows = {key: value for key, value in self._windows.items() if value[1] > now}
        self._leases = {
            key: held for key, held in self._leases.items() if max(held.values(), default=0) > now
        }


class RedisCounters:
    """In Redis; CountersUnavailable when it does not answer in time."""

    def __init__(self, url: str, *, prefix: str) -> None:
        try:
            from redis import asyncio as redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
        except ImportError as error:
            raise ValueError(
                "redis_url needs the extra `redis`: pip install 'notebook-agents[redis]'"
            ) from error
        # The classes are known only here, where the library is.
        self._errors: tuple[type[Exception], ...] = (RedisError, StorageError, OSError)
        try:
            # One more try, because a connection that waited may have been closed meanwhile.
            # Without the library's name, for which it would read files with each connection.
            self._pool = redis.ConnectionPool.from_url(
                url.removeprefix("async+"), retry=Retry(NoBackoff(), 1), driver_info=None
            )
        except ValueError as error:
            raise ValueError(f"redis_url is not valid: {error}") from error
        self._redis = redis.Redis(connection_pool=self._pool)
        self._hold = self._redis.register_script(HOLD)
        self._prefix = prefix
        self._storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=f"{prefix}:limits",
            connection_pool=self._pool,  # type: ignore[arg-type] # handed on as it is
        )

    async def count(self, rate: RateLimitItem, who: str) -> tuple[int, float]:
        """Count one more."""
        return await self._answer(self._count(rate, who))

    async def hold(self, key: str, lease: str, *, ttl_s: float, limit: int = NO_LIMIT) -> bool:
        """Take or renew a lease."""
        taken = self._hold(keys=[self._key(key)], args=[lease, ttl_s, limit])
        return bool(await self._answer(taken))

    async def release(self, key: str, lease: str) -> None:
        """Give a lease back."""
        await self._answer(self._redis.zrem(self._key(key), lease))

    async def is_shared(self) -> bool:
        """Whether Redis answers."""
        try:
            await self._answer(self._redis.ping())
        except CountersUnavailable:
            return False
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.disconnect()

    async def _count(self, rate: RateLimitItem, who: str) -> tuple[int, float]:
        key = rate.key_for(who)
        n = await self._storage.incr(key, rate.get_expiry())
        return n, await self._storage.get_expiry(key)

    def _key(self, key: str) -> str:
        return f"{self._prefix}:leases:{key}"

    async def _answer(self, question: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await question
        except self._errors as error:
            raise CountersUnavailable(f"{type(error).__name__}: {error}") from error


class SharedCounters:
    """Shared ones as long as they answer, else this process's own."""

    def __init__(
        self, shared: Counters, own: Counters, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared = shared
        self._own = own
        self._now = now
        self._is_down = False
        self._ask_again_at = 0.0

    async def count(self, rate: RateLimitItem, who: str) -> tuple[int, float]:
        """Count one more."""
        return await self._ask(lambda counters: counters.count(rate, who))

    async def hold(self, key: str, lease: str, *, ttl_s: float, limit: int = NO_LIMIT) -> bool:
        """Take or renew a lease."""
        return await self._ask(lambda c: c.hold(key, lease, ttl_s=ttl_s, limit=limit))

    async def release(self, key: str, lease: str) -> None:
        """Give a lease back, wherever it is held."""
        await self._own.release(key, lease)
        await self._ask(lambda counters: counters.release(key, lease))

    async def is_shared(self) -> bool | None:
        """Whether the shared ones answer."""
        return await self._shared.is_shared()

    async def aclose(self) -> None:
        """Let connections go."""
        await self._shared.aclose()
        await self._own.aclose()

    async def _ask(self, question: Callable[[Counters], Awaitable[T]]) -> T:
        if self._is_down and self._now() < self._ask_again_at:
            return await question(self._own)
        # Others need not wait for the same answer.
        self._ask_again_at = self._now() + RETRY_S
        try:
            answer = await question(self._shared)
        except CountersUnavailable as error:
            self._went_down(error)
            return await question(self._own)
        if self._is_down:
            self._is_down = False
            _log.info("Redis answers again; limits hold across all servers")
        return answer

    def _went_down(self, error: Exception) -> None:
        if not self._is_down:
            self._is_down = True
            _log.warning("Redis does not answer, this server counts alone until it does: %s", error)
