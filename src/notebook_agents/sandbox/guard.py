"""The process between the server and a tool kernel, which ends everything the kernel started.

Run as a script, without site-packages:
``python -I -S guard.py LIFELINE,FD,… JOIN,… GROUPS -- command …``. Before the command begins, its
process enters the control groups whose files are JOIN; their folders, one on each line of GROUPS,
are removed at the end.
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
from collections.abc import Iterable
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
TAIL_BYTES = 32 * 1024
KILL_SECONDS = 5.0
REMOVE_SECONDS = 1.0
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


def main(argv: list[str]) -> int:
    """Run the command to its end or the server's, then leave nothing behind."""
    lifeline, *handed_on = _numbers(argv[1])
    joins = _numbers(argv[2])
    _become_guard((lifeline, *joins))
    output, child_output = os.pipe()
    pid = _start(argv[5:], child_output, joins)
    for fd in (child_output, *handed_on, *joins):
        os.close(fd)
    tail, is_cut = _watch(pid, lifeline, output)
    code = _kill_all(pid)
    if is_cut:  # otherwise the server reads first what the groups counted
        _remove(argv[3])
    tail = _drain(output, tail)
    with contextlib.suppress(OSError):
        os.write(1, tail)
    return code


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def _become_guard(kept: Iterable[int]) -> None:
    for fd in kept:
        os.set_inheritable(fd, False)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a subreaper")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for signum in IGNORED:
        signal.signal(signum, signal.SIG_IGN)


def _start(command: list[str], output: int, joins: list[int]) -> int:
    """Fork, since only the new process itself can enter its groups before anything else runs."""
    pid = os.fork()
    if pid:
        return pid
    try:
        for fd in joins:
            os.write(fd, b"0")
        os.setpgid(0, 0)
        for fd in (1, 2):
            os.dup2(output, fd)
        for signum in IGNORED:
            signal.signal(signum, signal.SIG_DFL)
        os.execve(command[0], command, os.environ)  # noqa: S606 - the server's own command
    except OSError as error:
        os.write(output, f"{command[0]}: {error}\n".encode())
    os._exit(127)


def _watch(pid: int, lifeline: int, output: int) -> tuple[bytes, bool]:
    """Wait for the command or the server to end; what was printed last, and if the server did."""
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
            return tail, lifeline in ready


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


def _remove(folders: str) -> None:
    """Remove the groups; the last of the dead leave theirs a moment after they are gone."""
    left = [Path(folder) for folder in folders.splitlines()]
    give_up = time.monotonic() + REMOVE_SECONDS
    while left and time.monotonic() < give_up:
        for folder in left:
            with contextlib.suppress(OSError):
                folder.rmdir()
        left = [folder for folder in left if folder.exists()]
        if left:
            time.sleep(0.002)


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
