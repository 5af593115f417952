"""Containers as Kubernetes makes them, without a daemon: crun and a bundle made for one command.

`restricted` is the shape of the Pod Security Standard of that name: an ordinary user, no
capabilities, no new privileges, the container default's filter of system calls. `unconfined` is the
same without the filter, as a pod without a ``seccompProfile`` has it; its ``/proc`` is masked. In
`unmasked` it is not, as with ``procMount: Unmasked``: there an ordinary user has what a machine of
its own would give.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[2]
USER = 1000
USR_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
MASKED = ("acpi", "asound", "kcore", "keys", "latency_stats", "timer_list", "sched_debug", "scsi")
READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
CLONE_NEW = 0x7E020000
NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
REFUSED = (
    *("acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module"),
    *("delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick"),
    *("get_mempolicy", "init_module", "ioperm", "iopl", "io_uring_enter", "io_uring_register"),
    *("io_uring_setup", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie"),
    *("mbind", "mount", "mount_setattr", "move_mount", "move_pages", "name_to_handle_at"),
    *("open_by_handle_at", "open_tree", "perf_event_open", "pivot_root", "quotactl", "reboot"),
    *("request_key", "set_mempolicy", "setdomainname", "sethostname", "setns", "settimeofday"),
    *("swapoff", "swapon", "sysfs", "syslog", "umount2", "unshare", "userfaultfd", "vhangup"),
)
"""What the default profile of container engines refuses to a process without capabilities."""

CRUN = ("crun", "--cgroup-manager=disabled")
WITHOUT_HYBRID = (
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec "$0" "$@"',
)
"""Older versions of crun refuse machines with both versions of control groups mounted."""

Pod = Literal["restricted", "unconfined", "unmasked"]


def is_available() -> bool:
    """Whether containers can be made here: crun, and the rights of root."""
    if sys.platform != "linux" or shutil.which("crun") is None:
        return False
    return Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0] != "0" * 16


def run(pod: Pod, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of this interpreter in a pod; its output, and its exit code."""
    rootfs = folder / "rootfs"
    rootfs.mkdir(parents=True)
    for name in USR_MERGED:
        if (link := Path("/", name)).is_symlink():
            (rootfs / name).symlink_to(link.readlink())
    (folder / "config.json").write_text(json.dumps(_config(pod, command)))
    name = f"nba-{uuid.uuid4().hex[:12]}"
    try:
        return subprocess.run(
            [*WITHOUT_HYBRID, *CRUN, "run", "--bundle", str(folder), name],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
    finally:
        subprocess.run([*CRUN, "delete", "--force", name], capture_output=True, check=False)


def _config(pod: Pod, command: Sequence[str]) -> dict[str, Any]:
    linux: dict[str, Any] = {"namespaces": [{"type": name} for name in NAMESPACES]}
    if pod != "unmasked":
        linux["maskedPaths"] = [f"/proc/{name}" for name in MASKED]
        linux["readonlyPaths"] = [f"/proc/{name}" for name in READ_ONLY]
    if pod == "restricted":
        linux["seccomp"] = _filter()
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": USER, "gid": USER, "umask": 0o22},
            "args": [sys.executable, *command],
            "env": [f"{name}={value}" for name, value in _environment().items()],
            "cwd": str(ROOT),
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs"},
        "mounts": _mounts(),
        "linux": linux,
    }


def _environment() -> Mapping[str, str]:
    return {
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "HOME": "/tmp/home",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _mounts() -> list[dict[str, Any]]:
    tmpfs = {"type": "tmpfs", "source": "tmpfs"}
    seen = ["/usr", "/etc", sys.base_prefix, sys.prefix, str(ROOT)]
    private = ["nosuid", "nodev", "mode=1777"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", **tmpfs, "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/shm", **tmpfs, "options": [*private, "size=65536k"]},
        {
            "destination": "/sys",
            "type": "none",
            "source": "/sys",
            "options": ["rbind", "ro", "nosuid", "noexec", "nodev"],
        },
        {"destination": "/tmp", **tmpfs, "options": [*private, "size=1g"]},
        *(
            {"destination": path, "type": "none", "source": path, "options": ["rbind", "ro"]}
            for path in dict.fromkeys(seen)
        ),
    ]


def _filter() -> dict[str, Any]:
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": list(REFUSED), "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            *(
                {
                    "names": ["clone"],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 1,
                    "args": [
                        {"index": 0, "value": bit, "valueTwo": bit, "op": "SCMP_CMP_MASKED_EQ"}
                    ],
                }
                for bit in (1 << n for n in range(32))
                if bit & CLONE_NEW
            ),
        ],
    }
