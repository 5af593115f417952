"""Watches what tool kernels use, from outside, and ends those that use too much.

Resource limits bind one process; a kernel may have children. A thread adds up what the processes
below each guard use: often while a call runs, rarely while the kernel is idle. It is soft: between
two looks a limit can be passed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from notebook_agents.confinement.cgroups import Group
from notebook_agents.core.tools import SandboxReason
from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.disk import DiskWatch

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.1
IDLE_SECONDS = 1.0
MAX_BLIND_LOOKS = 20
"""So often in turn a look may fail, as it does while processes end; then nothing keeps the limits.
"""


@dataclass(slots=True, eq=False)
class Watched:
    """One kernel under watch."""

    guard_pid: int
    memory_bytes: int
    max_tasks: int
    cut: Callable[[], None]
    group: Group | None = None
    """What limits its memory, where there is one; then only its kills are counted here."""
    disk: DiskWatch | None = None
    is_busy: bool = False
    cpu_s: float = 0.0
    peak_bytes: int = 0
    n_refused_tasks: int = 0
    """How often the group had no room for another process or thread."""
    n_blind_looks: int = 0
    """How many looks failed since the last that did not."""
    verdict: SandboxReason = ""
    """Why the kernel was ended; empty while it was not."""

    def look(self, *, is_last: bool = False) -> None:
        """Measure once and judge; the last look of a call leaves nothing for later."""
        sample = proctree.measure(self.guard_pid)
        self.cpu_s = max(self.cpu_s, sample.cpu_s)
        memory = sample.memory_bytes
        if memory > self.memory_bytes:
            memory = proctree.exact_memory(self.guard_pid)
        self.peak_bytes = max(self.peak_bytes, memory)
        if self._is_over_memory(memory):
            self._end("MEMORY_LIMIT")
        elif sample.n_tasks > self.max_tasks:
            self._end("PROCESS_LIMIT")
        elif self.disk is not None and self.disk.is_over(is_due=is_last):
            self._end("DISK_LIMIT")

    def try_look(self) -> None:
        """Look; whatever goes wrong, go on, and end a kernel that cannot be looked at."""
        try:
            self.look()
        except Exception:
            self.n_blind_looks += 1
            if self.n_blind_looks == MAX_BLIND_LOOKS:
                log.exception("a tool kernel cannot be watched any more and is ended")
                self.cut()
        else:
            self.n_blind_looks = 0

    def _is_over_memory(self, memory: int) -> bool:
        if self.group is None:
            return memory > self.memory_bytes
        self.n_refused_tasks = max(self.n_refused_tasks, self.group.n_refused_tasks())
        return self.group.n_memory_kills() > 0

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
                kernel.try_look()
            if any(kernel.is_busy for kernel in kernels):
                self._wake.clear()
                self._wake.wait(BUSY_SECONDS)
            else:
                self._wake.wait(IDLE_SECONDS)
                self._wake.clear()
