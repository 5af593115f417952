"""Whom a client of an engine behind TLS believes.

Servers that people start for themselves have certificates that nobody signed, or that name another
host. Such a certificate can be given: then it is trusted and nothing else is. All functions block:
certificates are read from files.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl

import httpx2

from notebook_agents.core.errors import EngineUnavailable

_log = logging.getLogger(__name__)


def trust_for(url: str, certificate: str = "") -> ssl.SSLContext | bool:
    """What ``verify`` is for an address; EngineUnavailable when the certificate cannot be read."""
    address = httpx2.URL(url)
    if address.scheme != "https":
        return False  # No TLS: nothing to read.
    try:
        return _pinned(certificate, address.host) if certificate else httpx2.create_ssl_context()
    except OSError as error:
        _log.error("certificate %s cannot be read", certificate, exc_info=error)
        raise EngineUnavailable("the certificate of the engine cannot be read") from error


def _pinned(certificate: str, host: str) -> ssl.SSLContext:
    """Trust in one file alone: its certificates count without the ones that signed them."""
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Strictness is about how authorities write certificates; people's own lack extensions.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # On this machine the certificate itself says who answers, whatever name it bears.
    context.check_hostname = not _is_loopback(host)
    return context


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
