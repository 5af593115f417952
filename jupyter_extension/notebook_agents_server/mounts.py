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

from notebook_agents_server import engine_proxy, mcp_door, prometheus, tool_server_proxy
from notebook_agents_server.base import BaseHandler, Dialect, Route, Services, UnknownPath
from notebook_agents_server.dialects import shared_routes
from notebook_agents_server.dialects.agent_api import routes as agent_api
from notebook_agents_server.dialects.agent_c import routes as agent_c
from notebook_agents_server.dialects.aimos import auth_routes as aimos_auth
from notebook_agents_server.dialects.aimos import routes as aimos
from notebook_agents_server.dialects.netra import auth_routes as netra_auth
from notebook_agents_server.dialects.netra import routes as netra
from notebook_agents_server.dialects.tektra import routes as tektra
from notebook_agents_server.docs_pages import ASSETS, Shelf
from notebook_agents_server.failures import PLAIN
from notebook_agents_server.openapi import describe
from notebook_agents_server.route_names import route_names
from notebook_agents_server.ui import routes as ui

PREFIX = "/notebook-agents"
Mounted = tuple[str, type[RequestHandler], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectTable:
    """A dialect as the table of mounts needs it."""

    name: str
    routes: Sequence[Route]
    unknown: Route
    shelf: Shelf | None = None
    """Where its document says that its API documents are."""

    @property
    def dialect(self) -> Dialect:
        """What the doors know about it."""
        return cast("type[BaseHandler]", self.unknown[1]).dialect

    @property
    def mount(self) -> str:
        """The prefix where it always is."""
        return f"{PREFIX}/{self.name}"

    def routes_at(self, mount: str, *others: str) -> list[Route]:
        """Its paths below a mount; its API documents there name the other mounts too."""
        found = [(mount + path, handler) for path, handler in self.routes]
        if self.shelf is not None:
            found += self.documents(self.shelf.under(mount), mount, *others)
        return found

    def documents(self, shelf: Shelf, *mounts: str) -> list[Route]:
        """Its API documents at some place, for clients at some mounts."""
        title = self.dialect.title or self.name

        def write(base: str) -> Mapping[str, Any]:
            pages = self.shelf.routes(self.dialect, title, write) if self.shelf else []
            servers = [base + mount for mount in mounts]
            return describe([*self.routes, *pages], title=title, servers=servers)

        return shelf.routes(self.dialect, title, write)


DIALECTS: tuple[DialectTable, ...] = (
    DialectTable(name="tektra", routes=tektra.ROUTES, unknown=tektra.UNKNOWN),
    DialectTable(
        name="aimos",
        routes=[*aimos_auth.ROUTES, *aimos.ROUTES],
        unknown=aimos.UNKNOWN,
        shelf=Shelf.below("/api"),
    ),
    DialectTable(name="netra", routes=[*netra_auth.ROUTES, *netra.ROUTES], unknown=netra.UNKNOWN),
    DialectTable(name="agent_c", routes=agent_c.ROUTES, unknown=agent_c.UNKNOWN),
    DialectTable(
        name="agent_api",
        routes=agent_api.ROUTES,
        unknown=agent_api.UNKNOWN,
        shelf=Shelf.below("/api/v1"),
    ),
)
DIALECT_NAMES = tuple(table.name for table in DIALECTS)
LIMITS: Mapping[str, Mapping[str, str]] = {
    **{table.name: table.dialect.limits for table in DIALECTS},
    mcp_door.MCP.name: mcp_door.MCP.limits,
}
"""What the documents say of rate limits, and ours for other agents."""


def engine_routes() -> list[Route]:
    """The paths of the engine and of tool servers, for kernels, and the one of other agents."""
    lent = [*engine_proxy.ROUTES, *tool_server_proxy.ROUTES]
    engine = [(f"{PREFIX}/engine{path}", handler) for path, handler in lent]
    return [*engine, *((f"{PREFIX}/mcp{path}", handler) for path, handler in mcp_door.ROUTES)]


def all_routes(root_dialects: Collection[str]) -> list[Route]:
    """Every path of ours below the base URL, most special first."""
    routes = [*engine_routes(), *ui.ROUTES, *ASSETS, *_documents_of_all(root_dialects)]
    root_names = set(root_dialects)
    rooted = [table for table in DIALECTS if table.name in root_names]
    for table in DIALECTS:
        roots = ("",) if table in rooted else ()
        routes += table.routes_at(table.mount, *roots)
        routes += table.documents(Shelf.below(table.mount), table.mount, *roots)
        routes.append((f"{table.mount}(/.*)?", table.unknown[1]))
    routes += [*shared_routes.routes(root_names), *prometheus.ROUTES]
    for table in rooted:
        routes += table.routes_at("", table.mount)
    # After the paths of all dialects, because several share a first segment.
    routes += [table.unknown for table in rooted]
    routes.append((f"{PREFIX}(/.*)?", UnknownPath))
    return routes


def _documents_of_all(root_dialects: Collection[str]) -> list[Route]:
    """The API documents of everything, below our own prefix and, with any dialect, at the root."""

    def write(base: str) -> Mapping[str, Any]:
        return describe(
            _told_once(root_dialects),
            title=PLAIN.title,
            servers=[base],
            words=_contents(base),
        )

    shelf = Shelf.below(PREFIX)
    routes = shelf.routes(PLAIN, PLAIN.title, write)
    if root_dialects:
        at_root = Shelf(openapi=shelf.openapi, docs="/docs", redoc="/redoc")
        routes += at_root.routes(PLAIN, PLAIN.title, write)[1:]  # the document is there already
    return routes


def _told_once(root_dialects: Collection[str]) -> list[Route]:
    """Every path; those of dialects at the root not again, and pages where documents have them."""
    root_names = set(root_dialects)
    routes = [*shared_routes.routes(root_names), *prometheus.ROUTES]
    for table in DIALECTS:
        routes += table.routes_at("" if table.name in root_names else table.mount)
    return [*routes, *engine_routes()]


def _contents(base: str) -> str:
    lines = [
        f"- [{table.dialect.title or table.name}]({base}{table.mount}/docs), also below"
        f" `{table.mount}`"
        for table in DIALECTS
    ]
    return "\n".join(("All APIs of this server. Each has documents of its own:", "", *lines))


def mounted(root_dialects: Collection[str], services: Services) -> list[Mounted]:
    """The handlers as an extension hands them to Jupyter."""
    options = {"services": services}
    routes = all_routes(root_dialects)
    relative = [route for table in DIALECTS for route in table.routes]
    services.routes = route_names([*relative, *routes])
    return [(path, handler, options) for path, handler in routes]
