"""What the kernels of this server know about it: its address and a token of their own.

A token is random, lives in this process only, and is good for the inference endpoints and the tool
servers of its kernel's user as long as its kernel lives; it opens nothing else.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

KERNEL_TOKEN_PREFIX = "nbk_"  # noqa: S105 - a name
URL_ENV = "NOTEBOOK_AGENTS_URL"
CERTIFICATE_ENV = "NOTEBOOK_AGENTS_CERTIFICATE"
TOKEN_ENV = "NOTEBOOK_AGENTS_TOKEN"  # noqa: S105 - a name
HOME_ENV = "NOTEBOOK_AGENTS_HOME"
DATABASE_ENV = "NOTEBOOK_AGENTS_DATABASE_URL"
OUTBOUND_ENV = "NOTEBOOK_AGENTS_OUTBOUND"
BUDGET_ENV = "NOTEBOOK_AGENTS_BUDGET_USD_PER_DAY"
TASK_FOLDER_ENV = "NOTEBOOK_AGENTS_TASK_FOLDER"
ADMIN_PASSWORD_ENV = "NOTEBOOK_AGENTS_ADMIN_PASSWORD"  # noqa: S105 - a name
SECRET_KEY_ENV = "NOTEBOOK_AGENTS_SECRET_KEY"  # noqa: S105 - a name
OAUTH_SECRET_ENV = "NOTEBOOK_AGENTS_OAUTH_CLIENT_SECRET"  # noqa: S105 - a name
PRIVATE = frozenset({ADMIN_PASSWORD_ENV, SECRET_KEY_ENV, OAUTH_SECRET_ENV})
"""What the server knows and no kernel needs."""


class KernelTokens:
    """The tokens of the kernels that this server started."""

    def __init__(self, kernels: MappingKernelManager) -> None:
        self._kernels = kernels
        self._kernel_ids: dict[str, str] = {}
        self._user_ids: dict[str, str] = {}
        """Of those that do not work for the owner."""

    def issue(self, user_id: str = "") -> str:
        """A token for a kernel that is about to start; valid while it starts.

        It is the owner's, or that of the user whom its kernel works for.
        """
        for token, kernel_id in tuple(self._kernel_ids.items()):
            if kernel_id and kernel_id not in self._kernels:
                del self._kernel_ids[token]
        token = KERNEL_TOKEN_PREFIX + secrets.token_urlsafe(32)
        self._kernel_ids[token] = ""
        if user_id:
            self._user_ids[token] = user_id
        return token

    def bind(self, token: str, kernel_id: str) -> None:
        """From now on the token lives as long as its kernel."""
        self._kernel_ids[token] = kernel_id

    def revoke(self, token: str) -> None:
        """Forget a token whose kernel never started."""
        self._kernel_ids.pop(token, None)
        self._user_ids.pop(token, None)

    def user_of(self, token: str) -> str:
        """The user whom its kernel works for; empty is the owner."""
        return self._user_ids.get(token, "")

    def is_valid(self, token: str) -> bool:
        """Whether a living kernel holds this token."""
        kernel_id = self._kernel_ids.get(token)
        return kernel_id is not None and (not kernel_id or kernel_id in self._kernels)


class KernelLead:
    """Answers the KernelWay port: what the kernels of executions of tasks know about this server.

    Their tokens are good until they are closed, as no kernel manager knows these kernels.
    """

    def __init__(self, tokens: KernelTokens, environment: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._environment = environment

    def open(self, owner_id: str) -> Mapping[str, str]:
        """The environment of one kernel, with a token of its own."""
        return {**self._environment, TOKEN_ENV: self._tokens.issue(owner_id)}

    def close(self, way: Mapping[str, str]) -> None:
        """The token is good for nothing any more."""
        self._tokens.revoke(way[TOKEN_ENV])


def equip_kernels(
    kernels: MappingKernelManager, tokens: KernelTokens, environment: dict[str, str]
) -> None:
    """Give every kernel that starts from here on the environment and a token of its own.

    The manager's ``start_kernel`` is the one method that sessions, the kernels API and other
    extensions all use, whatever its class; a kernelspec's own ``env`` still wins.
    """
    start = kernels.start_kernel

    async def start_equipped(*args: Any, **kwargs: Any) -> str:
        token = tokens.issue()
        base = {k: v for k, v in (kwargs.get("env") or os.environ).items() if k not in PRIVATE}
        kwargs["env"] = {**base, **environment, TOKEN_ENV: token}
        try:
            kernel_id = str(await start(*args, **kwargs))
        except BaseException:
            tokens.revoke(token)
            raise
        tokens.bind(token, kernel_id)
        return kernel_id

    kernels.start_kernel = start_equipped  # type: ignore[method-assign]


def way_to(serverapp: ServerApp) -> dict[str, str]:
    """The environment in which a kernel finds the server and recognises it."""
    way = {}
    if url := server_url(serverapp):
        way[URL_ENV] = url
        if serverapp.certfile:  # most often self-signed: it is the only one to trust
            way[CERTIFICATE_ENV] = str(Path(serverapp.certfile).absolute())
    return way


def server_url(serverapp: ServerApp) -> str:
    """Where this machine reaches the server, with its base URL; empty for a unix socket."""
    if serverapp.sock:
        return ""
    scheme = "https" if serverapp.certfile else "http"
    ip = serverapp.ip
    if ip in ("localhost", "", "*") or ip == str(IPv4Address(0)):
        host = "127.0.0.1"
    else:
        host = f"[{'::1' if ip == '::' else ip}]" if ":" in ip else ip
    return f"{scheme}://{host}:{serverapp.port}{serverapp.base_url}"
