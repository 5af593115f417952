"""One way to write what a cell does while it waits, and two ways to wait.

A cell's work is a generator that yields the future it waits for and for how long at most. In a
kernel ``await_on`` waits without blocking the event loop; in a terminal, or inside a plain
function, ``block_on`` blocks. Both turn Ctrl-C or the Stop button into ``Interrupted`` inside the
generator, which cleans up, and then end the cell.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

from notebook_agents.magics.errors import STOPPED, Stopped, StoppedAwaiting

AWAKE_S = 0.1
"""A loop that waits does not notice what a signal's handler cancels, before it is awake again."""

T = TypeVar("T")
Waits = Generator[tuple["Future[Any]", "float | None"], None, T]
"""Yields (future, seconds at most or None), returns the result."""


class Interrupted(BaseException):
    """Raised inside a generator when the person stops the cell; its text is what is told then."""


def until(future: Future[T]) -> Waits[T]:
    """Wait for a future; its result or error."""
    yield future, None
    return future.result()


def attempt(future: Future[T]) -> Waits[T]:
    """Like until, but the work ends as well when the person stops the cell."""
    try:
        return (yield from until(future))
    except (Interrupted, KeyboardInterrupt):
        future.cancel()
        raise


def block_on(waits: Waits[T]) -> T:
    """Drive a generator by blocking this thread."""
    try:
        with _ControlC() as control_c:
            wait = next(waits)
            while True:
                is_interrupted = control_c.wait_for(wait[0], wait[1])
                wait = waits.throw(Interrupted()) if is_interrupted else next(waits)
    except StopIteration as end:
        result: T = end.value
        return result
    except Interrupted as stop:
        raise Stopped(str(stop) or STOPPED) from None


class _ControlC:
    """Lets Ctrl-C end a wait but nothing else, so that drawing is never cut in the middle."""

    def __init__(self) -> None:
        self._is_waiting = False
        self._is_pending = False
        self._before: Any = None

    def __enter__(self) -> _ControlC:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def wait_for(self, future: Future[Any], timeout_s: float | None) -> bool:
        """Wait; whether Ctrl-C was pressed since the last wait."""
        try:
            self._is_waiting = True
            if not self._is_pending:
                concurrent.futures.wait([future], timeout=timeout_s)
        except KeyboardInterrupt:
            self._is_pending = True
        finally:
            self._is_waiting = False
        was_pending, self._is_pending = self._is_pending, False
        return was_pending

    def _handle(self, _number: int, _frame: object) -> None:
        self._is_pending = True
        if self._is_waiting:
            raise KeyboardInterrupt


async def await_on(waits: Waits[T]) -> T:
    """Drive a generator on the running event loop."""
    again = _StopAgain()
    try:
        wait = next(waits)
        awaited, done = wait[0], _done(wait[0])
        while True:
            try:
                if wait[0] is not awaited:
                    awaited, done = wait[0], _done(wait[0])
                await _wait(done, wait[1])
                wait = next(waits)
            except asyncio.CancelledError:
                again.listen()
                wait = waits.throw(Interrupted())
    except StopIteration as end:
        result: T = end.value
        return result
    except Interrupted as stop:
        raise StoppedAwaiting(str(stop) or STOPPED) from None
    finally:
        again.close()


async def _wait(done: asyncio.Future[None], timeout_s: float | None) -> None:
    left = math.inf if timeout_s is None else timeout_s
    while left > 0 and not done.done():
        await asyncio.wait([done], timeout=min(left, AWAKE_S))
        left -= AWAKE_S


class _StopAgain:
    """Cancels the awaiting task at further Stops: a kernel tells a cell of the first one only."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._before: Any = None

    def listen(self) -> None:
        """From now on, SIGINT cancels; only the main thread gets signals."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and self._before is None:
            self._before = signal.signal(signal.SIGINT, self._handle)

    def close(self) -> None:
        """Let SIGINT do what it did before, unless somebody else has it meanwhile."""
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, _number: int, _frame: object) -> None:
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)


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
    """Items from the core's thread to the cell's, in order.

    ``add`` puts an item behind those that wait; it may join or drop some to keep them few while
    the cell is busy.
    """

    def __init__(self, add: Callable[[list[Any], Any], None] = list.append) -> None:
        self._add = add
        self._lock = threading.Lock()
        self._items: list[Any] = []
        self._changed: Future[None] = Future()

    def put(self, item: Any) -> None:
        """Add an item; from any thread."""
        with self._lock:
            self._add(self._items, item)
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
