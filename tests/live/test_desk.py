"""Work at the desk runs on the notebook's thread, and ends when the run or the person ends it."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import Queue
from typing import Any

import pytest

from notebook_agents.core.errors import ToolFailed
from notebook_agents.live.desk import Desk, Job
from notebook_agents.live.interrupts import Interrupts

Submit = Callable[[Coroutine[Any, Any, Any]], Future[Any]]


@pytest.fixture
def submit() -> Iterator[Submit]:
    """Another thread with an event loop, as the core's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield lambda work: asyncio.run_coroutine_threadsafe(work, loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_work_is_done_by_whoever_opened_the_desk(submit: Submit) -> None:
    desk, jobs = Desk(), Queue[Job]()
    early = submit(desk.do("c", threading.get_ident))
    desk.open("c", jobs.put)
    jobs.get(timeout=10).do()
    assert early.result(10) == threading.get_ident()


def test_work_that_wants_to_exit_fails_and_ends_nothing_else(submit: Submit) -> None:
    desk, jobs = Desk(), Queue[Job]()
    desk.open("c", jobs.put)
    done = submit(desk.do("c", lambda: sys.exit("bye")))
    jobs.get(timeout=10).do()
    with pytest.raises(ToolFailed, match="SystemExit: bye"):
        done.result(10)
    again = submit(desk.do("c", lambda: 2))
    jobs.get(timeout=10).do()
    assert again.result(10) == 2


def test_cancelling_interrupts_the_work(submit: Submit) -> None:
    desk, jobs = Desk(), Queue[Job]()
    desk.open("c", jobs.put)
    ended: list[str] = []
    started: Future[None] = Future()

    def work() -> None:
        try:
            started.set_result(None)
            time.sleep(60)
        finally:
            ended.append("cleaned up")

    waiting = submit(desk.do("c", work))
    started.add_done_callback(lambda _: waiting.cancel())
    jobs.get(timeout=10).do()
    assert "cleaned up" in ended


def test_work_that_swallows_the_first_interrupt_gets_another(submit: Submit) -> None:
    desk, jobs = Desk(), Queue[Job]()
    desk.open("c", jobs.put)
    started: Future[None] = Future()
    caught: list[str] = []

    def work() -> None:
        try:
            started.set_result(None)
            time.sleep(60)
        except KeyboardInterrupt:
            caught.append("first")
            time.sleep(60)

    waiting = submit(desk.do("c", work))
    started.add_done_callback(lambda _: waiting.cancel())
    jobs.get(timeout=10).do()
    assert caught == ["first"]


def test_the_persons_interrupt_ends_the_work_and_reaches_the_cell(submit: Submit) -> None:
    desk, jobs = Desk(), Queue[Job]()
    desk.open("c", jobs.put)
    waiting = submit(desk.do("c", lambda: signal.raise_signal(signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        jobs.get(timeout=10).do()
    with pytest.raises(ToolFailed, match="stopped by the person"):
        waiting.result(10)


def test_an_interrupt_that_the_work_swallows_reaches_the_cell_before_the_run_goes_on(
    submit: Submit,
) -> None:
    def swallow() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    desk, jobs = Desk(), Queue[Job]()
    desk.open("c", jobs.put)
    waiting = submit(desk.do("c", swallow))
    with pytest.raises(KeyboardInterrupt):
        jobs.get(timeout=10).do()
    with pytest.raises(ToolFailed, match="stopped by the person"):
        waiting.result(10)


def test_an_interrupt_that_comes_after_the_work_hits_nothing() -> None:
    interrupts = Interrupts()
    with interrupts:
        pass
    interrupts.ask()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_work_asks_for_what_has_happened_to_be_shown(submit: Submit) -> None:
    desk, jobs = Desk(), Queue[Job]()
    shown: list[str] = []
    desk.open("c", jobs.put, lambda: shown.append("news"))
    done = submit(desk.do("c", lambda: desk.paint("c")))
    jobs.get(timeout=10).do()
    done.result(10)
    desk.close("c")
    desk.paint("c")
    assert shown == ["news"]
