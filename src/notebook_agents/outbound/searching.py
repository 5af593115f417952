"""Searching the web through a SearXNG, which an administrator names.

Its ``/search`` answers JSON when ``json`` is among the formats of its settings.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING, Any

import httpx2

from notebook_agents.core.errors import InvalidRequest, ToolFailed, UrlDenied
from notebook_agents.core.visible_text import visible_name
from notebook_agents.core.web import UNREACHED, FoundPage
from notebook_agents.outbound.targets import parse_target

if TYPE_CHECKING:
    from notebook_agents.outbound.transport import Outbound

TIMEOUT_S = 20.0
FAILED = "SEARCH_FAILED"
MAX_TITLE_CHARS = 200
MAX_SNIPPET_CHARS = 500
MAX_URL_CHARS = 2000
FORMAT_HINT = "its settings must have json among search.formats"


class SearxngSearch:
    """Answers the WebSearch port."""

    def __init__(self, url: str, outbound: Outbound) -> None:
        base = url.rstrip("/")
        self._url = base if base.endswith("/search") else f"{base}/search"
        self._outbound = outbound
        self._transport: httpx2.AsyncBaseTransport | None = None

    async def search(self, query: str, n_results: int) -> Sequence[FoundPage]:
        """What the engines behind it find."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                content = await self._asked(query)
        except TimeoutError:
            raise ToolFailed(f"no answer within {TIMEOUT_S:g} s", reason="TIMEOUT") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as failure:
            if isinstance(failure.__cause__, UrlDenied):
                raise failure.__cause__ from None
            is_silent = isinstance(failure, (httpx2.ConnectError, httpx2.ConnectTimeout))
            reason = UNREACHED if is_silent else FAILED
            raise _failed("the search cannot be reached", reason) from None
        try:
            results = json.loads(content)["results"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _failed(f"the search did not answer JSON; {FORMAT_HINT}") from None
        if not isinstance(results, list):
            raise _failed("the search did not answer with results")
        return list(islice(filter(None, map(_page, results)), n_results))

    async def _asked(self, query: str) -> bytes:
        if self._transport is None:
            self._transport = await asyncio.to_thread(self._outbound.transport)
        url = httpx2.URL(self._url, params={"q": query, "format": "json"})
        answer = await self._transport.handle_async_request(
            httpx2.Request("GET", url, headers={"Accept": "application/json"})
        )
        async with aclosing(answer):
            if answer.status_code != 200:
                hint = f"; {FORMAT_HINT}" if answer.status_code == 403 else ""
                raise _failed(f"the search answered {answer.status_code}{hint}")
            return await answer.aread()


def _page(found: Any) -> FoundPage | None:
    """A result, if it leads somewhere; it was written by strangers."""
    if not isinstance(found, dict):
        return None
    try:
        # Engines give addresses as people see them; parse_target wants them as they are sent.
        url = str(httpx2.URL(str(found.get("url", ""))))
        target = parse_target(url.partition("#")[0])
    except (InvalidRequest, httpx2.InvalidURL):
        return None
    if len(url) > MAX_URL_CHARS:
        return None
    return FoundPage(
        title=visible_name(str(found.get("title", "")))[:MAX_TITLE_CHARS],
        url=f"{target.scheme}://{target.authority}{target.path}",
        host=target.host,
        snippet=visible_name(str(found.get("content", "")))[:MAX_SNIPPET_CHARS],
    )


def _failed(message: str, reason: str = FAILED) -> ToolFailed:
    return ToolFailed(message, reason=reason)
