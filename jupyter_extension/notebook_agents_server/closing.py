"""A WebSocket that says why it ends where Tornado only drops the connection (RFC 6455, 7.4.1).

It also ends whoever sends far more frames than a person or a program that talks could mean: every
frame costs work here, also an empty one, and a ping an answer that its sender need not take.
"""

from __future__ import annotations

import time
from asyncio import Future

from tornado.websocket import WebSocketProtocol13

PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_MANY = 1002, 1007, 1008
FRAMES_AT_ONCE = 1000
"""That are let through without a look at the time."""
FRAMES_PER_S = 100
_TEXT = 0x1


class Pace:
    """How many frames came, less those that the time since has allowed."""

    def __init__(self, *, at_once: int = FRAMES_AT_ONCE, per_s: float = FRAMES_PER_S) -> None:
        self._room = float(at_once)
        self._most = float(at_once)
        self._per_s = per_s
        self._at = time.monotonic()

    def allows(self) -> bool:
        """Count one; whether it may still come."""
        now = time.monotonic()
        self._room = min(self._most, self._room + (now - self._at) * self._per_s) - 1
        self._at = now
        return self._room >= 0


class TellingProtocol(WebSocketProtocol13):
    """Says why before it aborts: a frame breaks the protocol, or a text is no UTF-8."""

    _pace: Pace | None = None

    def _abort(self) -> None:
        if not (self.client_terminated or self.server_terminated or self.stream.closed()):
            self.close(PROTOCOL_ERROR, "protocol error")
        super()._abort()

    def _handle_message(self, opcode: int, data: bytes) -> Future[None] | None:
        self._pace = self._pace or Pace()
        if not self.client_terminated and not self._pace.allows():
            self._refuse(TOO_MANY, "too many frames")
            return None
        if opcode == _TEXT and not self.client_terminated and not _is_text(data):
            self._refuse(INVALID_PAYLOAD, "text must be UTF-8")
            return None
        return super()._handle_message(opcode, data)

    def _refuse(self, code: int, reason: str) -> None:
        self.close(code, reason)
        super()._abort()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
