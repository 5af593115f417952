"""Events between servers through Redis: shown live, and kept for a while to catch up with.

Each event is published on one channel, which every server hears. Those of a run are also kept in a
stream of that run, ``<prefix>:run:<run id>``, whose entries are numbered as the events are; it is
bounded and expires some time after its last event. What is sent while Redis does not answer waits
here, bounded too, and follows when it does; nothing that a server does for its own runs waits for
Redis.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from notebook_agents.core.events import Event, event_from_json, event_to_json
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import RelayReport
from notebook_agents.core.spawn import Supervisor

PATIENCE_S = 2.0
"""Seconds that a reader waits for an answer of Redis."""
SEND_PATIENCE_S = 15.0
"""Seconds that a batch may take, also on a busy machine: one given up is sent again as a whole."""
RETRY_S = 2.0
"""Seconds until Redis is asked again after it did not answer."""
HEALTH_CHECK_S = 15
"""How often a silent connection is tried."""
BATCH = 200
"""Events sent at once."""
REPORT_KEY_MS = 5000
"""How long a key lives that only shows that Redis takes one."""
TOLD = (
    "redis_version",
    "redis_mode",
    "role",
    "uptime_in_seconds",
    "connected_clients",
    "used_memory",
    "used_memory_peak",
    "maxmemory",
    "total_commands_processed",
    "instantaneous_ops_per_sec",
)
"""What is told of what Redis says of itself: nothing of paths, hosts and people."""
SEND = """
if ARGV[2] ~= '0' then
  local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', ARGV[3], ARGV[2] .. '-0', 'event', ARGV[5])
  if added.err then return 0 end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
elseif not redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[4]) then
  return 0
end
redis.call('PUBLISH', ARGV[1], ARGV[6] .. ARGV[5])
return 1
"""
"""Keep and show an event unless that was done before: its key; channel, number or 0, most events of
a run, milliseconds to keep them, event, sender."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is kept."""

    run_events: int = 20_000
    """The last events of a run that are shared."""
    keep_s: float = 3600.0
    """How long after its last event a run is shared."""
    waiting_events: int = 20_000
    """Events that wait here while Redis does not answer; older ones are dropped."""


