"""Work that blocks, on threads that nobody waits for when the process ends.

A collector that hangs would hold up the end of a server until its time is over. What is given up so
is told again by the next process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def left_behind(work: Callable[[], T]) -> T:
    """What ``work`` gives; cancelled, it is left behind and works on for nobody."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(error: Exception | None, outcome: T | None) -> None:
        if done.done():  # nobody waits any more
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(outcome)  # type: ignore[arg-type]

    def run() -> None:
        error, outcome = None, None
        try:
            outcome = work()
        except Exception as raised:  # noqa: BLE001 - whoever waits gets it
            error = raised
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, error, outcome)

    threading.Thread(target=run, name="telemetry", daemon=True).start()
    return await done
