"""What lets code in a tool kernel reach the hosts that a deployment names, and the way there.

The kernel keeps its own network, which leads nowhere. A proxy on this side listens at a socket in
the kernel's folder; what is forwarded to it from inside is in `forwarder`. Only kernels that run
somebody's code get it: those that read strangers' files never do.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from notebook_agents.core.tools import SandboxCall
from notebook_agents.sandbox.backends import BACKENDS
from notebook_agents.sandbox.plan import LaunchPlan

SOCKET_NAME = "n"


class Pass(Protocol):
    """The way out of one kernel."""

    def events(self) -> tuple[str, ...]:
        """What was decided since this was asked last."""
        ...

    def close(self) -> None:
        """End every connection; nothing goes out any more."""
        ...


class Egress(Protocol):
    """Opens ways out."""

    async def open(self, path: Path, label: str) -> Pass:
        """Listen at a socket for the kernel of that label."""
        ...


class _Closed:
    """Where no way out can be had: told once."""

    def __init__(self, why: str) -> None:
        self._events: tuple[str, ...] = (why,)

    def events(self) -> tuple[str, ...]:
        told, self._events = self._events, ()
        return told

    def close(self) -> None:
        """There is nothing to end."""


def lacks_way(plan: LaunchPlan, call: SandboxCall, egress: Egress | None) -> bool:
    """Whether a kernel was started without the way out that the call's code may use."""
    is_wanted = egress is not None and call.code and plan.level != "low"
    return bool(is_wanted and not plan.network_socket and not _why_closed(plan))


async def with_way(
    plan: LaunchPlan, call: SandboxCall, egress: Egress | None
) -> tuple[LaunchPlan, Pass | None]:
    """The plan with a way out for code, where hosts are named and the mechanism can hold it."""
    if egress is None or not call.code or plan.level == "low":
        return plan, None  # nothing keeps code from the network at level low
    if why := _why_closed(plan):
        return plan, _Closed(f"network: no host can be reached {why}")
    await asyncio.to_thread(plan.socket_folder.mkdir, mode=0o700, exist_ok=True)
    socket = plan.socket_folder / SOCKET_NAME
    opened = await egress.open(socket, call.key)
    return replace(plan, network_socket=str(socket)), opened


def _why_closed(plan: LaunchPlan) -> str:
    if plan.is_alone:
        return f"at level {plan.level!r} through {plan.mechanism}: no sockets can be made there"
    backend = BACKENDS.get(plan.mechanism)
    if backend is None or not backend.has_own_network:
        return f"through {plan.mechanism}: it has no network of its own"
    return ""
