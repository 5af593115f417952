"""Which limits hold for a kernel, and how: control group, sealed process, or watchdog."""

from __future__ import annotations

from notebook_agents.confinement.cgroups import Group
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.sandbox.bubblewrap import TMP
from notebook_agents.sandbox.disk import DiskWatch
from notebook_agents.sandbox.plan import REMOTE, LaunchPlan

TASKS_AROUND_KERNEL = 8
"""What the mechanism itself may add to the processes of a kernel."""
TASKS_WITHOUT_NAMESPACE = 512
REMEDY_GROUPS = (
    "let the server write to its control group "
    "(systemd 254 or later: Delegate=memory pids and DelegateSubgroup=server)"
)
REMEDY = f"{REMEDY_GROUPS}, or allow the watchdog with sandbox_allow_soft_memory"


def memory_enforcement(plan: LaunchPlan) -> str:
    """How the memory limit of a kernel is kept."""
    if plan.mechanism == REMOTE:
        return REMOTE
    if plan.groups is not None:
        return "cgroup"
    return "sealed-rlimit" if plan.is_alone else "watchdog"


def max_tasks(plan: LaunchPlan) -> int:
    """Processes and threads that a kernel and what is around it may have together."""
    return TASKS_WITHOUT_NAMESPACE if plan.level == "low" else plan.max_tasks


def make_group(plan: LaunchPlan) -> Group:
    """The control group of a kernel, named after its folder; those of a dead server are found so.

    Raises:
        SandboxUnavailable: it worked when the server began and does not any more.
    """
    assert plan.groups is not None
    name = f"{plan.run_dir.parent.name}-{plan.run_dir.name}"
    try:
        return plan.groups.make(name, plan.memory_bytes, max_tasks(plan))
    except OSError as error:
        raise SandboxUnavailable(
            f"no control group can be made for a tool kernel: {error}",
            requested_level=plan.level,
            missing=["cgroup"],
            evidence=str(error),
        ) from error


def disk_watch(plan: LaunchPlan, root: str) -> DiskWatch:
    """What is written into the folders that have no size of their own; ``root`` is the kernel's."""
    has_scratch = plan.mechanism.startswith("namespaces")
    return DiskWatch(
        folders=(plan.run_dir, *plan.quotas),
        max_bytes=plan.max_disk_bytes,
        max_files=plan.max_files,
        scratch=f"{root}{TMP}" if has_scratch else "",
    )


def require_hard_memory(plan: LaunchPlan, *, allow_soft: bool) -> None:
    """Refuse a plan whose memory limit is only watched where that is not enough.

    Raises:
        SandboxUnavailable: neither a control group nor a sealed process keeps the limit.
    """
    is_enough = plan.level == "low" or (plan.level == "medium" and allow_soft)
    if is_enough or memory_enforcement(plan) != "watchdog":
        return
    raise SandboxUnavailable(
        f"Level {plan.level!r} needs a hard memory limit, which this machine does not give "
        f"(control groups cannot be written). To mend it: {REMEDY}.",
        requested_level=plan.level,
        missing=["hard memory limit"],
        evidence="control groups cannot be written",
        remedy=REMEDY,
    )
