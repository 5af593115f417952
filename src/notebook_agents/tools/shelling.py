"""What `shell` does inside the tool kernel: one command, its output, and nothing left behind.

The command has no terminal and nothing to read. The kernel becomes the parent of whatever the
command leaves running, also of what has left its session, and ends it with the call; processes
that other code of the kernel had started before stay.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
TIME_SHARE = 0.95
"""The command is ended a little before the kernel is: then the kernel's variables live."""
MAX_PRINTED_BYTES = 16 * 1024 * 1024
"""Beyond it the command is ended."""
HEAD_BYTES = 192 * 1024
TAIL_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024
QUIET_SECONDS = 0.2
"""How long output may follow the end of the command, from what it left running."""
KILL_SECONDS = 5.0
TIMED_OUT, KILLED = 124, 137


def run_command(root: str, command: str, timeout_s: float) -> dict[str, Any]:
    """Run a command line to its end or until its time is up."""
    _adopt_orphans(True)
    strangers, started = set(_descendants()), time.monotonic()
    shell = shutil.which("bash") or "/bin/sh"
    child = subprocess.Popen(  # noqa: S603 - running commands is what the tool is for
        [shell, "-c", command],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert child.stdout is not None
    output = _Output(child.stdout.fileno())
    try:
        reason = _listen(child, output, started + timeout_s * TIME_SHARE)
    finally:
        _end(child, strangers)
        _adopt_orphans(False)
        child.stdout.close()
    return {
        "output": output.text(),
        "exit_code": _exit_code(child.returncode, reason),
        "reason": reason,
        "timeout_s": timeout_s,
        "execution_time_ms": round((time.monotonic() - started) * 1000, 3),
    }


def _adopt_orphans(is_on: bool) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(is_on), 0, 0, 0)


class _Output:
    """What was printed: its beginning and its end."""

    def __init__(self, fd: int) -> None:
        self.n_bytes = 0
        self.is_closed = False
        self.fd = fd
        self._head, self._tail = bytearray(), bytearray()

    def read(self, wait_s: float) -> bool:
        """Take what is there within some seconds; whether there was anything."""
        if self.is_closed or not select.select([self.fd], [], [], max(wait_s, 0))[0]:
            return False
        chunk = os.read(self.fd, CHUNK_BYTES)
        self.is_closed = not chunk
        self.n_bytes += len(chunk)
        room = HEAD_BYTES - len(self._head)
        self._head += chunk[:room]
        self._tail = (self._tail + chunk[max(room, 0) :])[-TAIL_BYTES:]
        return bool(chunk)

    def text(self) -> str:
        n_left_out = self.n_bytes - len(self._head) - len(self._tail)
        gap = f"\n... {n_left_out} bytes left out ...\n".encode() if n_left_out else b""
        return (bytes(self._head) + gap + bytes(self._tail)).decode(errors="replace")


def _listen(child: subprocess.Popen[bytes], output: _Output, deadline: float) -> str:
    """Collect output until the command has ended; why it must be ended, if it must."""
    ended = os.pidfd_open(child.pid)
    try:
        while output.n_bytes <= MAX_PRINTED_BYTES:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return "TIMEOUT"
            fds = [ended] if output.is_closed else [ended, output.fd]
            ready = select.select(fds, [], [], left_s)[0]
            if ended in ready:
                return _rest(output, deadline)
            output.read(0)
        return "OUTPUT_LIMIT"
    finally:
        os.close(ended)


def _rest(output: _Output, deadline: float) -> str:
    """What is still in the pipe; something may hold it open that the command left running."""
    until = min(deadline, time.monotonic() + QUIET_SECONDS)
    while output.n_bytes <= MAX_PRINTED_BYTES and output.read(until - time.monotonic()):
        pass
    return "OUTPUT_LIMIT" if output.n_bytes > MAX_PRINTED_BYTES else ""


def _end(child: subprocess.Popen[bytes], strangers: set[int]) -> None:
    """End the command and everything it started, until there is nothing of it."""
    give_up = time.monotonic() + KILL_SECONDS
    while time.monotonic() < give_up:
        is_over = child.poll() is not None
        ours = [pid for pid in _descendants() if pid not in strangers]
        for pid in ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if pid != child.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        if is_over and not ours:
            return
        time.sleep(0.002)


def _exit_code(returncode: int | None, reason: str) -> int:
    if reason == "TIMEOUT":
        return TIMED_OUT
    if reason or returncode is None:
        return KILLED
    return returncode if returncode >= 0 else 128 - returncode


def _descendants() -> list[int]:
    """The processes below this one, parents before their children."""
    found: list[int] = []
    pending = [os.getpid()]
    while pending:
        below = _children(pending.pop())
        found += below
        pending += below
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                text = (task / "children").read_text(encoding="ascii")
                found += map(int, text.split())
    return found
