"""From a URL to the address that is connected to: one parser, one look at the name, one decision.

What the guard has judged is what the connection goes to. The name is never resolved a second time,
so an answer that changes in between (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import psutil

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.outbound.addresses import Address, Rules, why_refused

T = TypeVar("T")
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host, asked for on a thread; OSError when there are none."""

DEFAULT_PORTS = {"http": 80, "https": 443}
RESOLVE_TIMEOUT_S = 5.0
RESOLVERS = 8
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
"""Parsers disagree on what to do with these."""
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
SETTING = "webhook_allow_private"
ALLOW_HINT = "an administrator can allow private receivers: {setting}"
NEVER_HINT = "no setting opens it; use a public address"
HTTP_HINT = "an administrator can allow http:// with private receivers: {setting}"


class Refused(Exception):
    """Nothing may be sent there; the text says why, in words for the webhook's owner."""


class Unresolved(Exception):
    """The name has no address now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL taken apart."""

    scheme: str
    host: str
    """ASCII, without the brackets of IPv6."""
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """Host and port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: Address) -> str:
        """The URL with the address in place of the name."""
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse_target(url: str) -> Target:
    """Take a URL apart; InvalidRequest on the field ``url`` says what is wrong with it."""
    if _FORBIDDEN.search(url):
        raise _wrong("the url must not contain spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _wrong(f"the url is not valid: {error}") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise _wrong("the url must begin with https:// or http://")
    if not (parts.path + parts.query).isascii():
        raise _wrong("percent-encode what is not ASCII in the path of the url")
    if "@" in parts.netloc:
        raise _wrong("the url must not contain a user name or password")
    if parts.fragment or "#" in url:
        raise _wrong("the url must not have a fragment (#)")
    if port == 0:
        raise _wrong("there is no port 0")
    return Target(
        scheme=parts.scheme,
        host=_ascii_host(parts.hostname or ""),
        port=port or DEFAULT_PORTS[parts.scheme],
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def _ascii_host(host: str) -> str:
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise _wrong(f"{host!r} is no IPv6 address") from None
        if address.scope_id:
            raise _wrong("the url must not name a network interface (%)")
        return str(address)
    try:
        encoded = host.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        encoded = ""
    if not _HOST.fullmatch(encoded):
        raise _wrong(f"{host!r} is no host name")
    return encoded


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="url")


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host; blocks."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """Decides which addresses may be connected to."""

    def __init__(
        self,
        rules: Rules,
        *,
        resolve: Resolve = resolve,
        setting: str = SETTING,
        ports: Collection[int] = (),
        allow_http: bool | None = None,
    ) -> None:
        """``setting`` is what opens private networks, for the words of a refusal.

        Args:
            rules: What is open and what is closed.
            resolve: Asks for the addresses of a name.
            setting: As above.
            ports: The only ones that may be connected to; empty is any.
            allow_http: Whether plain http may be used; None where private networks are open.
        """
        self._rules = rules
        self._setting = setting
        self._resolve = resolve
        self._ports = frozenset(ports)
        self._allow_http = rules.allow_private if allow_http is None else allow_http
        # Threads of their own: names that take forever must not hold up the rest of the server.
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="outbound-names")

    async def addresses(self, target: Target) -> list[Address]:
        """Where the target is, all of it reachable for everybody.

        Raises Refused when even one address is not, Unresolved when there is none.
        """
        self._require_port(target)
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                texts = await self._on_thread(self._resolve, target.host, target.port)
        except (OSError, UnicodeError):  # a timeout is an OSError
            texts = ()
        if not texts:
            raise Unresolved(f"the name {target.host!r} could not be resolved")
        addresses = [ipaddress.ip_address(text) for text in texts]
        own = await self._on_thread(own_addresses)
        for address in addresses:
            if reason := why_refused(address, self._rules, own=own):
                open_rules = replace(self._rules, allow_private=True)
                is_private = not why_refused(address, open_rules, own=own)
                hint = ALLOW_HINT.format(setting=self._setting) if is_private else NEVER_HINT
                # Not the address: names of our own network are nothing to be asked for here.
                raise Refused(f"the address of {target.host!r} {reason}; {hint}")
        return addresses

    def require_scheme(self, target: Target) -> None:
        """Refuse plain http unless receivers in one's own networks, where it is usual, are open.

        Raises InvalidRequest on the field ``url``.
        """
        if target.scheme != "https" and not self._allow_http:
            raise _wrong(f"use https://; {HTTP_HINT.format(setting=self._setting)}")

    def _require_port(self, target: Target) -> None:
        if self._ports and target.port not in self._ports:
            known = ", ".join(map(str, sorted(self._ports)))
            raise Refused(f"port {target.port} is closed; open are {known}")

    def close(self) -> None:
        """Resolve nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _on_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def own_addresses() -> frozenset[Address]:
    """The addresses of this machine's interfaces."""
    return frozenset(
        ipaddress.ip_address(entry.address.partition("%")[0])
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    )
