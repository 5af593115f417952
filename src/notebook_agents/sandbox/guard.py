"""The process between the server and a tool kernel, which ends everything the kernel started.

Run as a script, without site-packages: ``python -I -S guard.py LIFELINE,FD,… -- command …``.
It becomes the subreaper of its descendants, so that a daemon that left its session is still its
child, and it holds the read end of a pipe whose write end only the server has. When the server
closes that pipe, or dies for any reason, every descendant is killed. Whatever the command prints
on its own stdout and stderr is drained here; the last part is passed on when it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
TAIL_BYTES = 32 * 1024
KILL_SECONDS = 5.0


def main(argv: list[str]) -> int:
    """Run the command to its end or the server's, then leave nothing behind."""
    lifeline, *handed_on = (int(part) for part in argv[1].split(","))
    _become_guard(lifeline)
    output, child_output = os.pipe()
    pid = _start(argv[3:], child_output)
    for fd in (child_output, *handed_on):
        os.close(fd)
    tail = _watch(pid, lifeline, output)
    code = _kill_all(pid)
    tail = _drain(output, tail)
    with contextlib.suppress(OSError):
        os.write(1, tail)
    return code


def _become_guard(lifeline: int) -> None:
    os.set_inheritable(lifeline, False)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a subreaper")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)


def _start(command: list[str], output: int) -> int:
    return os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
        ],
        setpgroup=0,
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
    )


def _watch(pid: int, lifeline: int, output: int) -> bytes:
    """Wait for the command or the server to end; the tail of what was printed."""
    tail = b""
    command = os.pidfd_open(pid)
    poller = select.poll()
    for fd in (lifeline, command, output):
        poller.register(fd, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poller.poll()}
        if output in ready:
            chunk = os.read(output, 65536)
            tail = (tail + chunk)[-TAIL_BYTES:]
            if not chunk:
                poller.unregister(output)
        if lifeline in ready or command in ready:
            return tail


def _kill_all(command: int) -> int:
    """Kill all descendants; orphans become children of this process, so none gets away.

    Returns how the command ended: its exit code, or 128 and the signal.
    """
    code = 0
    give_up = time.monotonic() + KILL_SECONDS
    while time.monotonic() < give_up:
        for pid in _descendants():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == command:
                    code = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            break
        time.sleep(0.002)
    return code if code >= 0 else 128 - code


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[1-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = (entry / "stat").read_text(errors="replace")
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    pending = [os.getpid()]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def _drain(output: int, tail: bytes) -> bytes:
    os.set_blocking(output, False)
    with contextlib.suppress(OSError):
        while chunk := os.read(output, 65536):
            tail = (tail + chunk)[-TAIL_BYTES:]
    return tail


if __name__ == "__main__":
    sys.exit(main(sys.argv))
