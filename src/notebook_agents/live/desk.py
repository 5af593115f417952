"""Work that only the notebook's own thread may do, asked for by the core's.

The core lives on a thread of its own, the variables belong to the thread that runs cells. A tool
that touches them leaves its work at the desk; whoever shows the run, a cell or the chat panel,
does it in between and gives the result back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from notebook_agents.core.errors import ToolFailed
from notebook_agents.live.interrupts import Interrupts

T = TypeVar("T")
PATIENCE_S = 10.0
"""How long work waits for somebody to show the run: a cell may just be starting it."""
STOP_EVERY_S = 0.5
"""Between two attempts to end work that does not want to end."""
N_STOPS = 10
"""Attempts before the run gives up and ends without it."""
STOPPED = "stopped by the person"
NOBODY = "no cell or panel of this notebook shows the run, so nothing can be done in its kernel"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work and where its result goes."""

    work: Callable[[], Any]
    taken: Future[None] = field(default_factory=Future)
    """Done when somebody is there who will do it."""
    done: Future[Any] = field(default_factory=Future)
    interrupts: Interrupts = field(default_factory=Interrupts)
    is_closing: bool = False
    """Whether it ends what was begun, and so is done for a run that was stopped, too."""

    def do(self) -> None:
        """Do it, on the notebook's thread; what it raises is for whoever asked.

        A KeyboardInterrupt is for both: the person stopped the work and the run. Unless the run
        was cancelled elsewhere, and only the work had to be told.
        """
        if not self.done.set_running_or_notify_cancel():
            return
        try:
            with self.interrupts:
                result = self.work()
        except KeyboardInterrupt:
            self.done.set_exception(ToolFailed(STOPPED, reason="STOPPED"))
            if not self.interrupts.was_asked:
                raise
        except Exception as error:  # noqa: BLE001 - for whoever asked, whatever it is
            self.done.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - SystemExit would end the core's thread
            self.done.set_exception(ToolFailed(f"{type(error).__name__}: {error}"))
        else:
            self.done.set_result(result)


Taker = Callable[[Job], None]
Painter = Callable[[], None]


def show_nothing() -> None:
    """For takers that draw nothing while they work."""


class Desk:
    """Where work waits for the notebook's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._takers: dict[str, Taker] = {}
        self._painters: dict[str, Painter] = {}
        self._waiting: list[tuple[str, Job]] = []

    def open(self, conversation_id: str, take: Taker, paint: Painter = show_nothing) -> None:
        """From now on ``take`` gets the work of a conversation, on any thread, and soon does it.

        ``paint`` shows what has happened meanwhile; work that takes long calls for it.
        """
        with self._lock:
            self._takers[conversation_id] = take
            self._painters[conversation_id] = paint
            ready = [job for key, job in self._waiting if key == conversation_id]
            self._waiting = [(key, job) for key, job in self._waiting if key != conversation_id]
        for job in ready:
            _give(job, take)

    def close(self, conversation_id: str) -> None:
        """Nobody does its work any more."""
        with self._lock:
            self._takers.pop(conversation_id, None)
            self._painters.pop(conversation_id, None)

    def paint(self, conversation_id: str) -> None:
        """Show what has happened, in the middle of work and on its thread."""
        self._painters.get(conversation_id, show_nothing)()

    async def do(
        self,
        conversation_id: str,
        work: Callable[[], T],
        interrupts: Interrupts | None = None,
        *,
        is_closing: bool = False,
    ) -> T:
        """Have ``work`` done on the notebook's thread; its result or error.

        Cancelling the awaiting task interrupts work that has begun, and waits until it has ended.
        Raises ToolFailed when nobody is there to do it.
        """
        job = Job(work, interrupts=interrupts or Interrupts(), is_closing=is_closing)
        with self._lock:
            take = self._takers.get(conversation_id)
            if take is None:
                self._waiting.append((conversation_id, job))
        if take is not None:
            _give(job, take)
        try:
            await self._taken(job)
            result: T = await asyncio.wrap_future(job.done)
        except asyncio.CancelledError:
            await _end(job)
            raise
        return result

    async def _taken(self, job: Job) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wrap_future(job.taken)
        except TimeoutError:
            raise ToolFailed(NOBODY, reason="NOT_SHOWN") from None
        finally:
            with self._lock:
                self._waiting = [entry for entry in self._waiting if entry[1] is not job]


async def _end(job: Job) -> None:
    if job.done.cancel():  # it has not begun, and never will
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    job.done.add_done_callback(lambda _done: loop.call_soon_threadsafe(ended.set))
    for _ in range(N_STOPS):
        job.interrupts.ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_EVERY_S):
                await ended.wait()
                return


def _give(job: Job, take: Taker) -> None:
    if job.taken.set_running_or_notify_cancel():
        job.taken.set_result(None)
        take(job)
