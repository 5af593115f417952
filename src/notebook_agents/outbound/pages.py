"""Fetching pages: every hop is judged again, nothing of ours travels along, everything has an end.

No cookies, no ``Referer``, no credentials and no proxies of the environment: each hop is a request
of its own that says only what page is wanted.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx2

from notebook_agents.core.errors import InvalidRequest, RedirectDenied, ToolFailed, UrlDenied
from notebook_agents.core.web import UNREACHED, FetchedPage
from notebook_agents.outbound.targets import parse_target
from notebook_agents.outbound.transport import TOO_LARGE
from notebook_agents.outbound.unpacking import PACKINGS, Damaged, TooLarge, Unpacker

if TYPE_CHECKING:
    from notebook_agents.outbound.transport import Outbound

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 20.0
MAX_HOPS = 5
MAX_PAGE_BYTES = 5 << 20
MAX_HEADERS = 100
MAX_HEADER_BYTES = 64 << 10
MAX_KIND_CHARS = 500
"""Of what a server says of the kind: longer ones take seconds to read and say nothing more."""
USER_AGENT = "notebook-agents/1 (a person's agent reads this page)"
_OFFICE = "application/vnd.openxmlformats-officedocument."
READABLE = frozenset(
    {
        "application/json", "application/pdf", "application/xhtml+xml", "application/xml",
        f"{_OFFICE}spreadsheetml.sheet", f"{_OFFICE}wordprocessingml.document",
    }
)  # fmt: skip
"""Besides texts and what is written in JSON or XML."""
_STRUCTURED = re.compile(r"application/[a-z0-9.+-]+\+(?:json|xml)")
_REDIRECTS = (301, 302, 303, 307, 308)


class Pages:
    """Answers the WebPages port."""

    def __init__(self, outbound: Outbound, *, total_timeout_s: float = TOTAL_TIMEOUT_S) -> None:
        self._outbound = outbound
        self._total_timeout_s = total_timeout_s
        self._transport: httpx2.AsyncBaseTransport | None = None

    def place(self, url: str) -> str:
        """The address in its one canonical form, without what only a reader's screen needs."""
        try:
            target = parse_target(url.partition("#")[0])
        except InvalidRequest as refusal:
            raise UrlDenied(refusal.message, field="url") from None
        return f"{target.scheme}://{target.authority}{target.path}"

    async def fetch(self, url: str) -> FetchedPage:
        """The page at the end of at most five redirects."""
        place, found = self.place(url), None
        try:
            async with asyncio.timeout(self._total_timeout_s):
                for _ in range(MAX_HOPS + 1):
                    found = await self._ask(place, is_first=found is None)
                    if isinstance(found, FetchedPage):
                        return found
                    place = self._next(place, found)
        except TimeoutError:
            raise _failed(f"no page within {self._total_timeout_s:g} s", "TIMEOUT") from None
        except UrlDenied as refusal:
            if found is None:
                raise
            raise RedirectDenied(refusal.message, field="url") from None
        last = f"more than {MAX_HOPS} redirects; the last led to {place}"
        raise RedirectDenied(last, field="url")

    def close(self) -> None:
        """Nothing is fetched any more."""
        self._outbound.close()

    def _next(self, place: str, location: str) -> str:
        try:
            joined = urljoin(place, location)
        except ValueError:  # brackets that hold no address
            raise UrlDenied("a redirect leads to no valid address", field="url") from None
        there = self.place(joined)
        if urlsplit(place).scheme == "https" and urlsplit(there).scheme != "https":
            raise UrlDenied(f"a redirect leads from https to plain http: {there}", field="url")
        return there

    async def _ask(self, place: str, *, is_first: bool) -> FetchedPage | str:
        """The page, or where it is said to be."""
        try:
            answer = await (await self._way()).handle_async_request(self._request(place))
            async with aclosing(answer):
                return await _page(place, answer)
        except httpx2.InvalidURL:
            raise UrlDenied("the url is not valid", field="url") from None
        except (httpx2.HTTPError, OSError) as failure:
            if isinstance(failure.__cause__, UrlDenied):
                raise failure.__cause__ from None
            if is_first and isinstance(failure, (httpx2.ConnectError, httpx2.ConnectTimeout)):
                raise _failed(_plain(failure), UNREACHED) from None
            raise _failed(_plain(failure)) from None

    def _request(self, place: str) -> httpx2.Request:
        timeout = httpx2.Timeout(self._total_timeout_s, connect=CONNECT_TIMEOUT_S)
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": "text/html, text/*, application/json, application/pdf, */*;q=0.1",
            "Accept-Encoding": PACKINGS,
        }
        extensions = {"timeout": timeout.as_dict()}
        return httpx2.Request("GET", place, headers=headers, extensions=extensions)

    async def _way(self) -> httpx2.AsyncBaseTransport:
        if self._transport is None:
            self._transport = await asyncio.to_thread(
                lambda: self._outbound.transport(is_packed_welcome=True)
            )
        return self._transport


async def _page(place: str, answer: httpx2.Response) -> FetchedPage | str:
    lines = answer.headers.raw
    if len(lines) > MAX_HEADERS or sum(len(n) + len(v) for n, v in lines) > MAX_HEADER_BYTES:
        raise _failed("the server's headers are too large")
    if answer.status_code in _REDIRECTS and "Location" in answer.headers:
        return str(answer.headers["Location"])
    if answer.status_code != 200:
        raise _failed(f"the server answered {answer.status_code}")
    media_type, charset = _kind(answer.headers.get("Content-Type", ""))
    return FetchedPage(
        url=place,
        host=parse_target(place).authority,
        media_type=media_type,
        charset=charset,
        content=await _content(answer),
    )


def _kind(header: str) -> tuple[str, str]:
    message = Message()
    message["Content-Type"] = header[:MAX_KIND_CHARS].encode("ascii", "replace").decode()
    media_type = message.get_content_type() if header else ""
    is_readable = media_type in READABLE or _STRUCTURED.fullmatch(media_type)
    if not is_readable and not media_type.startswith("text/"):
        raise _failed(
            f"the page is {media_type or 'of no kind'!r:.80}; HTML, text, JSON, XML, PDF, Word and"
            " Excel files can be read"
        )
    charset = message.get_content_charset() or ""
    return media_type, charset


async def _content(answer: httpx2.Response) -> bytes:
    try:
        packing = answer.headers.get("Content-Encoding", "").strip().lower()
        unpacker = Unpacker(packing, MAX_PAGE_BYTES)
        pieces = [unpacker.feed(piece) async for piece in answer.aiter_raw()]
    except (TooLarge, Damaged) as failure:
        raise _failed(str(failure)) from None
    return b"".join(pieces)


def _failed(message: str, reason: str = "URL_FAILED") -> ToolFailed:
    return ToolFailed(message, reason=reason)


def _plain(failure: Exception) -> str:
    """In words of ours: the originals may quote what the server sent."""
    if isinstance(failure, httpx2.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(failure, httpx2.TimeoutException):
        return "the server was too slow"
    if isinstance(failure, httpx2.ConnectError):
        return "no connection could be made, or its certificate is not valid for its name"
    if isinstance(failure, httpx2.ReadError) and TOO_LARGE in str(failure):
        return f"the page is larger than {MAX_PAGE_BYTES >> 20} MiB"
    return "the connection broke, or the answer was not HTTP"
