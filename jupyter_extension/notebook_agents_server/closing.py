"""A WebSocket that says why it ends where Tornado only drops the connection (RFC 6455, 7.4.1)."""

from __future__ import annotations

from asyncio import Future

from tornado.websocket import WebSocketProtocol13

PROTOCOL_ERROR, INVALID_PAYLOAD = 1002, 1007
_TEXT = 0x1


class TellingProtocol(WebSocketProtocol13):
    """Says why before it aborts: a frame breaks the protocol, or a text is no UTF-8."""

    def _abort(self) -> None:
        if not (self.client_terminated or self.server_terminated or self.stream.closed()):
            self.close(PROTOCOL_ERROR, "protocol error")
        super()._abort()

    def _handle_message(self, opcode: int, data: bytes) -> Future[None] | None:
        if opcode == _TEXT and not self.client_terminated and not _is_text(data):
            self.close(INVALID_PAYLOAD, "text must be UTF-8")
            super()._abort()
            return None
        return super()._handle_message(opcode, data)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
