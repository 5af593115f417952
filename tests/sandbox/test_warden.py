"""The watchdog goes on whatever it meets, and ends what it cannot look at."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from notebook_agents.sandbox.disk import DiskWatch
from notebook_agents.sandbox.warden import MAX_BLIND_LOOKS, Warden, Watched

NOBODY = 2**22 + 1
"""No process has this number."""


@dataclass(slots=True)
class Broken(DiskWatch):
    """A folder that nobody can look at, at first or for good."""

    n_failures: int = 10**9
    n_looks: int = 0
    seen: threading.Event = field(default_factory=threading.Event)

    def is_over(self, *, is_due: bool = False) -> bool:
        self.n_looks += 1
        if self.n_looks <= self.n_failures:
            raise RuntimeError("broken")
        self.seen.set()
        return False


def watched(folder: Path, n_failures: int) -> tuple[Watched, Broken, threading.Event]:
    disk, ended = Broken((folder,), 1, 1, n_failures=n_failures), threading.Event()
    kernel = Watched(NOBODY, 1 << 30, 64, ended.set, disk=disk, is_busy=True)
    return kernel, disk, ended


def test_a_kernel_that_cannot_be_looked_at_is_ended_and_others_are_watched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notebook_agents.sandbox.warden.BUSY_SECONDS", 0.001)
    lost, _, is_lost = watched(tmp_path, 10**9)
    recovered, disk, is_recovered_ended = watched(tmp_path, MAX_BLIND_LOOKS - 1)
    warden = Warden()
    try:
        for kernel in (lost, recovered):
            warden.watch(kernel)
            warden.wake()
        assert is_lost.wait(10)
        assert disk.seen.wait(10)
    finally:
        warden.close()
    assert not is_recovered_ended.is_set()
