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
from dataclasses import dataclass, field
from typing import Any, TypeVar

from notebook_agents.core.errors import ToolFailed

T = TypeVar("T")
PATIENCE_S = 10.0
"""How long work waits for somebody to show the run: a cell may just be starting it."""
STOPPED = "stopped by the person"
NOBODY = "no cell or panel of this notebook shows the run, so nothing can be done in its kernel"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work and where its result goes."""

    work: Callable[[], Any]
    taken: Future[None] = field(default_factory=Future)
    """Done when somebody is there who will do it."""
    done: Future[Any] = field(default_factory=Future)

    def do(self) -> None:
        """Do it, on the notebook's thread; what it raises is for whoever asked.

        A KeyboardInterrupt is for both: the person stopped the work and the run.
        """
        if not self.done.set_running_or_notify_cancel():
            return
        try:
            result = self.work()
        except KeyboardInterrupt:
            self.done.set_exception(ToolFailed(STOPPED, reason="STOPPED"))
            raise
        except BaseException as error:  # noqa: BLE001 - user code may raise SystemExit too
            self.done.set_exception(error)
        else:
            self.done.set_result(result)


Taker = Callable[[Job], None]


class Desk:
    """Where work waits for the notebook's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._takers: dict[str, Taker] = {}
        self._waiting: list[tuple[str, Job]] = []

    def open(self, conversation_id: str, take: Taker) -> None:
        """From now on ``take`` gets the work of a conversation, on any thread, and soon does it."""
        with self._lock:
            self._takers[conversation_id] = take
            ready = [job for key, job in self._waiting if key == conversation_id]
            self._waiting = [(key, job) for key, job in self._waiting if key != conversation_id]
        for job in ready:
            _give(job, take)

    def close(self, conversation_id: str) -> None:
        """Nobody does its work any more."""
        with self._lock:
            self._takers.pop(conversation_id, None)

    async def do(self, conversation_id: str, work: Callable[[], T]) -> T:
        """Have ``work`` done on the notebook's thread; its result or error.

        Raises ToolFailed when nobody is there to do it.
        """
        job = Job(work)
        with self._lock:
            take = self._takers.get(conversation_id)
            if take is None:
                self._waiting.append((conversation_id, job))
        if take is not None:
            _give(job, take)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wrap_future(job.taken)
        except TimeoutError:
            raise ToolFailed(NOBODY, reason="NOT_SHOWN") from None
        finally:
            with self._lock:
                self._waiting = [entry for entry in self._waiting if entry[1] is not job]
        result: T = await asyncio.wrap_future(job.done)
        return result


def _give(job: Job, take: Taker) -> None:
    if job.taken.set_running_or_notify_cancel():
        job.taken.set_result(None)
        take(job)
