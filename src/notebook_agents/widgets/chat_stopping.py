"""The ■ of the toolbar for a panel whose run goes on while no cell does.

Between cells a kernel ignores SIGINT, so what a panel does there could not be stopped from the
toolbar. While a cell runs the signal is the cell's, and work in the notebook's namespace takes it
by itself.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def stop_when_idle(stop: Callable[[], None]) -> None:
    """Have SIGINT call ``stop`` where it would be ignored; call again and again during a run.

    Whoever runs a cell sets a handler and puts back the one before, which may be older than ours.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    known = signal.getsignal(signal.SIGINT)
    if known == signal.SIG_IGN:
        signal.signal(signal.SIGINT, _Stopping(stop, asyncio.get_running_loop()))
    elif isinstance(known, _Stopping):
        known.stop = stop


def ignore_when_idle() -> None:
    """Ignore SIGINT between cells again."""
    if threading.current_thread() is not threading.main_thread():
        return
    if isinstance(signal.getsignal(signal.SIGINT), _Stopping):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Stopping:
    """A handler that is known again."""

    def __init__(self, stop: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self.stop = stop
        self._loop = loop

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self.stop)
