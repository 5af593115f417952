"""Sending a letter: to the checked address, within bounds, and without trust in what comes back.

No redirects, no proxies of the environment, no cookies, no connection used twice (a connection
belongs to the name it was made for, and here URLs name addresses). Of an answer only the status and
``Retry-After`` are looked at; its body is thrown away.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

import httpx2

from notebook_agents.core.deliveries import Letter, Receipt
from notebook_agents.core.errors import UrlDenied
from notebook_agents.webhooks.signatures import (
    Keys,
    SealedSecrets,
    body_of,
    check_secret,
    headers_of,
)

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 1.0
MAX_ANSWER_BYTES = 4096
"""How much of an answer is read; the status has come by then."""
USER_AGENT = "notebook-agents-webhooks/1"


class WayOut(Protocol):
    """What lets letters go to the addresses that may be reached, and nowhere else."""

    async def check(self, url: str) -> str:
        """The host and port; InvalidRequest on the field ``url`` when nothing may be sent there."""
        ...

    def transport(self) -> httpx2.AsyncBaseTransport:
        """Sends requests; a refusal is an error of connecting whose cause is UrlDenied."""
        ...

    def close(self) -> None:
        """Nothing goes out any more."""
        ...


class HttpSender:
    """Answers the WebhookSender port with HTTP."""

    def __init__(
        self, keys: Keys, outbound: WayOut, *, total_timeout_s: float = TOTAL_TIMEOUT_S
    ) -> None:
        """Blocks while the system's certificates are read."""
        self._secrets = SealedSecrets(keys)
        self._outbound = outbound
        self._total_timeout_s = total_timeout_s
        # The bare transport: a client would follow, remember and log whole URLs.
        self._http = outbound.transport()

    async def check(self, url: str) -> str:
        """The receiver's host and port; InvalidRequest when nothing may be sent there."""
        return await self._outbound.check(url)

    def seal(self, secret: str) -> str:
        """The secret, encrypted."""
        check_secret(secret)
        return self._secrets.seal(secret)

    def renew(self, sealed: str) -> str:
        """The secret, encrypted with the newest key."""
        return self._secrets.renew(sealed)

    async def send(self, letter: Letter) -> Receipt:
        """Sign and send; every failure is a receipt."""
        begun = time.monotonic()
        status, error, retry_after_s = None, "", None
        try:
            async with asyncio.timeout(self._total_timeout_s):
                answer = await self._deliver(letter)
            status, retry_after_s = answer.status_code, _retry_after_s(answer)
            error = _complaint(status)
        except TimeoutError:
            error = f"no answer within {self._total_timeout_s:g} s"
        except UrlDenied as refusal:
            error = refusal.message
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as failure:
            error = _plain(failure)
        return Receipt(
            status_code=status,
            duration_ms=(time.monotonic() - begun) * 1000,
            error=error,
            retry_after_s=retry_after_s,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()
        self._outbound.close()

    async def _deliver(self, letter: Letter) -> httpx2.Response:
        secret = self._secrets.open(letter.sealed_secret)
        if secret is None:
            raise UrlDenied("the secret was sealed with another key of the server; set it again")
        body = body_of(letter, secret)
        headers = {
            **headers_of(letter, secret, body),
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        }
        timeout = httpx2.Timeout(self._total_timeout_s, connect=CONNECT_TIMEOUT_S)
        request = httpx2.Request(
            "POST",
            letter.url,
            headers=headers,
            content=body,
            extensions={"timeout": timeout.as_dict()},
        )
        answer = await self._http.handle_async_request(request)
        async with aclosing(answer):
            # The status says it all; the rest is read a little, only not to hang up on anybody.
            with suppress(TimeoutError, httpx2.HTTPError):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await _read_a_little(answer)
        return answer


async def _read_a_little(answer: httpx2.Response) -> None:
    n_read = 0
    async for chunk in answer.aiter_raw():
        n_read += len(chunk)
        if n_read >= MAX_ANSWER_BYTES:
            return


def _complaint(status: int) -> str:
    """What is wrong with an answer; empty for a success."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if status < HTTPStatus.BAD_REQUEST:
        return f"the receiver answered {status}; redirects are not followed"
    return f"the receiver answered {status}"


def _plain(failure: Exception) -> str:
    """A failure in words of ours: the originals may quote the URL or what the receiver sent."""
    if isinstance(failure.__cause__, UrlDenied):
        return failure.__cause__.message
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "the receiver's certificate is not valid for its name"
        if isinstance(cause, ssl.SSLError):
            return "no TLS connection could be made"
        cause = cause.__cause__ or cause.__context__
    if isinstance(failure, httpx2.InvalidURL):
        return "the url is not valid"
    if isinstance(failure, httpx2.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(failure, httpx2.TimeoutException):
        return "the receiver was too slow"
    if isinstance(failure, httpx2.ConnectError):
        return "the connection was refused or could not be made"
    return "the connection broke or the answer was not HTTP"


def _retry_after_s(answer: httpx2.Response) -> float | None:
    """``Retry-After`` in seconds, from either of its forms; None for anything else."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
