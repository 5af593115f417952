"""Sites on loopback that stand for the rest of the world: raw bytes, whatever a case needs.

They are at 127.0.0.9, which a case opens; 127.0.0.1 stands for what must stay out of reach.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from notebook_agents.core.web import OutboundConfig
from notebook_agents.outbound.targets import resolve
from notebook_agents.outbound.ways import WaysOut

OUTSIDE = "127.0.0.9"
PLAIN = "text/plain"
Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answering(
    body: bytes, kind: str = "text/plain", *headers: str, status: str = "200 OK"
) -> bytes:
    """An answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def moved(to: str, status: str = "302 Found") -> bytes:
    """An answer that leads elsewhere."""
    return answering(b"", "text/plain", f"Location: {to}", status=status)


@dataclass(eq=False)
class Site:
    """A server that answers by path and keeps what it was sent."""

    answers: dict[str, Answer] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)
    n_connections: int = 0
    port: int = 0
    host: str = OUTSIDE
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(
        self, host: str = OUTSIDE, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> Site:
        self.host = host
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def url(self, path: str = "/", name: str = "", scheme: str = "http") -> str:
        return f"{scheme}://{name or self.host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            answer = self.answers.get(head.split(" ")[1], answering(b"hello"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@dataclass
class Names:
    """A resolver: names of the case by its answers, one after the other; all else by the system."""

    answers: dict[str, list[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            is_name = host.endswith((".test", ".org"))  # never asked of the world
            return () if is_name else resolve(host, port)
        left = self.answers[host]
        return left.pop(0) if len(left) > 1 else left[0]


def ways(names: Names, *ports: int, opened: bool = True, refused: tuple[str, ...] = ()) -> WaysOut:
    """The ways out of a deployment that opened the sites of a case, and nothing else."""
    config = OutboundConfig(
        web_networks=(f"{OUTSIDE}/32",) if opened else (),
        web_ports=ports,
        refused_networks=refused,
    )
    return WaysOut(config, names)
