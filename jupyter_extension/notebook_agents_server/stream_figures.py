"""How a socket or a streamed answer kept up with what it told, for the event log."""

from __future__ import annotations

import time
from typing import Literal

from notebook_agents.core.ids import new_id
from notebook_agents.core.observation_events import StreamClosed

Transport = Literal["websocket", "sse", "ndjson"]
Reason = Literal["finished", "client_gone", "fell_behind", "refused", "server"]
TRANSPORTS: dict[str, Transport] = {
    "text/event-stream": "sse",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "text/plain": "ndjson",  # as Agent C's document calls its lines of JSON
}
"""Of answers by their type; other answers in pieces, such as downloads, are no streams."""


class StreamFigures:
    """What one stream was sent, from its beginning on."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Transport = transport
        self._began = time.monotonic()
        self._n_sent = 0
        self._max_lag_s = 0.0

    def sent(self, since: float) -> None:
        """Something was written that was ready at ``since``, of the monotonic clock."""
        self._n_sent += 1
        self._max_lag_s = max(self._max_lag_s, time.monotonic() - since)

    def closed(
        self, route: str, reason: Reason, *, is_resumed: bool, n_dropped: int = 0
    ) -> StreamClosed:
        """What the log is told at the end."""
        return StreamClosed(
            stream_id=new_id(),  # a request's own id may be a text of its client
            transport=self._transport,
            route=route,
            n_events=self._n_sent,
            n_dropped=n_dropped,
            is_resumed=is_resumed,
            max_lag_ms=round(1000 * self._max_lag_s, 3),
            duration_ms=round(1000 * (time.monotonic() - self._began), 3),
            reason=reason,
        )
