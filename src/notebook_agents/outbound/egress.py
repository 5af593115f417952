"""The proxy of sandboxes: connections of code to the hosts that a deployment names, and no other.

One form of a name is judged, looked up and connected to; whatever is not in that form already is
refused, so that no two parsers can disagree on it. Only ``CONNECT`` is answered: what travels
inside is between the code and the host. Every decision is told and logged, and all connections of
a conversation together have a budget of bytes for each hour.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from notebook_agents.core.visible_text import visible_name
from notebook_agents.outbound.targets import Guard, Refused, Target, Unresolved, parse_target

MAX_HEAD_BYTES = 16 << 10
HEAD_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
IDLE_TIMEOUT_S = 120.0
MAX_CONNECTIONS = 32
MAX_EVENTS = 100
MAX_BUDGETS = 10_000
"""Conversations whose budgets are known; of more, the oldest begin anew."""
BUDGET_S = 3600.0
MAX_SHOWN = 120
PIECE_BYTES = 1 << 16
_REQUEST = re.compile(
    rb"CONNECT ([a-z0-9._-]{1,253}):([1-9][0-9]{0,4}) HTTP/1\.[01]", re.IGNORECASE
)
_NAME = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[\x20-\x7e\t]*")
_BODIES = (b"content-length", b"transfer-encoding", b"upgrade")
"""Headers that say that more than a wish for a connection is coming."""

_log = logging.getLogger(__name__)


class Denied(Exception):
    """A connection that is not made; the status and why, in words for the code's author."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class EgressProxy:
    """Opens a way out for each kernel; answers the sandbox's Egress port."""

    def __init__(self, guard: Guard, hosts: Collection[str], most_bytes: int) -> None:
        """``hosts`` as people write them; InvalidRequest names the one that is none."""
        self._guard = guard
        self._hosts = frozenset(parse_target(f"https://{host}/").host for host in hosts)
        self._most_bytes = most_bytes
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    async def open(self, path: Path, label: str) -> Way:
        """Listen for one kernel."""
        way = Way(self._guard, self._hosts, self._budget(label), label)
        bound = await asyncio.to_thread(_bound, path)
        way.server = await asyncio.start_unix_server(way.serve, sock=bound, limit=MAX_HEAD_BYTES)
        return way

    def _budget(self, label: str) -> Budget:
        """The same for every kernel of a conversation: a new one begins with what is left."""
        found = self._budgets.setdefault(label, Budget(self._most_bytes))
        self._budgets.move_to_end(label)
        while len(self._budgets) > MAX_BUDGETS:
            self._budgets.popitem(last=False)
        return found


@dataclass(slots=True)
class Budget:
    """The bytes of an hour."""

    most: int
    left: int = 0
    until: float = 0.0

    def spend(self, n_bytes: int) -> None:
        """Denied when there are not that many left, or none at all."""
        now = time.monotonic()
        if now >= self.until:
            self.left, self.until = self.most, now + BUDGET_S
        self.left -= n_bytes
        if self.left <= 0:
            raise Denied(403, "this conversation has exchanged all it may within an hour")


@dataclass(slots=True)
class _Traffic:
    n_sent: int = 0
    n_received: int = 0


class Way:
    """The way out of one kernel."""

    def __init__(self, guard: Guard, hosts: frozenset[str], budget: Budget, label: str) -> None:
        self.server: asyncio.Server | None = None
        self._guard = guard
        self._hosts = hosts
        self._budget = budget
        self._label = label
        self._events: list[str] = []
        self._serving: set[asyncio.Task[None]] = set()

    def events(self) -> tuple[str, ...]:
        """What was decided since this was asked last."""
        told, self._events = tuple(self._events), []
        return told

    def close(self) -> None:
        """End every connection."""
        if self.server is not None:
            self.server.close()
        for task in self._serving:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            await self._answer(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone, or never said what they want
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = "something that is no request"
        try:
            if len(self._serving) > MAX_CONNECTIONS:
                raise Denied(503, f"more than {MAX_CONNECTIONS} connections at once")
            head = await _head(reader)
            said = visible_name(head.split(b"\r\n")[0].decode("latin-1"))[:MAX_SHOWN]
            target = self._target(head)
            there = await self._connect(target)
        except Denied as refusal:
            self._tell(f"network: refused {said}: {refusal}")
            text = f"{refusal}\n".encode()
            lines = f"HTTP/1.1 {refusal.status} Refused\r\nContent-Length: {len(text)}\r\n"
            writer.write(f"{lines}Connection: close\r\n\r\n".encode() + text)
            await writer.drain()
            return
        await self._carry((reader, writer), there, f"{target.host}:{target.port}")

    def _target(self, head: bytes) -> Target:
        """What is asked for, if it may be at all."""
        request, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        found = _REQUEST.fullmatch(request)
        if found is None:
            raise Denied(403 if request.startswith(b"CONNECT") else 405, "ask for https, by name")
        for header in headers:
            name = header.partition(b":")[0].lower()
            if not _HEADER.fullmatch(header) or name in _BODIES:
                raise Denied(400, "a header that no such request has")
        host, port = found[1].decode().lower(), int(found[2])
        if not _NAME.fullmatch(host) or host not in self._hosts:
            raise Denied(403, "the host is not among those that may be reached")
        self._budget.spend(0)
        return Target(scheme="https", host=host, port=port, path="/")

    async def _connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            addresses = await self._guard.addresses(target)
        except Refused as refusal:
            raise Denied(403, str(refusal)) from None
        except Unresolved as failure:
            raise Denied(502, str(failure)) from None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_connection(str(addresses[0]), target.port)
        except (OSError, TimeoutError):
            raise Denied(502, "no connection could be made") from None

    async def _carry(
        self,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        name: str,
    ) -> None:
        traffic = _Traffic()
        self._tell(f"network: connected to {name}")
        here[1].write(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(here[0], there[1], traffic, is_sent=True))
                both.create_task(self._pump(there[0], here[1], traffic, is_sent=False))
        except* (OSError, TimeoutError):
            pass
        except* Denied as refusals:
            self._tell(f"network: cut {name}: {refusals.exceptions[0]}")
        finally:
            there[1].close()
            self._tell(
                f"network: {name} ended, {traffic.n_sent} bytes sent and"
                f" {traffic.n_received} received"
            )

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        traffic: _Traffic,
        *,
        is_sent: bool,
    ) -> None:
        while True:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                piece = await reader.read(PIECE_BYTES)
            if not piece:
                break
            self._budget.spend(len(piece))
            if is_sent:
                traffic.n_sent += len(piece)
            else:
                traffic.n_received += len(piece)
            writer.write(piece)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    def _tell(self, event: str) -> None:
        _log.info("tool kernel %s: %s", self._label, event)
        if len(self._events) < MAX_EVENTS:
            self._events.append(event)


def _bound(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    return bound


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(HEAD_TIMEOUT_S):
            return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Denied(431, "the request is too large") from None
