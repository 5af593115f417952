"""Ends a block of work in the tool kernel when its time is up, and goes on with the next.

The kernel's own clock ends the whole call and may cost its variables; this one is for work that may
take for ever inside, such as a regular expression. Runs inside tool kernels: standard library only.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_S = 0.5
"""So long after the alarm it rings again, for what is raised in a finalizer is lost; long enough
for the block to have ended otherwise."""


class TooLong(BaseException):
    """Time is up; not an Exception, so that code which survives everything does not survive it."""


@contextmanager
def limited_time(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block when its time is up; only the main thread can be limited."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_over = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        if not is_over:
            raise TooLong

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        try:
            yield
        finally:
            is_over = True
    finally:
        # Nested, so that an alarm in the very moment the block ends does not keep it from this.
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)
