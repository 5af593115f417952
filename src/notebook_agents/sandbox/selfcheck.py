"""Looks from outside whether a running kernel is confined as its plan says.

A mechanism can be there and do nothing: a wrapper in its place, a container that ignores it. What
the kernel of the machine says about the process is the answer to "was it really on?".
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.plan import LATE_FILTER, LaunchPlan

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapAmb")
FILTERED = "2"
"""``SECCOMP_MODE_FILTER``."""


def lacks_of(kernel_pid: int, plan: LaunchPlan, namespaces: Collection[str]) -> tuple[str, ...]:
    """What ought to be enforced on a kernel and is not."""
    ours, theirs = proctree.namespaces("self"), proctree.namespaces(kernel_pid)
    missing = [f"{name} namespace" for name in namespaces if theirs.get(name) == ours.get(name)]
    own, fields = proctree.status(os.getpid()), proctree.status(kernel_pid)
    if fields.get("NoNewPrivs") != "1":
        missing.append("no_new_privs")
    if _may_gain(fields, own, has_namespace="user" in namespaces):
        missing.append("dropped capabilities")
    expected = n_filters(own) + 1 + plan.is_alone
    for status in _threads(kernel_pid):
        if status.get("Seccomp") != FILTERED or n_filters(status, expected) < expected:
            missing.append(LATE_FILTER if plan.is_alone else "system call filter")
            break
    return tuple(missing)


def n_filters(status: dict[str, str], unknown: int = 0) -> int:
    """How many filters a process is under; Linux before 5.9 does not say."""
    return int(status.get("Seccomp_filters", unknown))


def _may_gain(fields: dict[str, str], own: dict[str, str], *, has_namespace: bool) -> bool:
    """Whether it has capabilities, or keeps ours in the set that bounds what it may get.

    An ordinary user cannot empty that set without a user namespace; there it bounds nothing that
    `no_new_privs` would let through.
    """
    held = any(int(fields.get(name, "1"), 16) for name in CAPABILITIES)
    bound = int(fields.get("CapBnd", "1"), 16)
    could_empty = has_namespace or int(own.get("CapEff", "0"), 16) != 0
    return held or bool(bound and could_empty)


def _threads(pid: int) -> list[dict[str, str]]:
    found = [proctree.status(pid)]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError, ValueError):
            found.append(proctree.status(int(task.name)))
    return found
