"""The two sockets to a kernel, and the one place where its bytes become values.

The kernel is hostile from its first message on: it knows its own signing key. Every message is
checked for signature, shape and size; what does not fit is a Violation, never a crash.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import zmq
import zmq.asyncio

DELIMITER = b"<IDS|MSG>"
MAX_HEADER_BYTES = 16 * 1024
PROTOCOL_VERSION = "5.4"
MAX_QUEUED = 4
"""Messages held here while nobody reads; the rest waits, or is dropped, in the kernel."""
N_PARTS = 5
"""Signature, header, parent header, metadata, content."""


class Violation(Exception):
    """A message that no honest kernel sends."""


@dataclass(frozen=True, slots=True)
class KernelMessage:
    """One message of a kernel, its shape checked."""

    kind: str
    parent_id: str
    """The request it belongs to; empty when it belongs to none."""
    content: dict[str, Any]
    size_bytes: int = 0
    """Of the content, as it came."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a kernel listens, and the keys to it."""

    shell: str
    iopub: str
    key: bytes
    """Signs the messages."""
    curve: tuple[bytes, bytes] | None = None
    """Public and secret key of the encryption, where messages travel."""

    @classmethod
    def of_files(cls, prefix: str, key: bytes) -> Addresses:
        """Those of a kernel on this machine."""
        return cls(f"ipc://{prefix}-1", f"ipc://{prefix}-2", key)


class Channels:
    """Requests out, replies and published output in."""

    def __init__(self, context: zmq.asyncio.Context, addresses: Addresses, max_bytes: int) -> None:
        self._key = addresses.key
        self._session = uuid.uuid4().hex
        self.shell = _socket(context, zmq.DEALER, max_bytes)
        self.iopub = _socket(context, zmq.SUB, max_bytes)
        self.iopub.setsockopt(zmq.SUBSCRIBE, b"")
        self.monitor = self.iopub.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        for socket, url in ((self.shell, addresses.shell), (self.iopub, addresses.iopub)):
            if addresses.curve is not None:
                socket.curve_publickey, socket.curve_secretkey = addresses.curve
                socket.curve_serverkey = addresses.curve[0]  # one pair, as Jupyter has it
            socket.connect(url)

    async def send(self, kind: str, content: dict[str, Any]) -> str:
        """Send a request; its id."""
        id = uuid.uuid4().hex
        header = {
            "msg_id": id,
            "session": self._session,
            "username": "",
            "date": datetime.now(UTC).isoformat(),
            "msg_type": kind,
            "version": PROTOCOL_VERSION,
        }
        parts = [json.dumps(part).encode() for part in (header, {}, {}, content)]
        await self.shell.send_multipart([DELIMITER, _signature(self._key, parts), *parts])
        return id

    async def receive(self, socket: zmq.asyncio.Socket) -> KernelMessage | None:
        """The next message that is there already; None when there is none.

        Raises:
            Violation: the message is malformed or forged.
        """
        try:
            frames = await socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return parse(frames, self._key)

    async def forget_disconnects(self) -> None:
        """Take the reports of lost connections off the monitor."""
        with contextlib.suppress(zmq.Again):
            while True:
                await self.monitor.recv_multipart(zmq.NOBLOCK)

    def close(self) -> None:
        """Close the sockets; what was not sent is dropped."""
        self.iopub.disable_monitor()
        for socket in (self.monitor, self.iopub, self.shell):
            socket.close(linger=0)


def parse(frames: list[bytes], key: bytes) -> KernelMessage:
    """Check a message and read what matters of it.

    Raises:
        Violation: signature, shape or size are wrong.
    """
    try:
        start = frames.index(DELIMITER) + 1
    except ValueError:
        raise Violation("no delimiter") from None
    if len(frames) < start + N_PARTS:
        raise Violation("too few parts")
    signature, *parts = frames[start : start + N_PARTS]
    if not hmac.compare_digest(signature, _signature(key, parts)):
        raise Violation("bad signature")
    if any(len(part) > MAX_HEADER_BYTES for part in parts[:2]):
        raise Violation("header too long")
    header, parent, content = (_object(part) for part in (parts[0], parts[1], parts[3]))
    kind, parent_id = header.get("msg_type"), parent.get("msg_id", "")
    if not isinstance(kind, str) or not isinstance(parent_id, str):
        raise Violation("header of the wrong type")
    return KernelMessage(kind, parent_id, content, len(parts[3]))


def _object(part: bytes) -> dict[str, Any]:
    try:
        value = json.loads(part)
    except (ValueError, RecursionError):
        raise Violation("not JSON") from None
    if not isinstance(value, dict):
        raise Violation("not an object")
    return value


def _signature(key: bytes, parts: list[bytes]) -> bytes:
    return hmac.new(key, b"".join(parts), sha256).hexdigest().encode()


def _socket(context: zmq.asyncio.Context, kind: int, max_bytes: int) -> zmq.asyncio.Socket:
    socket = context.socket(kind)
    socket.setsockopt(zmq.MAXMSGSIZE, max_bytes)
    socket.setsockopt(zmq.RCVHWM, MAX_QUEUED)
    socket.setsockopt(zmq.LINGER, 0)
    # Never again after the first time: what has the socket's name by then may be a link elsewhere.
    socket.setsockopt(zmq.RECONNECT_IVL, -1)
    return socket
