"""A dry run: the code runs in a forked copy of the kernel, which tells what it did and ends.

The copy has all variables, and nothing that it does to them reaches the kernel. It is made where
that is safe, on Linux alone; ``live/fork_safety.py`` says where not, ``live/fork_child.py`` what
the copy lets go of. Whatever happens in it, the kernel waits no longer than the time limit.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notebook_agents.core.figures import Figure
from notebook_agents.live import fork_child
from notebook_agents.live.fork_safety import why_unsafe
from notebook_agents.live.mirror import FileChange
from notebook_agents.live.previews import Preview, VariableChange

MAX_REPORT_BYTES = 16 << 20
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one dry run may use up."""

    seconds: float = 10.0
    memory_bytes: int = 2 << 30
    """Beyond what the kernel has."""


@dataclass(slots=True)
class Rehearsal:
    """A dry run that goes on, or why there is none."""

    limits: Limits
    refusal: str = ""
    ended: Future[None] = field(default_factory=Future)
    """Done when the copy is gone."""
    _process: int = 0
    """0 when there is none, or none any more: its number may soon be another program's."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _report: dict[str, Any] = field(default_factory=dict)

    def stop(self) -> None:
        """End the copy, if it is still there; from any thread."""
        with self._lock:
            if self._process:
                _kill(self._process)

    def reap(self) -> None:
        """End the copy and forget its number."""
        with self._lock:
            if self._process:
                _kill(self._process)
                _reap(self._process)
            self._process = 0

    def preview(self, not_saved: tuple[tuple[str, str], ...] = ()) -> Preview:
        """What it showed; to be asked for once it has ended."""
        report = self._report
        if refusal := self.refusal or report.get("refusal", ""):
            return Preview(refusal=refusal, not_saved=not_saved)
        return Preview(
            changes=tuple(VariableChange(**change) for change in report.get("changes", ())),
            output=report.get("output", ""),
            figures=tuple(Figure(**figure) for figure in report.get("figures", ())),
            error=report.get("error", ""),
            error_line=report.get("error_line", 0),
            files=tuple(FileChange(**file) for file in report.get("files", ())),
            stopped=report.get("stopped", ""),
            notes=tuple(report.get("notes", ())),
            not_saved=not_saved,
            duration_s=report.get("duration_s", 0.0),
        )


def rehearse(shell: Any, code: str, limits: Limits) -> Rehearsal:
    """Begin a dry run; on the notebook's thread, which goes on at once."""
    rehearsal = Rehearsal(limits)
    rehearsal.refusal = why_unsafe(shell, code)
    if rehearsal.refusal:
        rehearsal.ended.set_result(None)
        return rehearsal
    scratch = tempfile.mkdtemp(prefix="notebook-agents-dry-run-")
    reading, writing = os.pipe()
    task = fork_child.Task(
        shell=shell,
        code=code,
        seconds=limits.seconds,
        memory_bytes=limits.memory_bytes,
        folder=str(Path.cwd()),
        scratch=scratch,
        pipe=writing,
        random_state=random.getstate(),
    )
    try:
        process = _fork(task)
    except OSError as error:
        rehearsal.refusal = f"the system makes no copy ({error.strerror})"
        os.close(reading)
        shutil.rmtree(scratch, ignore_errors=True)
        rehearsal.ended.set_result(None)
        return rehearsal
    finally:
        os.close(writing)
    rehearsal._process = process
    watcher = threading.Thread(
        target=_watch, args=(rehearsal, reading, scratch), name="notebook-agents-dry-run"
    )
    watcher.daemon = True
    watcher.start()
    return rehearsal


def _fork(task: fork_child.Task) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads: fork_safety has looked
        process = os.fork()
    if process == 0:
        fork_child.run(task)
    return process


def _watch(rehearsal: Rehearsal, reading: int, scratch: str) -> None:
    """Read what the copy tells until it ends or its time is up; leave nothing of it behind."""
    deadline = time.monotonic() + rehearsal.limits.seconds
    data, is_over = b"", False
    try:
        while not is_over and len(data) < MAX_REPORT_BYTES:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([reading], [], [], left)[0]:
                break
            chunk = os.read(reading, CHUNK_BYTES)
            data += chunk
            is_over = not chunk
        rehearsal._report = _understood(data, is_over, rehearsal.limits.seconds)
    finally:
        rehearsal.reap()
        os.close(reading)
        shutil.rmtree(scratch, ignore_errors=True)
        rehearsal.ended.set_result(None)


def _understood(data: bytes, is_over: bool, seconds: float) -> dict[str, Any]:
    if not is_over:
        return {"stopped": "TIMEOUT", "duration_s": seconds}
    try:
        report = json.loads(data)
    except ValueError:
        return {"stopped": "KILLED"}
    return report if isinstance(report, dict) else {"stopped": "KILLED"}


def _kill(process: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, signal.SIGKILL)


def _reap(process: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(process, 0)
