"""The rules about system calls: one set for the start of a kernel, one for after it.

EARLY refuses what opens the kernel's attack surface or leads out of a sandbox, and nothing that a
program needs. LATE comes once the sockets are bound and before the first line of somebody's code:
no sockets, no processes, no memory that a limit does not count, no say over other processes and no
changes of attributes by path. Which case each stands for: ``docs/security.md``.
"""

from __future__ import annotations

import os
from errno import EAFNOSUPPORT, ENOSYS

from notebook_agents.confinement.filters import Refuse

CLONE_THREAD = 0x10000
CLONE_NEW = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""
SHARED_ANONYMOUS = 0x21
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
ANY_PERSONALITY = 0xFFFFFFFF

_SURFACE = (
    *("acct", "add_key", "adjtimex", "bpf", "clock_adjtime", "clock_settime", "create_module"),
    *("delete_module", "fanotify_init", "finit_module", "get_kernel_syms", "init_module"),
    *("io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp"),
    *("kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "memfd_secret"),
    *("migrate_pages", "modify_ldt", "move_pages", "name_to_handle_at", "nfsservctl"),
    *("open_by_handle_at", "perf_event_open", "pidfd_getfd", "process_madvise"),
    *("process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace", "query_module"),
    *("quotactl", "quotactl_fd", "reboot", "request_key", "setdomainname", "sethostname"),
    *("settimeofday", "swapoff", "swapon", "_sysctl", "sysfs", "syslog", "userfaultfd"),
    *("uselib", "ustat", "vhangup"),
)
_VIEWS = (
    *("chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr"),
    *("move_mount", "open_tree", "open_tree_attr", "pivot_root", "setns", "umount2", "unshare"),
)
_IOCTLS = Refuse(calls=("ioctl",), when="among", argument=1, values=(TIOCSTI, TIOCLINUX))
_PERSONALITY = Refuse(calls=("personality",), when="not among", values=(0, ANY_PERSONALITY))

EARLY: tuple[Refuse, ...] = (
    Refuse(calls=_SURFACE),
    Refuse(calls=_VIEWS),
    Refuse(calls=("clone",), when="any bit", values=(CLONE_NEW,)),
    Refuse(calls=("clone3",), error=ENOSYS),
    Refuse(
        calls=("socket", "socketpair"),
        when="not among",
        values=(AF_UNIX, AF_INET, AF_INET6, AF_NETLINK),
        error=EAFNOSUPPORT,
    ),
    _IOCTLS,
    _PERSONALITY,
)

_PROCESSES = ("fork", "vfork", "execve", "execveat")
_UNCOUNTED_MEMORY = ("memfd_create", "mq_open", "msgget", "semget", "shmat", "shmget")
_OTHERS = ("inotify_add_watch", "pidfd_open", "pidfd_send_signal", "tkill")
"""Landlock lets a folder be watched that may not be read."""
_SOCKETS = ("bind", "connect", "socket")
_ATTRIBUTES = (
    *("chmod", "chown", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "file_setattr"),
    *("fremovexattr", "fsetxattr", "futimesat", "lchown", "lremovexattr", "lsetxattr"),
    *("removexattr", "removexattrat", "setxattr", "setxattrat", "utime", "utimensat", "utimes"),
)
"""Landlock does not see them; copying a file ends with one, so they pretend to have worked."""
_SIGNALS = ("kill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tgkill")
_SCHEDULING = ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam")
_CLASS_OF_SCHEDULING = ("sched_setscheduler",)
"""libzmq asks each of its threads for the class that it has, by a number that no filter can know,
and ends the process when that fails; so it pretends to have worked."""


def late(pid: int | None = None) -> tuple[Refuse, ...]:
    """The rules for a process that is about to run somebody's code, and stays the only one.

    ``pid`` is what it may name as its own; by default the caller's.
    """
    own = os.getpid() if pid is None else pid
    return (
        Refuse(calls=(*_PROCESSES, *_UNCOUNTED_MEMORY, *_OTHERS, *_SOCKETS)),
        Refuse(calls=_ATTRIBUTES, error=0),
        Refuse(calls=("clone",), when="no bit", values=(CLONE_THREAD,)),
        Refuse(calls=("clone3",), error=ENOSYS),
        Refuse(calls=("mmap",), when="all bits", argument=3, values=(SHARED_ANONYMOUS,)),
        Refuse(calls=_SIGNALS, when="not among", values=(own,)),
        Refuse(calls=_SCHEDULING, when="not among", values=(0, own)),
        Refuse(calls=_CLASS_OF_SCHEDULING, when="not among", values=(0, own), error=0),
        Refuse(calls=("ioprio_set", "setpriority"), when="not among", argument=1, values=(0, own)),
    )
