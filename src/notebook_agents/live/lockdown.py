"""Takes from a process, for good, what a dry run must not do. Linux only.

Landlock keeps it from writing outside one folder and from TCP, filters of system calls from
sockets, other programs, child processes, signals to others and changes of files' attributes. Both
are the kernel's: no code in the process can take them back. Facts: ``docs/security.md``.
"""

from __future__ import annotations

import ctypes

from notebook_agents.confinement import landlock, lockdown
from notebook_agents.confinement.errors import Unprotected
from notebook_agents.confinement.filters import assemble, install
from notebook_agents.confinement.landlock import MIN_VERSION
from notebook_agents.confinement.landlock import version as landlock_version

__all__ = ["MIN_VERSION", "Unprotected", "die_with_parent", "landlock_version", "lock_down"]

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Be killed when the thread that forked ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def lock_down(writable: str) -> None:
    """From now on write below one folder only, and reach nothing outside this process.

    Raises Unprotected when that cannot be enforced.
    """
    everything = landlock.all_rights(landlock_version())
    landlock.restrict(
        (
            landlock.Place("/"),
            landlock.Place(writable, everything & ~landlock.EXECUTE),
            landlock.Place("/dev/null", landlock.READ_FILE | landlock.WRITE_FILE),
        )
    )
    for rules in (lockdown.EARLY, lockdown.late()):
        install(assemble(rules))
