"""The process between the server and the child of an execution, which ends all that it started.

Run as a script, without site-packages: ``python -I -S guard.py command …``. It becomes the
subreaper of its descendants, so that a daemon that left its session is still below it. It hands its
input and output on to the command; SIGTERM too. SIGUSR1 says: kill it. When the command ends,
however it does, or the pipe that is the input closes, nothing below this process lives on. It ends
as the command did.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

# Nothing is installed for a script that runs so; the product lies two folders above.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from notebook_agents.confinement.guarding import (
    KILL_SECONDS,
    become_subreaper,
    descendants,
    kill,
)

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 1.0
"""For what ends by itself and cleans up: the guards of sandboxes and of tool servers."""
HANDLED = (signal.SIGTERM, signal.SIGUSR1)


def main(command: list[str]) -> None:
    """Run the command to its end or the server's, then leave nothing behind."""
    libc = become_subreaper()
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    for signum in HANDLED:
        signal.signal(signum, lambda *_: None)
    guard, pid = os.getpid(), os.fork()
    if pid == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _become(command, guard)
    is_cut = _watch(pid, told)
    if is_cut:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if is_cut or code < 0:  # its kernel is a child of this process now, and nobody else's
        kill(descendants(is_deep=False))
    _end_all()
    _end_as(code)


def _become(command: list[str], guard: int) -> None:
    """Be the command; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for signum in (*HANDLED, signal.SIGPIPE):
            signal.signal(signum, signal.SIG_DFL)
        os.setpgid(0, 0)
        if os.getppid() == guard:  # otherwise it died before its death could be told
            os.execv(command[0], command)  # noqa: S606 - there is no shell on purpose
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _watch(pid: int, told: int) -> bool:
    """Wait for the end of the command, or until it is to be killed; whether it is."""
    command = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(0, 0)  # only that it closes
    poller.register(command, select.POLLIN)
    poller.register(told, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poller.poll()}
        if command in ready:
            return False
        signals = os.read(told, 4096) if told in ready else b""
        if 0 in ready or signal.SIGUSR1 in signals:
            return True
        if signal.SIGTERM in signals:
            os.kill(pid, signal.SIGTERM)


def _end_all() -> None:
    """Let end what does, kill what does not; orphans become children of this process."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < GRACE_SECONDS + KILL_SECONDS:
        if passed > GRACE_SECONDS:
            kill(descendants())
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _end_as(code: int) -> None:
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
