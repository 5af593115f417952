"""HTTP to addresses that people named, for rooms that speak a protocol of their own over it.

Every request goes through the guard, also one that follows a redirect: the name is looked up once,
judged, and the address that was judged is the one that is connected to. Answers are bounded and may
not be compressed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2

from notebook_agents.core.errors import InvalidRequest, UrlDenied
from notebook_agents.outbound.targets import Guard, Refused, Target, Unresolved, parse_target

if TYPE_CHECKING:
    from notebook_agents.outbound.addresses import Address

MAX_ADDRESSES = 3
MAX_ANSWER_BYTES = 5 << 20
MAX_STREAM_BYTES = 64 << 20
"""Of a stream of events, which may go on for long."""
TOO_LARGE = "the server's answer is too large"
EVENTS = "text/event-stream"


class Outbound:
    """The way out for one room."""

    def __init__(self, guard: Guard, *, trusted: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._trusted = trusted

    async def check(self, url: str) -> str:
        """The host and port; InvalidRequest on the field ``url`` when nothing may be sent there.

        A name that cannot be resolved now is accepted: it is looked at again each time.
        """
        target = parse_target(url)
        try:
            await self._guard.addresses(target)
        except Refused as refusal:
            raise InvalidRequest(str(refusal), field="url") from None
        except Unresolved:
            pass
        self._guard.require_scheme(target)
        return target.authority

    def transport(self, *, is_packed_welcome: bool = False) -> httpx2.AsyncBaseTransport:
        """A transport of its own for one client; blocks while certificates are read.

        A refusal is a ConnectError whose cause is UrlDenied. ``is_packed_welcome`` is for those who
        unpack answers within bounds of their own; for others a packed answer is an error.
        """
        trusted = self._trusted or ssl.create_default_context()
        return GuardedTransport(self._guard, trusted, is_packed_welcome=is_packed_welcome)

    def close(self) -> None:
        """Resolve nothing more."""
        self._guard.close()


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests where the guard lets them go."""

    def __init__(
        self, guard: Guard, trusted: ssl.SSLContext, *, is_packed_welcome: bool = False
    ) -> None:
        self._guard = guard
        self._is_packed_welcome = is_packed_welcome
        self._http = httpx2.AsyncHTTPTransport(
            verify=trusted,
            trust_env=False,
            # A connection belongs to the name it was made for, and here URLs name addresses.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send; a refusal is an error of connecting."""
        try:
            target = parse_target(str(request.url))
            self._guard.require_scheme(target)
            addresses = await self._guard.addresses(target)
        except (Refused, Unresolved) as refusal:
            raise httpx2.ConnectError(str(refusal), request=request) from UrlDenied(str(refusal))
        except InvalidRequest as refusal:
            said = refusal.message
            raise httpx2.ConnectError(said, request=request) from UrlDenied(said)
        answer = await self._send(request, target, addresses[:MAX_ADDRESSES])
        is_packed = answer.headers.get("Content-Encoding", "identity").lower() != "identity"
        if is_packed and not self._is_packed_welcome:
            await answer.aclose()
            raise httpx2.ReadError("the server sent a compressed answer unasked", request=request)
        is_stream = answer.headers.get("Content-Type", "").startswith(EVENTS)
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_Bounded(answer, MAX_STREAM_BYTES if is_stream else MAX_ANSWER_BYTES),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _send(
        self, request: httpx2.Request, target: Target, addresses: list[Address]
    ) -> httpx2.Response:
        *others, last = addresses
        for address in others:
            try:
                return await self._http.handle_async_request(self._at(request, target, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._http.handle_async_request(self._at(request, target, last))

    def _at(self, request: httpx2.Request, target: Target, address: Address) -> httpx2.Request:
        headers = httpx2.Headers(request.headers)
        headers["Host"] = target.authority
        if not self._is_packed_welcome:
            headers["Accept-Encoding"] = "identity"
        return httpx2.Request(
            request.method,
            target.at(address),
            headers=headers,
            stream=request.stream,
            # The certificate is checked for the name, though the URL has the address.
            extensions={**request.extensions, "sni_hostname": target.host},
        )


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, answer: httpx2.Response, most: int) -> None:
        self._answer = answer
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_raw():
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx2.ReadError(TOO_LARGE)
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()
