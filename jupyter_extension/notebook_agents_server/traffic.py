"""How many bytes a request brought and its answer has."""

from __future__ import annotations

from tornado.concurrent import Future
from tornado.web import RequestHandler


class Counted(RequestHandler):
    """A handler that counts bodies; headers, and what a socket carries, are not among them."""

    n_read: int = 0
    """Of the body that came, as far as it was read."""
    n_sent: int = 0
    """Of the body that went out, before it was compressed."""

    def flush(self, include_footers: bool = False) -> Future[None]:
        """Send what was written so far."""
        if self.request.method != "HEAD":
            self.n_sent += sum(map(len, self._write_buffer))
        return super().flush(include_footers)
