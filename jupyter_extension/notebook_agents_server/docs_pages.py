"""The pages that show the API documents, and the documents themselves.

Swagger UI and ReDoc come from this server, never from another host, and neither page has a script
of its own in it. Nobody needs a credential to read them: they hold no data. Every dialect has its
document at its own mount and, where its document says so, at documented paths; one document holds
all that is mounted.
"""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, ClassVar

from notebook_agents.core.errors import NotFound
from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.operations import operation

Writer = Callable[[str], Mapping[str, Any]]
"""Writes a document, given the server's base URL without a slash at the end."""
STATIC = files("notebook_agents_server") / "static"
TYPES: Mapping[str, str] = {
    "vendor/swagger-ui-bundle.js": "text/javascript",
    "vendor/swagger-ui.css": "text/css",
    "vendor/redoc.standalone.js": "text/javascript",
    "swagger.js": "text/javascript",
    "redoc.js": "text/javascript",
    "page.css": "text/css",
}
"""Every file that is served, and nothing else."""
ASSETS_AT = "/notebook-agents/static"
HTML = "text/html; charset=UTF-8"
MAX_AGE_S = 3600
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Both pages write styles into themselves.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        # ReDoc searches in a worker that it makes of a text.
        "worker-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
SWAGGER = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{static}/vendor/swagger-ui.css">
<link rel="stylesheet" href="{static}/page.css">
</head>
<body>
<noscript>This page needs JavaScript; the document itself is at <a href="{document}">{document}</a>.
</noscript>
<main id="api" data-document="{document}"></main>
<script src="{static}/vendor/swagger-ui-bundle.js"></script>
<script src="{static}/swagger.js"></script>
</body>
</html>
"""
REDOC = (
    SWAGGER.replace('<link rel="stylesheet" href="{static}/vendor/swagger-ui.css">\n', "")
    .replace("vendor/swagger-ui-bundle.js", "vendor/redoc.standalone.js")
    .replace("swagger.js", "redoc.js")
)


@dataclass(frozen=True, kw_only=True)
class Book:
    """One document and where its page finds it."""

    title: str
    document: str
    """Path below the base URL."""
    write: Writer
    _written: dict[str, asyncio.Future[bytes]] = field(default_factory=dict)

    async def text(self, base_url: str) -> bytes:
        """The document as JSON, written once, on a thread, for all who ask meanwhile."""
        written = self._written.get(base_url)
        if written is None or (written.done() and written.exception() is not None):
            loop = asyncio.get_running_loop()
            written = loop.run_in_executor(None, self._write, base_url)
            self._written[base_url] = written
        return await asyncio.shield(written)  # a client that leaves takes it from nobody

    def _write(self, base_url: str) -> bytes:
        return json.dumps(self.write(base_url)).encode()


class PublicPage(BaseHandler):
    """What anybody may read."""

    is_public = True
    is_activity = False

    book: ClassVar[Book]

    @property
    def base(self) -> str:
        """The server's base URL without a slash at the end."""
        return self.base_url.rstrip("/")

    def show(self, page: str) -> None:
        """Answer with a page."""
        values = {
            "title": self.book.title,
            "static": f"{self.base}{ASSETS_AT}",
            "document": self.base + self.book.document,
        }
        self.set_header("Content-Type", HTML)
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Referrer-Policy", "no-referrer")
        self.finish(page.format(**{name: html.escape(text) for name, text in values.items()}))


class OpenApiDocument(PublicPage):
    """``openapi.json``."""

    @operation(content_type="application/json", tag="documents")
    async def get(self) -> None:
        """This document, in OpenAPI 3.1."""
        text = await self.book.text(self.base)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.set_header("Cache-Control", "no-cache")
        self.finish(text)


class SwaggerPage(PublicPage):
    """``docs``."""

    @operation(content_type="text/html", tag="documents")
    async def get(self) -> None:
        """The document as a page to try it out, with Swagger UI."""
        self.show(SWAGGER)


class RedocPage(PublicPage):
    """``redoc``."""

    @operation(content_type="text/html", tag="documents")
    async def get(self) -> None:
        """The document as a page to read, with ReDoc."""
        self.show(REDOC)


class Asset(PublicPage):
    """A file of the pages."""

    is_internal = True

    async def get(self, name: str) -> None:
        """The file; the browser keeps it."""
        if name not in TYPES:
            raise NotFound("file", name)
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(None, STATIC.joinpath(name).read_bytes)
        self.set_header("Content-Type", f"{TYPES[name]}; charset=UTF-8")
        self.set_header("Cache-Control", f"public, max-age={MAX_AGE_S}")
        self.finish(content)


ASSETS: Sequence[Route] = [(rf"{ASSETS_AT}/([\w./-]+)", Asset)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where a document and its pages are."""

    openapi: str
    docs: str
    redoc: str

    @classmethod
    def below(cls, path: str) -> Shelf:
        """At the usual names below a path."""
        return cls(openapi=f"{path}/openapi.json", docs=f"{path}/docs", redoc=f"{path}/redoc")

    def under(self, mount: str) -> Shelf:
        """The same below a mount."""
        return Shelf(openapi=mount + self.openapi, docs=mount + self.docs, redoc=mount + self.redoc)

    def routes(self, dialect: Dialect, title: str, write: Writer) -> list[Route]:
        """The document and its two pages, with the errors of a dialect."""
        book = Book(title=title, document=self.openapi, write=write)
        pages: Sequence[tuple[str, type[PublicPage]]] = (
            (self.openapi, OpenApiDocument),
            (self.docs, SwaggerPage),
            (self.redoc, RedocPage),
        )
        own = {"book": book, "dialect": dialect}
        return [
            (
                path.replace(".", r"\."),
                type(page.__name__, (page,), {**own, "__doc__": page.__doc__}),
            )
            for path, page in pages
        ]
