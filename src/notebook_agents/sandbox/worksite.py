"""What a kernel works on: the workspace itself, or copies of it: ready before, looked at after.

All functions block.
"""

from __future__ import annotations

from dataclasses import replace

from notebook_agents.core.folders import remove_folder
from notebook_agents.core.tools import SandboxCall
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.fileview import clear, protected_entries
from notebook_agents.sandbox.places import Places
from notebook_agents.sandbox.plan import LaunchPlan
from notebook_agents.sandbox.staging import Allowance, stage, take_back


def prepare(plan: LaunchPlan, config: SandboxConfig, places: Places) -> LaunchPlan:
    """Copy what a kernel for one call will see, or keep places free where code is to write."""
    if plan.is_staged:
        stage(plan, Allowance(config.stage_files, config.stage_bytes))
    elif plan.is_ours and plan.level != "low":
        kept = protected_entries(plan.workspace, plan.protected)
        if _has_places(plan):
            places.take(plan.workspace, plan.protected)
        return replace(plan, kept=kept)
    return plan


def put_away(plan: LaunchPlan, places: Places) -> None:
    """Once the kernel of a plan that was prepared is gone, or never came: leave nothing of it."""
    remove_folder(plan.run_dir)
    if _has_places(plan):
        places.leave(plan.workspace)


def _has_places(plan: LaunchPlan) -> bool:
    is_theirs = plan.is_staged or not plan.is_ours or plan.level == "low"
    return plan.mechanism.startswith("namespaces") and not is_theirs


def review(plan: LaunchPlan, config: SandboxConfig) -> tuple[str, ...]:
    """After a call: take back what was made, remove what must not stay; what was not kept."""
    if plan.is_staged:
        return take_back(plan, Allowance(config.stage_files, config.stage_bytes))
    if plan.is_ours and plan.level != "low":
        removed = clear(plan.workspace, plan.protected, plan.kept)
        return tuple(f"{name!r} was removed: a protected name" for name in removed)
    return ()


def inside(plan: LaunchPlan, call: SandboxCall) -> SandboxCall:
    """The call with the folder as the kernel knows it."""
    if not plan.is_staged:
        return call
    names = (call.workspace, str(plan.workspace))
    arguments = {
        name: str(plan.folder) if value in names else value
        for name, value in call.arguments.items()
    }
    return replace(call, arguments=arguments)
