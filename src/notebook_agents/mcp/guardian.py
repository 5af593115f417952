"""The process between this one and a tool server, which ends everything the server started.

Run as a script, without site-packages:
``python -I -S guardian.py LIFELINE JOIN,… GROUPS -- command …``. Before the command begins, its
process enters the control groups whose files are JOIN; their folders, one on each line of GROUPS,
are removed at the end. It hands its input and output on to the command and keeps only the read end
of a pipe whose write end nobody else has. When that pipe closes, because somebody let go or was
killed, the command may end by itself (its input is closed too) and is then killed with all its
descendants, daemons too: this process is their subreaper.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import sys
from pathlib import Path

# Nothing is installed for a script that runs so; the product lies two folders above.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from notebook_agents.confinement.guarding import (
    become_subreaper,
    kill_all,
    remove_groups,
)

GRACE_MS = 1000
LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_FSIZE: 1 << 30,
    resource.RLIMIT_DATA: 4 << 30,
}
"""Bytes, but for open files."""
NICENESS = 5


def main(argv: list[str]) -> int:
    """Run the command to its end or the owner's, then leave nothing behind."""
    lifeline, joins = int(argv[1]), [int(part) for part in argv[2].split(",") if part]
    groups = [Path(folder) for folder in argv[3].splitlines()]
    for fd in (lifeline, *joins):
        os.set_inheritable(fd, False)
    become_subreaper()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        _become(argv[5:], joins)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    for fd in joins:
        os.close(fd)
    is_cut = _watch(pid, lifeline)
    _stop(groups)
    code = kill_all(pid)
    if is_cut:  # otherwise the owner reads first what the groups counted
        remove_groups(groups)
    return code


def _become(command: list[str], joins: list[int]) -> None:
    """Be the command; never returns."""
    try:
        for fd in joins:
            os.write(fd, b"0")
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(signum, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.nice(NICENESS)
        for limit, value in LIMITS.items():
            hard = resource.getrlimit(limit)[1]
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(limit, (most, most))
        os.execvp(command[0], command)  # noqa: S606 - there is no shell on purpose
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _watch(pid: int, lifeline: int) -> bool:
    """Wait for the end of the command or the owner; whether it was the owner's."""
    command = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(command, select.POLLIN)
    poller.register(lifeline, select.POLLIN)
    is_cut = not any(fd == command for fd, _ in poller.poll())
    if is_cut:
        poller.unregister(lifeline)
        poller.poll(GRACE_MS)
    return is_cut


def _stop(groups: list[Path]) -> None:
    """Let nothing start any more, so that one who forks without end does not outrun the kills."""
    for folder in groups:
        for file, value in (("pids.max", "0"), ("cgroup.kill", "1")):
            with contextlib.suppress(OSError):
                fd = os.open(folder / file, os.O_WRONLY)
                os.write(fd, value.encode())
                os.close(fd)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
