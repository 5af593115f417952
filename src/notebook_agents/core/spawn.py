"""The only way to start a background task: named, supervised, cancelled at shutdown.

Also the stop signal with which one task asks another to end: like ``asyncio.timeout``, but
triggered by a call instead of a clock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from notebook_agents.core.states import FinalState

T = TypeVar("T")
_log = logging.getLogger(__name__)


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Do ``work`` to its end, also when the task is cancelled meanwhile; that then comes after."""
    task = asyncio.get_running_loop().create_task(work)
    stop: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as cancelled:
            stop = cancelled
    if stop is not None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("what a stopped task did to the end failed", exc_info=error)
        raise stop
    return task.result()


class Supervisor:
    """Keeps references to background tasks, logs their failures, cancels them at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Start ``work`` in the background."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task not in self._tasks:
            return
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background task %r failed", task.get_name(), exc_info=error)

    async def aclose(self) -> None:
        """Cancel every task and wait until all have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            self._ended(task)  # the loop may close before it comes to their callbacks


class RunStopped(Exception):
    """Somebody asked the run to stop; carries the state it ends in."""

    def __init__(self, state: FinalState = "cancelled", reason: str = "") -> None:
        super().__init__(reason)
        self.state: FinalState = state
        self.reason = reason


class StopSignal:
    """A scope that another task can end: ``async with signal: …`` raises RunStopped on stop."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._stop: RunStopped | None = None

    def stop(self, stop: RunStopped) -> None:
        """Ask for the end; the first call wins. Before the scope is entered, it never starts."""
        if self._stop is None:
            self._stop = stop
            if self._task is not None:
                self._task.cancel()

    async def __aenter__(self) -> StopSignal:
        if self._stop is not None:
            raise self._stop
        self._task = asyncio.current_task()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if self._stop is None or task is None:
            return
        remaining = task.uncancel()
        if exc_type is None or (exc_type is asyncio.CancelledError and remaining == 0):
            raise self._stop from None
