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
import os
import resource
import select
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

# Nothing is installed for a script that runs so; the product lies two folders above.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from notebook_agents.confinement.guarding import (
    become_subreaper,
    kill_all,
    remove_groups,
)

TAIL_BYTES = 32 * 1024
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
    code = kill_all(pid)
    if is_cut:  # otherwise the server reads first what the groups counted
        remove_groups([Path(folder) for folder in argv[3].splitlines()])
    tail = _drain(output, tail)
    with contextlib.suppress(OSError):
        os.write(1, tail)
    return code


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def _become_guard(kept: Iterable[int]) -> None:
    for fd in kept:
        os.set_inheritable(fd, False)
    become_subreaper()
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


def _drain(output: int, tail: bytes) -> bytes:
    os.set_blocking(output, False)
    with contextlib.suppress(OSError):
        while chunk := os.read(output, 65536):
            tail = (tail + chunk)[-TAIL_BYTES:]
    return tail


if __name__ == "__main__":
    sys.exit(main(sys.argv))
