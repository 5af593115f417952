"""Takes from a process, for good, what a dry run must not do. Linux only.

Landlock keeps it from writing outside one folder and from TCP, a seccomp filter from sockets,
other programs, child processes, signals to others and changes of files' attributes. Both are the
kernel's: no code in the process can take them back. Facts: ``docs/security.md``.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Mapping
from errno import EPERM

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
READS = 1 << 2 | 1 << 3
"""READ_FILE and READ_DIR of linux/landlock.h; executing is not among them."""
WRITE_FILE, TRUNCATE = 1 << 1, 1 << 14
N_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files a version of Landlock knows; later ones know 16."""
MIN_VERSION = 3
"""The first that can refuse to cut files short."""
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 38, 22
SECCOMP_MODE_FILTER = 2
ALLOW, ERRNO, CLONE_THREAD, ENOSYS = 0x7FFF0000, 0x00050000, 0x10000, 38
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
DENIED: Mapping[str, tuple[int, int]] = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "fork": (57, 57 << 16),
    "vfork": (58, 58 << 16), "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_writev": (311, 271), "io_uring_setup": (425, 425), "shmget": (29, 194),
    "shmat": (30, 196), "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434),
    "mq_open": (240, 180), "msgget": (68, 186), "bpf": (321, 280), "unshare": (272, 97),
    "setns": (308, 268), "mount": (165, 40), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "ioprio_set": (251, 30),
}  # fmt: skip
"""System calls by their numbers on x86_64 and aarch64."""
PRETENDED: Mapping[str, tuple[int, int]] = {
    "chmod": (90, 90 << 16), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, 92 << 16), "fchown": (93, 55), "lchown": (94, 94 << 16), "fchownat": (260, 54),
    "utime": (132, 132 << 16), "utimes": (235, 235 << 16), "utimensat": (280, 88),
    "futimesat": (261, 261 << 16), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
}  # fmt: skip
"""Calls that do nothing and say that all went well: copying a file ends with one of them."""
OWN_ONLY: Mapping[str, tuple[int, int]] = {
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
}  # fmt: skip
"""Calls that may name the process itself, or 0, and no other."""
CLONE, CLONE3 = (56, 220), (435, 435)


class Unprotected(Exception):
    """This machine cannot enforce it; the message says what is missing."""


def die_with_parent() -> None:
    """Be killed when the thread that forked ends."""
    _libc().prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def landlock_version() -> int:
    """The version of Landlock that the running kernel has; 0 when there is none."""
    return max(int(_libc().syscall(LANDLOCK_CREATE_RULESET, None, 0, 1)), 0)


def lock_down(writable: str) -> None:
    """From now on write below one folder only, and reach nothing outside this process.

    Raises Unprotected when that cannot be enforced.
    """
    if _libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Unprotected("the kernel cannot give up privileges for good")
    _restrict_files(writable)
    _filter_calls()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _restrict_files(writable: str) -> None:
    version = landlock_version()
    if version < MIN_VERSION:
        raise Unprotected("this Linux has no Landlock 3 or later, which keeps files from changes")
    rights = (1 << N_FILE_RIGHTS.get(version, 16)) - 1
    net = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    attributes = struct.pack("QQQ", rights, net, scoped)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _libc().syscall(LANDLOCK_CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        raise Unprotected("Landlock refuses to keep files from changes")
    execute = 1 << 0
    _allow(ruleset, "/", READS)
    _allow(ruleset, writable, rights & ~execute)
    _allow(ruleset, "/dev/null", WRITE_FILE | READS & ~(1 << 3))
    if _libc().syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
        raise Unprotected("Landlock refuses to keep files from changes")
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack("=Qi", rights, folder)
    failed = _libc().syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0)
    os.close(folder)
    if failed:
        raise Unprotected(f"Landlock refuses its rule for {path}")


def _filter_calls() -> None:
    """Load a classic BPF program: ``struct sock_filter`` of linux/filter.h, little-endian."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise Unprotected(f"there is no list of system calls for {machine}")
    program = _program(list(ARCHITECTURES).index(machine), ARCHITECTURES[machine])
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if _libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise Unprotected("the kernel has no seccomp filters")


def _program(column: int, architecture: int) -> list[bytes]:
    def step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("HBBI", code, then, otherwise, value & 0xFFFFFFFF)

    deny, pretend = step(RETURN, ERRNO | EPERM), step(RETURN, ERRNO)
    program = [step(LOAD, 4), step(JUMP_EQUAL, architecture, 1, 0), deny, step(LOAD, 0)]
    if architecture == ARCHITECTURES["x86_64"]:  # calls of the x32 kind have numbers of their own
        program += [step(0x35, 0x40000000, 0, 1), deny]
    for numbers in DENIED.values():
        program += [step(JUMP_EQUAL, numbers[column], 0, 1), deny]
    for numbers in PRETENDED.values():
        program += [step(JUMP_EQUAL, numbers[column], 0, 1), pretend]
    for numbers in OWN_ONLY.values():
        own = [step(JUMP_EQUAL, 0, 2, 0), step(JUMP_EQUAL, os.getpid(), 1, 0), deny]
        allow = step(RETURN, ALLOW)
        program += [step(JUMP_EQUAL, numbers[column], 0, 5), step(LOAD, 16), *own, allow]
    program += [step(JUMP_EQUAL, CLONE3[column], 0, 1), step(RETURN, ERRNO | ENOSYS)]
    clone = [step(LOAD, 16), step(JUMP_SET, CLONE_THREAD, 1, 0), deny]
    program += [step(JUMP_EQUAL, CLONE[column], 0, 3), *clone]
    return [*program, step(RETURN, ALLOW)]
