"""What is done after a while, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable


def later(seconds: float, work: Callable[[], object]) -> threading.Timer:
    """Do it then, unless it is cancelled or the process ends before.

    The thread waits without a lock that anybody else needs, and its name says so to who copies
    this process.
    """
    timer = threading.Timer(seconds, work)
    timer.name = "notebook-agents-alarm"
    timer.daemon = True
    timer.start()
    return timer
