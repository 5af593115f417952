"""The one inference thread and its bridge to the event loop.

torch computes here and nowhere else. The event loop sends small functions to run between two
steps; results come back through ``call_soon_threadsafe``, which the functions' owners arrange.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class InferenceThread:
    """Runs ``step`` for as long as it has something to do, else sleeps.

    ``on_failure`` is called on the thread when an error nobody expected ends it.
    """

    def __init__(self, step: Callable[[], bool], on_failure: Callable[[], None]) -> None:
        self._step = step
        self._on_failure = on_failure
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._guarded, name="inference", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def call(self, work: Callable[[], None]) -> None:
        """Run ``work`` on the thread before the next step; any thread may ask."""
        self._inbox.put(work)

    def stop(self) -> None:
        """End after the current step, without waiting for it."""
        self._inbox.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended."""
        self._thread.join(timeout_s)

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException:
            _log.exception("the inference thread failed")
            self._on_failure()
            raise

    def _run(self) -> None:
        is_busy = False
        while True:
            try:
                work = self._inbox.get(block=not is_busy)
            except queue.Empty:
                is_busy = self._step()
                continue
            if work is None:
                return
            work()
            del work  # While the thread sleeps, nothing here keeps a model in memory.
            is_busy = True
