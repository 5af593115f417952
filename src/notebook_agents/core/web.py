"""Pages and searches of the web: what a deployment opens, and what tools are told of pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

WEB_PORTS = (80, 443)
SANDBOX_NETWORK_BYTES = 64 << 20
URL_DENIED = "URL_DENIED"
"""What was asked for may not be reached; nothing was sent."""
REDIRECT_DENIED = "REDIRECT_DENIED"
"""An answer led to where nothing may be sent."""
UNREACHED = "UNREACHED"
"""Nobody answered at the address that was asked for."""
NOTHING_RECEIVED = frozenset({URL_DENIED, UNREACHED})
"""Why a page or a search failed before anything came from outside; all else may hold its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundConfig:
    """What an administrator decided about ways out of the server."""

    refused_networks: tuple[str, ...] = ()
    """Networks that nothing may reach, as ``10.2.0.0/16``: of pods, of services, of a hub."""
    web_networks: tuple[str, ...] = ()
    """Private networks whose pages may be read."""
    web_ports: tuple[int, ...] = ()
    """Ports of pages besides 80 and 443."""
    web_search_url: str = ""
    """Where a SearXNG is that may be searched; empty offers no search."""
    sandbox_hosts: tuple[str, ...] = ()
    """Hosts that code in tool kernels may reach; none where empty."""
    sandbox_network_bytes: int = SANDBOX_NETWORK_BYTES
    """What the kernels of one conversation may exchange with them in an hour."""

    def written(self) -> str:
        """For the environment of processes that are built alike; empty where nothing is decided."""
        return "" if self == OutboundConfig() else json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> OutboundConfig:
        """What was written."""
        told: dict[str, Any] = json.loads(text or "{}")
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
        return replace(cls(), **given)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPage:
    """What came from an address, not yet read."""

    url: str
    """Where it really came from, after redirects."""
    host: str
    media_type: str
    """What the server called it: one of those that can be read."""
    charset: str = ""
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPage:
    """One result of a search."""

    title: str
    url: str
    host: str
    snippet: str


class WebPages(Protocol):
    """Fetches pages, where the guard of the ways out lets it."""

    def place(self, url: str) -> str:
        """The address in its one canonical form; UrlDenied when it can be none. Asks nobody."""
        ...

    async def fetch(self, url: str) -> FetchedPage:
        """The page; UrlDenied where nothing may be sent, ToolFailed when nothing of use came.

        It is a RedirectDenied where an answer led there, and the failure's reason is ``UNREACHED``
        where the first address did not answer.
        """
        ...


class PageReader(Protocol):
    """Reads the text out of pages, away from the server's own process."""

    async def text(self, owner_id: str, page: FetchedPage) -> str:
        """What a reader of the page sees; ToolFailed when it cannot be read."""
        ...


class WebSearch(Protocol):
    """Searches the web."""

    async def search(self, query: str, n_results: int) -> Sequence[FoundPage]:
        """The best results first; ToolFailed when there is no answer."""
        ...
