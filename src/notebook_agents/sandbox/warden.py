"""Watches what tool kernels use, from outside, and ends those that use too much.

Resource limits bind one process; a kernel may have children. A thread adds up what the processes
below each guard use: often while a call runs, rarely while the kernel is idle. It is soft: between
two looks a limit can be passed.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from notebook_agents.core.tools import SandboxReason
from notebook_agents.sandbox import proctree

BUSY_SECONDS = 0.1
IDLE_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Watched:
    """One kernel under watch."""

    guard_pid: int
    memory_bytes: int
    max_tasks: int
    cut: Callable[[], None]
    is_busy: bool = False
    cpu_s: float = 0.0
    peak_bytes: int = 0
    verdict: SandboxReason = ""
    """Why the kernel was ended; empty while it was not."""

    def look(self) -> None:
        """Measure once and judge."""
        sample = proctree.measure(self.guard_pid)
        self.cpu_s = max(self.cpu_s, sample.cpu_s)
        memory = sample.memory_bytes
        if memory > self.memory_bytes:
            memory = proctree.exact_memory(self.guard_pid)
        self.peak_bytes = max(self.peak_bytes, memory)
        if memory > self.memory_bytes:
            self._end("MEMORY_LIMIT")
        elif sample.n_tasks > self.max_tasks:
            self._end("PROCESS_LIMIT")

    def _end(self, verdict: SandboxReason) -> None:
        self.verdict = self.verdict or verdict
        self.cut()


class Warden:
    """One thread that looks at every kernel of a sandbox."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._wake = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def watch(self, kernel: Watched) -> None:
        """Begin to watch a kernel."""
        self._watched.add(kernel)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sandbox-warden", daemon=True)
            self._thread.start()

    def forget(self, kernel: Watched) -> None:
        """Watch it no longer."""
        self._watched.discard(kernel)

    def wake(self) -> None:
        """A kernel became busy: look soon."""
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._is_closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_closed:
            kernels = list(self._watched)
            for kernel in kernels:
                with contextlib.suppress(OSError, ValueError):
                    kernel.look()
            if any(kernel.is_busy for kernel in kernels):
                self._wake.clear()
                self._wake.wait(BUSY_SECONDS)
            else:
                self._wake.wait(IDLE_SECONDS)
                self._wake.clear()
