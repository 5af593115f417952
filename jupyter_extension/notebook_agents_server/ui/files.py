"""The files of the page, at addresses that change with their content, so that browsers keep them.

The page works without any other host; its charts are drawn by what draws them in notebooks.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from notebook_agents.core.errors import NotFound
from notebook_agents.dashboards import charts_program
from notebook_agents_server.base import BaseHandler

STATIC = files("notebook_agents_server") / "static" / "ui"
SHARED = files("notebook_agents.dashboards") / "static"
"""What the notebook's dashboard uses too."""
TYPES: Mapping[str, str] = {".js": "text/javascript", ".css": "text/css"}
MAX_AGE_S = 365 * 24 * 3600
DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is sent."""

    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """All files of the page, by name."""

    digest: str
    """Of everything; part of their addresses."""
    named: Mapping[str, Asset]
    page: str
    """The page, with ``[[names]]`` where something is to be put in."""


@functools.cache
def assets() -> Assets:
    """Read all files, once."""
    folders = (SHARED, STATIC)
    found = {each.name: each for at in folders for each in at.iterdir() if _type_of(each.name)}
    found[charts_program.NAME] = charts_program.PATH
    digest = hashlib.sha256()
    named = {}
    for name, path in sorted(found.items()):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)} ".encode() + content)
        named[name] = Asset(content_type=_type_of(name), content=content)
    page = (STATIC / "page.html").read_text("utf-8")
    return Assets(digest=digest.hexdigest()[:DIGEST_CHARS], named=named, page=page)


@functools.cache
def compressed(name: str) -> bytes:
    """One of them with gzip; that of the charts takes a tenth of a second, the first time."""
    return gzip.compress(assets().named[name].content, 6, mtime=0)


class PageFile(BaseHandler):
    """``/ui/files/<digest>/<name>``."""

    is_public = True
    is_activity = False
    is_internal = True

    async def get(self, digest: str, name: str) -> None:
        """A file of the page; one of another version is not found, rather than mixed with ours."""
        known = await asyncio.to_thread(assets)
        if digest != known.digest or name not in known.named:
            raise NotFound("file", name)
        asset = known.named[name]
        self.set_header("Content-Type", f"{asset.content_type}; charset=UTF-8")
        self.set_header("Cache-Control", f"public, max-age={MAX_AGE_S}, immutable")
        content = asset.content
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            content = await asyncio.to_thread(compressed, name)
        self.add_header("Vary", "Accept-Encoding")
        self.finish(content)


def _type_of(name: str) -> str:
    return TYPES.get(name[name.rfind(".") :], "")
