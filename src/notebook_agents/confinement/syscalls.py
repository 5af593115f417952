"""System calls by their numbers, for the two machines this product runs on.

From ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h`` of Linux.
A call that aarch64 does not have is ABSENT there.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Final

ABSENT: Final = -1
AUDIT_ARCHITECTURES: Final[Mapping[str, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""``AUDIT_ARCH_*`` of linux/audit.h: what a filter is told of the calling convention."""
X32_BIT: Final = 0x40000000
"""x86_64 knows every call under a second number with this bit."""

_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "_sysctl": (156, ABSENT), "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171),
    "bind": (49, 200), "bpf": (321, 280), "chmod": (90, ABSENT), "chown": (92, ABSENT),
    "chroot": (161, 51), "clock_adjtime": (305, 266), "clock_settime": (227, 112),
    "clone": (56, 220), "clone3": (435, 435), "connect": (42, 203),
    "create_module": (174, ABSENT), "delete_module": (176, 106), "execve": (59, 221),
    "execveat": (322, 281), "fanotify_init": (300, 262), "fchmod": (91, 52),
    "fchmodat": (268, 53), "fchmodat2": (452, 452), "fchown": (93, 55), "fchownat": (260, 54),
    "file_setattr": (469, 469),
    "finit_module": (313, 273), "fork": (57, ABSENT), "fremovexattr": (199, 16),
    "fsconfig": (431, 431), "fsetxattr": (190, 7), "fsmount": (432, 432), "fsopen": (430, 430),
    "fspick": (433, 433), "futimesat": (261, ABSENT), "get_kernel_syms": (177, ABSENT),
    "get_mempolicy": (239, 236), "init_module": (175, 105), "inotify_add_watch": (254, 27),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "io_uring_setup": (425, 425), "ioctl": (16, 29),
    "ioperm": (173, ABSENT), "iopl": (172, ABSENT), "ioprio_set": (251, 30), "kcmp": (312, 272),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219),
    "kill": (62, 129), "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446), "lchown": (94, ABSENT),
    "lookup_dcookie": (212, 18), "lremovexattr": (198, 15), "lsetxattr": (189, 6),
    "mbind": (237, 235), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "migrate_pages": (256, 238), "mmap": (9, 222), "modify_ldt": (154, ABSENT),
    "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "move_pages": (279, 239), "mq_open": (240, 180), "msgget": (68, 186),
    "name_to_handle_at": (303, 264), "nfsservctl": (180, 42), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41), "prctl": (157, 167), "prlimit64": (302, 261),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "query_module": (178, ABSENT), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "reboot": (169, 142), "removexattr": (197, 14), "removexattrat": (466, 466),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "seccomp": (317, 277), "semget": (64, 190), "set_mempolicy": (238, 237),
    "setdomainname": (171, 162), "setgid": (106, 144), "sethostname": (170, 161),
    "setns": (308, 268), "setpriority": (141, 140), "settimeofday": (164, 170),
    "setuid": (105, 146), "setxattr": (188, 5), "setxattrat": (463, 463),
    "shmat": (30, 196), "shmget": (29, 194),
    "socket": (41, 198), "socketpair": (53, 199), "stime": (ABSENT, ABSENT),
    "swapoff": (168, 225), "swapon": (167, 224), "sysfs": (139, ABSENT), "syslog": (103, 116),
    "tgkill": (234, 131), "tkill": (200, 130), "truncate": (76, 45), "umount2": (166, 39),
    "unshare": (272, 97), "uselib": (134, ABSENT), "userfaultfd": (323, 282),
    "ustat": (136, ABSENT), "utime": (132, ABSENT), "utimensat": (280, 88),
    "utimes": (235, ABSENT), "vfork": (58, ABSENT), "vhangup": (153, 58), "vm86": (ABSENT, ABSENT),
}  # fmt: skip


def machine() -> str:
    """``x86_64``, ``aarch64``, or the name of a machine without a list of calls."""
    name = platform.machine()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name.lower(), name)


def number(call: str, machine: str) -> int:
    """The number of a call on a machine; ABSENT when it has no such call."""
    return _NUMBERS[call][tuple(AUDIT_ARCHITECTURES).index(machine)]
