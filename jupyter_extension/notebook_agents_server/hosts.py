"""Under which names the server may be asked.

A page of a stranger may give its own name the address of this machine (DNS rebinding); the browser
then sends requests here, as to the page's own server, and tells by the Host header alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from notebook_agents.core.errors import NotPermitted


def require_known_host(host: str, allowed: Collection[str], settings: Mapping[str, Any]) -> None:
    """NotPermitted for a Host header that is neither this machine nor allowed.

    ``allowed`` are names without ports; when there are none, Jupyter's ``allow_remote_access``
    lets every name in.
    """
    name = _name_of(host)
    if _is_local(name, settings.get("local_hostnames", ["localhost"])):
        return
    is_allowed = name in allowed if allowed else settings.get("allow_remote_access", False)
    if not is_allowed:
        raise NotPermitted(
            f"the host {host[:80]!r} is not this server's; see ServerApp.allow_remote_access and"
            " NotebookAgentsApp.allow_hosts"
        )


def _name_of(host: str) -> str:
    """The host without its port, in lower case; empty when it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if "@" not in host else ""
    except ValueError:
        return ""


def _is_local(name: str, names: Collection[str]) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name in names
