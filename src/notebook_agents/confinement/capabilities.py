"""Gives up every capability for good: what root has beyond owning files."""

from __future__ import annotations

import ctypes
import os
import struct
from errno import EINVAL, EPERM

from notebook_agents.confinement.errors import Unprotected

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
VERSION_3 = 0x20080522
"""``_LINUX_CAPABILITY_VERSION_3`` of linux/capability.h."""
MAX_CAPABILITIES = 64


def drop_all() -> None:
    """Have no capability from now on, and get none by starting other programs.

    The bounding set can be emptied by those who have a say over it only; without it there was
    nothing to give up, and new privileges are refused anyway.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Unprotected("the kernel cannot give up privileges for good")
    for capability in range(MAX_CAPABILITIES):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            if ctypes.get_errno() in (EINVAL, EPERM):
                break
            raise Unprotected(f"capability {capability} cannot be given up")
    header, nothing = struct.pack("Ii", VERSION_3, 0), bytes(24)
    if libc.capset(header, nothing) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise Unprotected(f"the kernel refuses to take capabilities away: {reason}")
