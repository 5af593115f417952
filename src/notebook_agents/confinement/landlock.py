"""Keeps a process, and all it will start, to some files (Landlock). Linux 5.13 and later.

Reading, writing and executing are denied everywhere but below the named places. From version 4 of
the interface on TCP is denied too, from version 6 on signals and abstract sockets that lead out of
the domain. ``stat``, changes of attributes, UDP and sockets with a path stay possible: that is
what a filter of system calls is for.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from notebook_agents.confinement.errors import Unprotected

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
READ = READ_FILE | READ_DIR
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
"""What may be said of a place that is no folder."""
N_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files a version knows; later ones know 16."""
PR_SET_NO_NEW_PRIVS = 38
MIN_VERSION = 3
"""The first that can refuse to cut files short."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder and what may be done there and below."""

    path: str
    rights: int = READ


def version() -> int:
    """The version of the interface that the running kernel has; 0 when there is none."""
    return max(int(_libc().syscall(CREATE_RULESET, None, 0, 1)), 0)


def all_rights(version: int) -> int:
    """Every right on files that a version knows."""
    return (1 << N_FILE_RIGHTS.get(version, 16)) - 1


def restrict(places: Iterable[Place]) -> None:
    """From now on deny this thread, and what it starts, everything on files but what is named.

    Places that do not exist are left out. Raises Unprotected when the kernel cannot enforce it.
    """
    known = version()
    if known < MIN_VERSION:
        raise Unprotected("this Linux has no Landlock 3 or later, which keeps files from changes")
    rights = all_rights(known)
    attributes = struct.pack("QQQ", rights, 3 if known >= 4 else 0, 3 if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = _libc().syscall(CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        raise Unprotected("Landlock refuses its rules")
    try:
        for place in places:
            _allow(ruleset, place, rights)
        if _libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise Unprotected("the kernel cannot give up privileges for good")
        if _libc().syscall(RESTRICT_SELF, ruleset, 0) != 0:
            raise Unprotected("Landlock refuses to restrict the process")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, place: Place, known: int) -> None:
    try:
        fd = os.open(place.path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rights = place.rights & known
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= FILE_RIGHTS
        rule = struct.pack("=Qi", rights, fd)
        if _libc().syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0) != 0:
            raise Unprotected(f"Landlock refuses its rule for {place.path}")
    finally:
        os.close(fd)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
