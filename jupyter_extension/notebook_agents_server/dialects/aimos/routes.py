"""AIMOS's routes: parse, call the core, reply."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents_server.base import BaseHandler, Dialect, Route, UnknownPath
from notebook_agents_server.dialects.aimos.dialect import AIMOS


class AimosHandler(BaseHandler):
    """A handler that answers errors as AIMOS documents them."""

    dialect: ClassVar[Dialect] = AIMOS


class Unknown(UnknownPath):
    """JSON 404 for the rest of AIMOS's paths."""

    dialect = AIMOS


ROUTES: list[Route] = []
UNKNOWN: Route = (r"/api/(?:agents|auth|execute|executions|system|webhooks|ws)/.+", Unknown)
"""Nothing broader: the rest of ``/api`` is Jupyter's own."""
