"""Level ``low``: process isolation — not a sandbox.

The kernel is a process of its own with a clean environment, limits and a scratch home, and it ends
with everything it started. Nothing keeps it from the account's files or from the network.
"""

from __future__ import annotations

from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.plan import Launch, LaunchPlan, Scratch


class ProcessBackend:
    """Runs the kernel as an ordinary process."""

    name = "process"
    has_own_network = False

    def prepare(self, plan: LaunchPlan, command: list[str]) -> Launch:
        """The command as it is, with a home and a temporary folder of its own."""
        home, tmp = plan.run_dir / "home", plan.run_dir / "tmp"
        for folder in (home, tmp):
            folder.mkdir(mode=0o700)
        return Launch(argv=command, env=Scratch(str(home), str(tmp)).environment())

    def find_kernel(self, launch: Launch, guard_pid: int) -> int | None:  # noqa: ARG002
        """The guard's first child."""
        return next(iter(proctree.children(guard_pid)), None)

    def verify(self, kernel_pid: int, plan: LaunchPlan) -> tuple[str, ...]:  # noqa: ARG002
        """Privileges must be given up for good."""
        return () if proctree.status(kernel_pid).get("NoNewPrivs") == "1" else ("no_new_privs",)
