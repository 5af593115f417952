"""The Jupyter side of the worker: a kernel that runs no code.

It answers what Jupyter asks any kernel (who are you, interrupt, shut down, heartbeat) so that the
process can be started, listed, interrupted and stopped like one. Messages follow
jupyter_client.readthedocs.io/en/stable/messaging.html; models are reached over HTTP, never here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.session import Session

from notebook_agents.core.spawn import Supervisor

Message = dict[str, Any]

KERNEL_INFO: Message = {
    "status": "ok",
    "protocol_version": "5.4",
    "implementation": "notebook-agents-engine",
    "implementation_version": "1",
    "language_info": {"name": "none", "mimetype": "text/plain", "file_extension": ".txt"},
    "banner": "The inference worker of notebook-agents. It runs models, not code.",
    "help_links": [],
}
_REFUSED: Message = {
    "status": "error",
    "ename": "Unsupported",
    "evalue": "this kernel hosts models and runs no code",
    "traceback": [],
    "execution_count": 0,
}


class LifecycleKernel:
    """Answers the lifecycle messages that come through one connection file's channels."""

    def __init__(self, connection: Message, on_interrupt: Callable[[], None]) -> None:
        self._info = connection
        self._on_interrupt = on_interrupt
        self._over = asyncio.Event()
        self._session = Session(key=self._info["key"].encode(), username="engine")
        self._session.signature_scheme = self._info["signature_scheme"]
        self._zmq = zmq.asyncio.Context()
        self._iopub = self._bind(zmq.PUB, "iopub")
        self._stdin = self._bind(zmq.ROUTER, "stdin")
        self._shell = self._bind(zmq.ROUTER, "shell")
        self._control = self._bind(zmq.ROUTER, "control")
        self._heartbeat = self._bind(zmq.REP, "hb")

    async def run(self) -> None:
        """Answer until a shutdown is requested."""
        supervisor = Supervisor()
        supervisor.spawn(self._serve(self._shell), name="kernel shell")
        supervisor.spawn(self._serve(self._control), name="kernel control")
        supervisor.spawn(self._beat(), name="kernel heartbeat")
        try:
            await self._over.wait()
        finally:
            await supervisor.aclose()

    def stop(self) -> None:
        """End `run`, as a shutdown request does."""
        self._over.set()

    def close(self) -> None:
        """Close the sockets, giving the last answer a moment to leave."""
        self._zmq.destroy(linger=200)

    def _bind(self, kind: int, channel: str) -> zmq.asyncio.Socket:
        socket = self._zmq.socket(kind)
        separator = ":" if self._info["transport"] == "tcp" else "-"
        port = self._info[f"{channel}_port"]
        socket.bind(f"{self._info['transport']}://{self._info['ip']}{separator}{port}")
        return socket

    async def _beat(self) -> None:
        while True:
            await self._heartbeat.send(await self._heartbeat.recv())

    async def _serve(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            frames = await socket.recv_multipart()
            identities, parts = self._session.feed_identities(frames)
            try:
                message = self._session.deserialize(parts)
            except (ValueError, TypeError):
                # Unsigned or wrongly signed: not from whoever started this process.
                continue
            await self._answer(socket, identities, message)

    async def _answer(
        self, socket: zmq.asyncio.Socket, identities: list[bytes], message: Message
    ) -> None:
        """Reply between a busy and an idle status."""
        kind: str = message["header"]["msg_type"]
        await self._publish("busy", message)
        reply = self._reply(kind)
        if reply is not None:
            await self._send(socket, kind.replace("_request", "_reply"), reply, message, identities)
        await self._publish("idle", message)
        if kind == "shutdown_request":
            self._over.set()

    def _reply(self, kind: str) -> Message | None:
        if kind == "interrupt_request":
            self._on_interrupt()
        if kind == "kernel_info_request":
            return KERNEL_INFO
        if kind == "execute_request":
            return _REFUSED
        if kind in ("interrupt_request", "shutdown_request"):
            return {"status": "ok", "restart": False}
        return None

    async def _publish(self, state: str, parent: Message) -> None:
        await self._send(self._iopub, "status", {"execution_state": state}, parent, [b"status"])

    async def _send(
        self,
        socket: zmq.asyncio.Socket,
        kind: str,
        content: Message,
        parent: Message,
        identities: list[bytes],
    ) -> None:
        message = self._session.msg(kind, content=content, parent=parent)
        await socket.send_multipart(self._session.serialize(message, ident=identities))
