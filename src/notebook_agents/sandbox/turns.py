"""Keeps one user from taking all kernels: so many calls at once, so many waiting, no more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from notebook_agents.core.errors import LimitExceeded
from notebook_agents.core.tools import SANDBOX_CALLS

RETRY_SECONDS = 5.0


@dataclass(slots=True)
class _Owner:
    free: asyncio.Semaphore
    n_calls: int = field(default=0)


class Turns:
    """The calls of each owner, running and waiting; used from one event loop."""

    def __init__(self, n_running: int, n_waiting: int) -> None:
        self._n_running = n_running
        self._n_waiting = n_waiting
        self._owners: dict[str, _Owner] = {}

    @contextlib.contextmanager
    def wait(self, owner_id: str) -> Iterator[None]:
        """Count a call from its arrival to its end.

        Raises:
            LimitExceeded: as many of this owner run and wait already as may.
        """
        owner = self._owners.get(owner_id) or _Owner(asyncio.Semaphore(self._n_running))
        if owner.n_calls >= self._n_running + self._n_waiting:
            raise LimitExceeded(
                f"{owner.n_calls} tool calls of yours run or wait already; let some end first",
                limit=SANDBOX_CALLS,
                retry_after_s=RETRY_SECONDS,
            )
        self._owners[owner_id] = owner
        owner.n_calls += 1
        try:
            yield
        finally:
            owner.n_calls -= 1
            if not owner.n_calls:
                del self._owners[owner_id]

    @contextlib.asynccontextmanager
    async def run(self, owner_id: str) -> AsyncIterator[None]:
        """Take one of the owner's places, in order of asking."""
        async with self._owners[owner_id].free:
            yield