class RedisRelay:
    """Answers the EventRelay port. Connects with the first event or listener."""

    def __init__(self, url: str, *, prefix: str, bounds: Bounds | None = None) -> None:
        """ValueError for a wrong URL, or when the library is not installed."""
        try:
            from redis import asyncio as redis
            from redis.exceptions import RedisError
        except ImportError as error:
            raise ValueError(
                "redis_url needs the extra `redis`: pip install 'notebook-agents[redis]'"
            ) from error
        self._errors: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
        self._redis: Any = redis.Redis.from_url(
            url,
            socket_connect_timeout=PATIENCE_S,
            socket_keepalive=True,
            health_check_interval=HEALTH_CHECK_S,
            driver_info=None,  # else each new connection reads files to tell Redis a version
        )
        self._send_script = self._redis.register_script(SEND)
        self._prefix = prefix
        self._bounds = bounds or Bounds()
        self._own = new_id()
        self._waiting: deque[Event] = deque()
        self._n_dropped = 0
        self._has_more = asyncio.Event()
        self._supervisor = Supervisor()
        self._sender: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._is_closing = False
        """The loops look at it too: the library may swallow that their tasks are cancelled."""
        self._is_down = False
        self._ask_again_at = 0.0

    def send(self, event: Event) -> None:
        """Queue an event for the other servers."""
        if len(self._waiting) >= self._bounds.waiting_events:
            self._waiting.popleft()
            self._n_dropped += 1
        self._waiting.append(event)
        self._has_more.set()
        if self._sender is None:
            self._sender = self._supervisor.spawn(self._send_on(), name="relay: sending")

    def listen(self, show: Callable[[Event], None]) -> None:
        """Show what other servers send from here on."""
        if self._listener is None:
            self._listener = self._supervisor.spawn(self._listen_on(show), name="relay: listening")

    async def read(self, run_id: str, *, after: int = 0) -> Sequence[Event] | None:
        """What is shared of a run."""
        if self._is_down and asyncio.get_running_loop().time() < self._ask_again_at:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                entries = await self._redis.xrange(self._run_key(run_id), min=f"({after}-0")
        except self._errors as error:
            self._went_down(error)
            return None
        self._came_back()
        found = (_event_of(fields[b"event"]) for _, fields in entries)
        return [event for event in found if event is not None]

    async def report(self) -> RelayReport:
        """Ask Redis how it does, and write and read a key that is gone soon."""
        key, began = f"{self._prefix}:report:{self._own}", asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._redis.ping()
                latency_s = asyncio.get_running_loop().time() - began
                told = await self._redis.info()
                await self._redis.set(key, "1", px=REPORT_KEY_MS)
                can_write = await self._redis.get(key) == b"1"
        except self._errors as error:
            return RelayReport(
                is_reachable=False, n_waiting=len(self._waiting), detail=type(error).__name__
            )
        pool = self._redis.connection_pool
        return RelayReport(
            is_reachable=True,
            can_write=can_write,
            latency_ms=latency_s * 1000,
            server={name: told[name] for name in TOLD if name in told},
            n_connections=len(pool._available_connections) + len(pool._in_use_connections),
            n_waiting=len(self._waiting),
        )

    async def aclose(self) -> None:
        """Send what is left unless Redis is away, and disconnect."""
        self._is_closing = True
        await self._supervisor.aclose()
        with suppress(*self._errors):
            while self._waiting and not self._is_down:
                await self._send_some()
        with suppress(*self._errors):
            await self._redis.aclose()

    async def _send_on(self) -> None:
        while not self._is_closing:
            await self._has_more.wait()
            try:
                await self._send_some()
            except self._errors as error:
                self._went_down(error)
                await asyncio.sleep(RETRY_S)
            else:
                self._came_back()
                if not self._waiting:
                    self._has_more.clear()

    async def _send_some(self) -> None:
        """Send the oldest of what waits; only then it is forgotten here."""
        batch = [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]
        n_dropped = self._n_dropped
        channel = f"{self._prefix}:events"
        keep_ms = int(self._bounds.keep_s * 1000)
        async with (
            asyncio.timeout(SEND_PATIENCE_S),
            self._redis.pipeline(transaction=False) as pipeline,
        ):
            for event in batch:
                seq = event.run_seq if event.run_id else 0
                key = self._run_key(event.run_id) if seq else f"{self._prefix}:fact:{event.id}"
                text = event_to_json(event)
                most = self._bounds.run_events
                args: list[Any] = [channel, seq, most, keep_ms, text, f"{self._own}\n"]
                await self._send_script(keys=[key], args=args, client=pipeline)
            await pipeline.execute()
        # What was dropped meanwhile was at the front of the batch.
        for _ in range(len(batch) - (self._n_dropped - n_dropped)):
            self._waiting.popleft()

    async def _listen_on(self, show: Callable[[Event], None]) -> None:
        while not self._is_closing:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(f"{self._prefix}:events")
                    while not self._is_closing:
                        message = await channel.get_message(timeout=HEALTH_CHECK_S)
                        self._came_back()
                        if message is not None:
                            self._receive(message["data"], show)
            except self._errors as error:
                self._went_down(error)
                await asyncio.sleep(RETRY_S)

    def _receive(self, message: bytes, show: Callable[[Event], None]) -> None:
        sender, _, text = message.partition(b"\n")
        if sender.decode() != self._own and (event := _event_of(text)) is not None:
            show(event)

    def _run_key(self, run_id: str) -> str:
        return f"{self._prefix}:run:{run_id}"

    def _went_down(self, error: Exception) -> None:
        self._ask_again_at = asyncio.get_running_loop().time() + RETRY_S
        if not self._is_down:
            self._is_down = True
            reason = f"{type(error).__name__}: {error}"
            _log.warning("Redis does not answer, events of other servers are late: %s", reason)

    def _came_back(self) -> None:
        if self._is_down:
            self._is_down = False
            _log.info("Redis answers again; events of other servers are seen")
            if self._n_dropped:
                _log.warning("%d events were too many to wait for Redis", self._n_dropped)


def _event_of(text: bytes) -> Event | None:
    """The event; None for one that only another release knows."""
    try:
        return event_from_json(text)
    except ValidationError:
        _log.debug("an event of another release was left out", exc_info=True)
        return None
