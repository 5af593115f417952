"""Ends what the notebook's thread does, as Ctrl-C would, also when another thread asks for it.

While a cell awaits, a kernel only notes SIGINT for later; while one blocks, the magics do. Work at
the desk is plain code of the person that must end at once, so it runs with a handler of its own.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

PATIENCE_S = 1.0
"""How long the end of the work waits for a signal that is on its way."""


class Interrupts:
    """A scope in which SIGINT raises KeyboardInterrupt; ``ask`` sends one from any thread.

    Off the main thread, where Python handles no signals, it does nothing.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._is_open = False
        self._n_asked = 0
        self._n_seen = 0

    @property
    def was_asked(self) -> bool:
        """Whether another thread asked, so that it was not the person who pressed Stop."""
        return self._n_asked > 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
            self._is_open = True
        return self

    def check(self) -> None:
        """Raise the KeyboardInterrupt of before once more, should somebody have swallowed it."""
        if self._n_seen:
            raise KeyboardInterrupt

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_open = False
        if self._before is None:
            return
        # A signal that comes after the work must not hit what comes after the work. Nor may one be
        # lost that the work swallowed: left to the kernel, it would come after the run's own end.
        deadline = time.monotonic() + PATIENCE_S
        while self._n_seen < self._n_asked and time.monotonic() < deadline:
            time.sleep(0.001)
        signal.signal(signal.SIGINT, self._before)
        is_late = self._n_seen > self._n_asked and not isinstance(error, KeyboardInterrupt)
        if is_late:
            raise KeyboardInterrupt

    def ask(self) -> None:
        """Raise KeyboardInterrupt in the work; from any thread, and nothing once it has ended."""
        if not self._is_open:
            return
        self._n_asked += 1
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            _thread.interrupt_main()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._n_seen += 1
        if self._is_open:
            raise KeyboardInterrupt
