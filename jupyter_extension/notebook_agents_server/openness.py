"""Requests without a credential, where the owner of this machine opened a dialect to them.

Such a door is only as good as the loopback interface in front of it, so what a page of another
site makes a browser send, and what came through a proxy, is refused all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.errors import NotAuthenticated, NotPermitted

if TYPE_CHECKING:
    from notebook_agents_server.door import Door

OPEN_CREDENTIAL = "open"
"""What the audit trail says proved the identity."""
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
OWN_PAGES = ("", "none", "same-origin")
"""What browsers say of requests that no other site has caused; programs say nothing."""


def require_open(door: Door, hint: str) -> None:
    """Refuse a request without a credential unless its dialect is open and it comes from here."""
    gatekeeper = door.services.gatekeeper
    if gatekeeper is None or door.dialect.name not in gatekeeper.open_dialects:
        raise NotAuthenticated(hint)
    headers = door.request.headers
    if any(name in headers for name in PROXY_HEADERS):
        raise NotAuthenticated(hint)
    origin = headers.get("Origin", "")
    if origin and door.services.allows_origin(origin):
        return
    is_own = headers.get("Sec-Fetch-Site", "") in OWN_PAGES and origin in ("", door.origin)
    if not is_own:
        raise NotPermitted("pages of other origins need a credential; see allow_origins")
