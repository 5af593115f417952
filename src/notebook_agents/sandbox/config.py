"""What a deployment decides about its tool kernels, and the limits of one call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from notebook_agents.confinement.protected import PROTECTED
from notebook_agents.core.policy import Level

if TYPE_CHECKING:
    from notebook_agents.sandbox.egress import Egress

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """How tool kernels are started and when they end."""

    run_dir: Path
    """Folder for sockets and scratch; one private folder below it per server process."""
    floor: Level = "low"
    """No call runs below this level."""
    fallback: Level | Literal[""] = ""
    """The level to use instead of one that cannot be enforced; empty refuses."""
    writable_root: Path | None = None
    """Workspaces below this folder may be written to at ``medium``; all others are read-only."""
    private: tuple[Path, ...] = ()
    """Folders that a sandbox never sees, should they lie in a workspace; hidden ones never are."""
    packages: tuple[str, ...] = ("notebook_agents",)
    """Import packages a sandboxed kernel may read besides the interpreter's own."""
    idle_ttl_s: float = 600.0
    start_timeout_s: float = 30.0
    max_kernels: int = 16
    """Beyond it the kernel that was idle longest is ended."""
    max_file_bytes: int = 256 * MIB
    scratch_bytes: int = 256 * MIB
    """Size of the temporary folder at ``medium``."""
    max_tasks: int = 64
    """Processes and threads of one kernel at ``medium``."""
    max_disk_bytes: int = 1024 * MIB
    """What one kernel may add to folders without a size of their own, such as its workspace."""
    max_files: int = 100_000
    """How many files and folders, the same way."""
    allow_soft_memory: bool = True
    """Whether ``medium`` may run where the memory limit is only watched, as on a laptop."""
    max_calls_per_owner: int = 8
    """Calls of one user that run at once; more wait."""
    max_waiting_per_owner: int = 64
    """Beyond it a call is refused."""
    zygote: Literal["off", "on", "auto"] = "off"
    """Whether kernels are forked from a process that has imported what they need. There is one for
    each owner: from the first kernel on, or when an owner starts a second one soon (``auto``)."""
    zygote_ttl_s: float = 600.0
    """How long one lives unused, and how soon a second kernel has to come."""
    max_zygotes: int = 4
    """Each holds about 60 MiB; beyond it the one that was used least recently is ended."""
    remote: str = ""
    """The name of a kernel provisioner that starts tool kernels elsewhere; empty for none."""
    remote_level: Level = "low"
    """Up to which level it is declared to confine; kernels of these levels are its."""
    bwrap: str = "bwrap"
    """Name or path of bubblewrap."""
    backends: tuple[str, ...] = ("namespaces", "namespaces-noproc", "landlock")
    """Mechanisms of ``medium`` and ``high`` in the order in which they are tried."""
    protected: tuple[str, ...] = PROTECTED
    """Names in a writable workspace that code may neither make nor change; ``*`` stands for any."""
    stage_bytes: int = 256 * MIB
    """What may be copied for one call at ``high``, and what may come back from it."""
    stage_files: int = 2000
    """How many files, the same way."""
    egress: Egress | None = None
    """What lets code reach some hosts; None lets it reach none."""


@dataclass(frozen=True, slots=True)
class OutputBudget:
    """How much of what a kernel says is listened to in one call."""

    text_chars: int = MIB
    """What is told of what a call prints; of more, the beginning and the end."""
    end_chars: int = 64 * 1024
    file_chars: int = 4 * MIB
    """What a call may print where all of it can be kept in a file; elsewhere ``text_chars``."""
    n_messages: int = 10_000
    message_bytes: int = 8 * MIB
    shown_bytes: int = 64 * MIB
    """Everything a call displays, kept or not; beyond it the code is stopped."""
    n_figures: int = 20
    figure_bytes: int = MIB
    """All figures of a call together."""
    image_bytes: int = MIB // 2
    """One picture, before it is written as text."""
    n_violations: int = 3
    """Malformed or forged messages after which the kernel is ended."""
