"""Waiting on a generator of futures, by awaiting and by blocking."""

from __future__ import annotations

import _thread
import asyncio
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from notebook_agents.magics.errors import Stopped, StoppedAwaiting
from notebook_agents.magics.waiting import (
    Feed,
    Interrupted,
    Waits,
    await_on,
    block_on,
    until,
)

Driver = Callable[[Waits[Any]], Any]
drivers = pytest.mark.parametrize("drive", [block_on, lambda waits: asyncio.run(await_on(waits))])


def later(value: Any) -> Future[Any]:
    """A future that another thread fulfils."""
    future: Future[Any] = Future()

    def fulfil() -> None:
        if isinstance(value, Exception):
            future.set_exception(value)
        else:
            future.set_result(value)

    threading.Thread(target=fulfil).start()
    return future


@drivers
def test_results_and_errors_come_back(drive: Driver) -> None:
    def work() -> Waits[list[int]]:
        first = yield from until(later(1))
        second = yield from until(later(2))
        return [first, second]

    assert drive(work()) == [1, 2]
    with pytest.raises(ValueError, match="no"):
        drive(until(later(ValueError("no"))))


@drivers
def test_a_timeout_returns_to_the_generator(drive: Driver) -> None:
    def work() -> Waits[str]:
        yield Future(), 0.01
        return "went on"

    assert drive(work()) == "went on"


def test_ticks_on_one_future_listen_to_it_once() -> None:
    class Counting(Future[Any]):
        n_listeners = 0

        def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
            self.n_listeners += 1
            super().add_done_callback(fn)

    future = Counting()

    def work() -> Waits[str]:
        for _ in range(5):
            yield future, 0.001
        threading.Thread(target=future.set_result, args=("done",)).start()
        return str((yield from until(future)))

    assert asyncio.run(await_on(work())) == "done"
    assert future.n_listeners == 1


def test_a_cancelled_task_interrupts_the_generator_which_may_clean_up() -> None:
    cleaned: list[str] = []

    def work() -> Waits[None]:
        try:
            yield Future(), None
        except Interrupted:
            cleaned.append((yield from until(later("cleaned"))))
            raise

    async def main() -> None:
        task = asyncio.ensure_future(await_on(work()))  # noqa: TID251 - a test of cancelling
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(StoppedAwaiting):
            await task

    asyncio.run(main())
    assert cleaned == ["cleaned"]


def test_a_second_stop_gets_through_although_a_kernel_tells_of_the_first_only() -> None:
    stops: list[str] = []

    def work() -> Waits[None]:
        while True:
            try:
                yield Future(), None
            except Interrupted:
                stops.append("stop")
                if len(stops) == 2:
                    raise
                threading.Thread(target=_thread.interrupt_main).start()

    async def main() -> None:
        task = asyncio.ensure_future(await_on(work()))  # noqa: TID251 - a test of cancelling
        await asyncio.sleep(0)
        task.cancel()  # as a kernel does
        with pytest.raises(StoppedAwaiting):
            await task

    def ignored(_number: int, _frame: object) -> None:
        """What a kernel does with further signals."""

    before = signal.signal(signal.SIGINT, ignored)
    try:
        asyncio.run(asyncio.wait_for(main(), 10))
        assert signal.getsignal(signal.SIGINT) is ignored
    finally:
        signal.signal(signal.SIGINT, before)
    assert stops == ["stop", "stop"]


@pytest.mark.parametrize("is_waiting", [True, False])
def test_control_c_interrupts_the_next_wait_and_never_the_drawing(is_waiting: bool) -> None:
    drawn: list[str] = []

    def work() -> Waits[None]:
        if not is_waiting:
            _thread.interrupt_main()
            drawn.append("whole")
        else:
            threading.Thread(target=_thread.interrupt_main).start()
        try:
            yield Future(), None
        except Interrupted:
            drawn.append("stopped")
            raise

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped):
        block_on(work())
    assert drawn == ([] if is_waiting else ["whole"]) + ["stopped"]
    assert signal.getsignal(signal.SIGINT) is before


def test_stopping_is_what_each_kind_of_caller_expects() -> None:
    assert issubclass(Stopped, KeyboardInterrupt)
    assert issubclass(StoppedAwaiting, asyncio.CancelledError)


def test_a_feed_hands_over_everything_in_order() -> None:
    feed = Feed()

    def fill() -> None:
        for i in range(1000):
            feed.put(i)

    thread = threading.Thread(target=fill)
    thread.start()
    got: list[int] = []
    while len(got) < 1000:
        feed.changed().result(timeout=5)
        got += feed.take()
    thread.join()
    assert got == list(range(1000))
    assert not feed.changed().done()
