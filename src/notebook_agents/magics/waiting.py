"""One way to write what a cell does while it waits, and two ways to wait.

A cell's work is a generator that yields the future it waits for and for how long at most. In a
kernel ``await_on`` waits without blocking the event loop; in a terminal, or inside a plain
function, ``block_on`` blocks. Both turn Ctrl-C or the Stop button into ``Interrupted`` inside the
generator, which cleans up, and then end the cell.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, TypeVar

from notebook_agents.magics.errors import STOPPED, Stopped, StoppedAwaiting

T = TypeVar("T")
Waits = Generator[tuple["Future[Any]", "float | None"], None, T]
"""Yields (future, seconds at most or None), returns the result."""


class Interrupted(BaseException):
    """Raised inside a generator when the person stops the cell."""


def until(future: Future[T]) -> Waits[T]:
    """Wait for a future; its result or error."""
    yield future, None
    return future.result()


def block_on(waits: Waits[T]) -> T:
    """Drive a generator by blocking this thread."""
    try:
        wait = next(waits)
        while True:
            try:
                concurrent.futures.wait([wait[0]], timeout=wait[1])
                wait = next(waits)
            except KeyboardInterrupt:
                wait = waits.throw(Interrupted())
    except StopIteration as end:
        result: T = end.value
        return result
    except Interrupted:
        raise Stopped(STOPPED) from None


async def await_on(waits: Waits[T]) -> T:
    """Drive a generator on the running event loop."""
    try:
        wait = next(waits)
        while True:
            try:
                await asyncio.wait([_done(wait[0])], timeout=wait[1])
                wait = next(waits)
            except asyncio.CancelledError:
                wait = waits.throw(Interrupted())
    except StopIteration as end:
        result: T = end.value
        return result
    except Interrupted:
        raise StoppedAwaiting(STOPPED) from None


def _done(future: Future[Any]) -> asyncio.Future[None]:
    """Done when ``future`` is. Carries no result: nobody would look at an error a second time."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    future.add_done_callback(lambda _future: loop.call_soon_threadsafe(wake))
    return waiter


class Feed:
    """Items from the core's thread to the cell's, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: list[Any] = []
        self._changed: Future[None] = Future()

    def put(self, item: Any) -> None:
        """Add an item; from any thread."""
        with self._lock:
            self._items.append(item)
            changed, self._changed = self._changed, Future()
        changed.set_result(None)

    def changed(self) -> Future[None]:
        """A future that is done once something can be taken."""
        with self._lock:
            if self._items:
                done: Future[None] = Future()
                done.set_result(None)
                return done
            return self._changed

    def take(self) -> list[Any]:
        """Everything since the last time."""
        with self._lock:
            items, self._items = self._items, []
            return items
