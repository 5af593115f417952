"""Where the core lives in a kernel: on a thread and event loop of its own.

A kernel's loop stands still while a cell computes, and a terminal's loop runs only while a cell
does. The core has timers, a worker to watch and tools to end, so it must not depend on either.
Cells talk to it through futures; nothing that is bound to a loop crosses over.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from notebook_agents.core.core import Core

T = TypeVar("T")
CoreMaker = Callable[[], "Core | Awaitable[Core]"]

CLOSE_TIMEOUT_S = 5.0
"""How long the end of a kernel waits for its core; Jupyter kills the kernel soon after."""


class CoreHost:
    """One core, made on first use, and the loop it runs on."""

    def __init__(self, make: CoreMaker) -> None:
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._core: Core | None = None
        self._making: asyncio.Lock | None = None

    @property
    def is_used(self) -> bool:
        """Whether there is something to close."""
        return self._thread is not None

    def submit(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> Future[T]:
        """Run ``work`` with the core on the core's loop; the future carries result or error."""
        loop = self._running_loop()
        return asyncio.run_coroutine_threadsafe(self._run(work), loop)

    def close(self) -> None:
        """End the core, its worker and its tools; then the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        asyncio.run_coroutine_threadsafe(self._close_core(), loop)
        thread.join(CLOSE_TIMEOUT_S)

    async def _run(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        if self._making is None:
            self._making = asyncio.Lock()
        async with self._making:
            if self._core is None:
                made = self._make()
                core = await made if isinstance(made, Awaitable) else made
                await core.start()
                self._core = core
        return await work(self._core)

    async def _close_core(self) -> None:
        try:
            if self._core is not None:
                await self._core.aclose()
        finally:
            asyncio.get_running_loop().stop()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_run_loop, args=(self._loop,), name="notebook-agents-core", daemon=True
            )
            self._thread.start()
            _close_at_exit(self.close)
        return self._loop


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


def _close_at_exit(close: Callable[[], None]) -> None:
    # Plain atexit is too late: by then Python has closed every thread pool, and the core can
    # neither write its last records nor end its processes. concurrent.futures uses the same hook,
    # and hooks run in reverse order, so the import of its module must come first.
    importlib.import_module("concurrent.futures.thread")
    threading._register_atexit(close)  # type: ignore[attr-defined]
