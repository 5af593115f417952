"""The line about a request in the server's log.

Jupyter writes it, and for every status from 500 on it does so as an error, with the headers that
the client sent. 503 is no error of the server: it is starting or stopping, or what is asked for is
not on this machine. So that is one line without them. No line repeats more of an address than
somebody reads.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from jupyter_server.prometheus.log_functions import prometheus_log_method
from tornado.web import RequestHandler

MAX_ADDRESS = 300
"""Characters of a path with its query."""
_log = logging.getLogger(__name__)


def write_line(handler: RequestHandler) -> None:
    """Log a request that has its answer; nobody reads its address afterwards."""
    request = handler.request
    if handler.get_status() != HTTPStatus.SERVICE_UNAVAILABLE:
        request.uri = clipped(request.uri or "")
        handler.application.log_request(handler)
        return
    took_ms = 1000 * request.request_time()
    path = clipped(request.path)
    _log.info("503 %s %s (%s) %.2fms", request.method, path, request.remote_ip, took_ms)
    settings = getattr(handler.settings.get("log_function"), "keywords", {})
    if settings.get("record_prometheus_metrics", True):
        prometheus_log_method(handler)  # type: ignore[no-untyped-call]


def clipped(address: str) -> str:
    """The beginning of an address, and whether there is more."""
    return address if len(address) <= MAX_ADDRESS else f"{address[:MAX_ADDRESS]}…"
