"""Which addresses may be reached: everybody's, and nothing of our own network.

Addresses are judged, never the text of a URL: ``2130706433`` and ``127。0。0。1`` are loopback too.
An address that carries another one inside (IPv4 in IPv6, tunnels, translation) is good only if both
are. ``is_global`` alone would let multicast, NAT64 and IPv4-compatible addresses through.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds hand credentials to their machines; 169.254.169.254 is link-local."""
PRIVATE = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                 "::1/128", "fc00::/7")
)  # fmt: skip
"""What an administrator may open: loopback, private networks, shared address space."""
REFUSED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "5f00::/16",
        "64:ff9b:1::/48",
        "fec0::/10",
    )
)
"""Not for anybody, though Python calls some of them global."""
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an administrator decided about one way out."""

    allow_private: bool = False
    """Whether all private networks and this machine are open."""
    opened: tuple[Network, ...] = ()
    """Networks that are open though they are private, or hold addresses of this machine."""
    refused: tuple[Network, ...] = ()
    """Networks that are never reached, whatever else is open: of pods, of services, of a hub."""

    def opens(self, address: Address) -> bool:
        """Whether an address that is nobody else's business may be reached."""
        return self.allow_private or _is_in(address, self.opened)


def why_refused(address: Address, rules: Rules, *, own: Iterable[Address] = ()) -> str:
    """Why nothing may be sent there; empty when it may."""
    if isinstance(address, IPv6Address) and address.scope_id:
        return "is bound to a network interface"
    for inner in (address, *_inside(address)):
        if reason := _reason(inner, own, rules):
            return reason
    return ""


def _reason(address: Address, own: Iterable[Address], rules: Rules) -> str:
    if address in METADATA or address.is_link_local:
        return "belongs to this machine's own link or cloud"
    if address.is_multicast or address.is_unspecified or _is_in(address, REFUSED):
        return "is not the address of one machine"
    if _is_in(address, rules.refused):
        return "is in a network that is closed here"
    if _is_in(address, PRIVATE):
        return "" if rules.opens(address) else "is private"
    if address in own and not rules.opens(address):
        return "is this machine's own"
    # A carrier of an inner address may be anything; what it carries is judged by itself.
    if _inside(address) or (address.is_global and not address.is_reserved):
        return ""
    return "is reserved"


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _inside(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address in _COMPATIBLE and int(address) > 1:
        return (IPv4Address(int(address)),)
    return ()
