"""Where everything is: one table per dialect, mounted at its own prefix and at the root.

Below ``/notebook-agents/<dialect>`` a dialect answers exactly as its document says; at the root its
documented paths work unchanged, if the deployment wants that. Nothing here is broader than what is
ours: an extension's routes shadow Jupyter's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tornado.web import RequestHandler

from notebook_agents_server import engine_proxy
from notebook_agents_server.base import BaseHandler, Route, Services, UnknownPath
from notebook_agents_server.dialects.aimos import routes as aimos
from notebook_agents_server.dialects.tektra import routes as tektra

PREFIX = "/notebook-agents"
Mounted = tuple[str, type[RequestHandler], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectTable:
    """A dialect as the table of mounts needs it."""

    name: str
    routes: Sequence[Route]
    unknown: Route


DIALECTS: tuple[DialectTable, ...] = (
    DialectTable(name="tektra", routes=tektra.ROUTES, unknown=tektra.UNKNOWN),
    DialectTable(name="aimos", routes=aimos.ROUTES, unknown=aimos.UNKNOWN),
)
DIALECT_NAMES = tuple(table.name for table in DIALECTS)
LIMITS: Mapping[str, Mapping[str, str]] = {
    table.name: cast("type[BaseHandler]", table.unknown[1]).dialect.limits for table in DIALECTS
}
"""What the documents say of rate limits."""


def all_routes(root_dialects: Collection[str]) -> list[Route]:
    """Every path of ours below the base URL, most special first."""
    routes = [(f"{PREFIX}/engine{path}", handler) for path, handler in engine_proxy.ROUTES]
    for table in DIALECTS:
        own = f"{PREFIX}/{table.name}"
        routes += [(own + path, handler) for path, handler in table.routes]
        routes.append((f"{own}(/.*)?", table.unknown[1]))
    rooted = [table for table in DIALECTS if table.name in root_dialects]
    for table in rooted:
        routes += table.routes
    # After the paths of all dialects, because several share a first segment.
    routes += [table.unknown for table in rooted]
    routes.append((f"{PREFIX}(/.*)?", UnknownPath))
    return routes


def mounted(root_dialects: Collection[str], services: Services) -> list[Mounted]:
    """The handlers as an extension hands them to Jupyter."""
    options = {"services": services}
    return [(path, handler, options) for path, handler in all_routes(root_dialects)]
