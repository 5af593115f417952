"""Finds out which levels this machine can enforce, by really doing it once.

Version numbers and kernel options lie; starting an interpreter behind the real walls does not. The
mechanisms are tried in the order of the configuration until one works, or all for a doctor. So are
control groups: without them some mechanisms have no hard limit of memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from notebook_agents.confinement import cgroups
from notebook_agents.confinement.cgroups import ControlGroups
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.policy import Level
from notebook_agents.core.tools import LevelReport, MechanismReport
from notebook_agents.sandbox.backends import BACKENDS
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.limits import (
    REMEDY_GROUPS,
    memory_enforcement,
    require_hard_memory,
)
from notebook_agents.sandbox.plan import Launch, LaunchPlan
from notebook_agents.sandbox.promises import MEMORY, enforced, left_open

PROBE_SECONDS = 20.0
SEAL_CHECK = str(Path(__file__).resolve().with_name("seal_check.py"))
REMEDY_BWRAP = "install bubblewrap (Debian, Ubuntu: apt install bubblewrap)"
REMEDY_NAMESPACES = (
    "allow unprivileged user namespaces: on Ubuntu load the AppArmor profile "
    "bwrap-userns-restrict, in a pod use hostUsers: false with procMount: Unmasked"
)
REMEDY_PROC = "not needed where the next mechanism works; in a pod use procMount: Unmasked"
REMEDY_LANDLOCK = "use Linux 6.2 or later with Landlock switched on (lsm=landlock,… at its start)"
REMEDY_SECCOMP = "let the container install filters of system calls (seccomp)"
REMEDY_LINUX = "run the server on Linux, or in WSL2 on Windows"


@dataclass(frozen=True, slots=True)
class Trial:
    """How one mechanism did."""

    backend: str
    missing: str = ""
    """What it lacks; empty when it works."""
    evidence: str = ""
    remedy: str = ""
    is_sealed: bool = True
    """Whether the second filter held, which `high` needs everywhere and landlock always."""

    def works_for(self, level: Level) -> bool:
        """Whether the level can stand on it."""
        needs_seal = level == "high" or self.backend == "landlock"
        return not self.missing and (self.is_sealed or not needs_seal)


def probe(config: SandboxConfig, *, everything: bool = False) -> tuple[LevelReport, ...]:
    """One report for each level, weakest first; blocks.

    Mechanisms behind the first one that works are tried only when everything is asked for.
    """
    groups = cgroups.find()
    medium: list[MechanismReport] = []
    high: list[MechanismReport] = []
    for name in config.backends:
        trial = _try(config, name)
        medium.append(_mechanism(config, groups, "medium", trial))
        high.append(_mechanism(config, groups, "high", trial))
        if medium[-1].is_available and high[-1].is_available and not everything:
            break
    return (_low(config, groups), _report("medium", medium), _report("high", high))


def _low(config: SandboxConfig, groups: ControlGroups | None) -> LevelReport:
    if not hasattr(os, "pidfd_open"):
        return LevelReport(
            level="low",
            is_available=False,
            missing=("pidfd",),
            evidence=f"platform {sys.platform!r} has no pidfd",
            remedy=REMEDY_LINUX,
        )
    memory = memory_enforcement(_plan(config, "low", "process", groups))
    return LevelReport(
        level="low",
        is_available=True,
        backend="process",
        enforces=enforced("low", "process", memory),
        missing=left_open("low", "process", memory),
        remedy="" if memory in MEMORY else REMEDY_GROUPS,
    )


def _report(level: Level, found: list[MechanismReport]) -> LevelReport:
    mechanisms = tuple(found)
    chosen = next((each for each in mechanisms if each.is_available), None)
    if chosen is None:
        return LevelReport(
            level=level,
            is_available=False,
            missing=tuple(dict.fromkeys(word for m in mechanisms for word in m.missing)),
            evidence="; ".join(dict.fromkeys(m.evidence for m in mechanisms)),
            remedy=", or ".join(dict.fromkeys(m.remedy for m in mechanisms if m.remedy)),
            mechanisms=mechanisms,
        )
    return LevelReport(
        level=level,
        is_available=True,
        backend=chosen.backend,
        has_children=level != "high" and chosen.backend != "landlock",
        enforces=chosen.enforces,
        missing=chosen.missing,
        remedy=chosen.remedy,
        mechanisms=mechanisms,
    )


def _mechanism(
    config: SandboxConfig, groups: ControlGroups | None, level: Level, trial: Trial
) -> MechanismReport:
    if trial.works_for(level):
        plan = _plan(config, level, trial.backend, groups)
        memory = memory_enforcement(plan)
        try:
            require_hard_memory(plan, allow_soft=config.allow_soft_memory)
        except SandboxUnavailable as refusal:
            trial = _refused(trial, refusal)
        else:
            return MechanismReport(
                backend=trial.backend,
                is_available=True,
                enforces=enforced(level, trial.backend, memory),
                missing=left_open(level, trial.backend, memory),
                evidence="an interpreter was started behind its walls",
                remedy="" if memory in MEMORY else REMEDY_GROUPS,
            )
    return MechanismReport(
        backend=trial.backend,
        is_available=False,
        missing=(trial.missing or "late system call filter",),
        evidence=trial.evidence or "the second filter of system calls does not hold",
        remedy=trial.remedy or REMEDY_SECCOMP,
    )


def _plan(
    config: SandboxConfig, level: Level, backend: str, groups: ControlGroups | None
) -> LaunchPlan:
    """What a kernel would be; only asked about, never started."""
    folder = config.run_dir
    return LaunchPlan(level=level, run_dir=folder, workspace=folder, backend=backend, groups=groups)


def _refused(trial: Trial, refusal: SandboxUnavailable) -> Trial:
    told = refusal.details
    return Trial(trial.backend, told["missing"][0], told["evidence"], told["remedy"])


def _try(config: SandboxConfig, backend: str) -> Trial:
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return Trial(backend, "linux", f"platform {sys.platform!r}", REMEDY_LINUX)
    is_bwrap = backend.startswith("namespaces")
    if is_bwrap and shutil.which(config.bwrap) is None:
        return Trial(
            backend, "bubblewrap", f"no program {config.bwrap!r} on the PATH", REMEDY_BWRAP
        )
    parent = config.run_dir if config.run_dir.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="probe-", dir=parent) as folder:
        try:
            completed = _run_once(config, backend, Path(folder).resolve())
        except SandboxUnavailable as refusal:
            missing = str(refusal.details.get("missing", ["view"])[0])
            return Trial(backend, missing, refusal.message, REMEDY_BWRAP if is_bwrap else "")
        except (OSError, subprocess.TimeoutExpired) as error:
            missing = "bubblewrap" if is_bwrap else "landlock"
            return Trial(backend, missing, str(error), REMEDY_BWRAP if is_bwrap else "")
    if completed.returncode != 0:
        lines = completed.stderr.decode(errors="replace").strip().splitlines()
        if is_bwrap:
            evidence = (lines or ["bubblewrap failed"])[0]
            if "mount proc" in evidence:
                return Trial(backend, "/proc of its own", evidence, REMEDY_PROC)
            return Trial(backend, "user namespaces", evidence, REMEDY_NAMESPACES)
        return Trial(backend, "landlock", (lines or ["it failed"])[-1], REMEDY_LANDLOCK)
    return Trial(backend, is_sealed=completed.stdout.strip() == b"sealed")


def _run_once(
    config: SandboxConfig, backend: str, folder: Path
) -> subprocess.CompletedProcess[bytes]:
    """Start the interpreter in the view that a kernel gets."""
    workspace = folder / "workspace"
    plan = LaunchPlan(
        level="medium",
        run_dir=folder,
        workspace=workspace,
        packages=config.packages,
        bwrap=config.bwrap,
        backend=backend,
    )
    for path in (workspace, plan.socket_folder):
        path.mkdir()
    launch = BACKENDS[backend].prepare(plan, [sys.executable, "-I", "-S", SEAL_CHECK])
    return _run(launch, workspace)


def _run(launch: Launch, folder: Path) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - our own argv, no shell
            launch.argv,
            env=launch.env,
            cwd=folder,
            pass_fds=launch.fds,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    finally:
        for fd in (*launch.fds, launch.info_fd):
            if fd >= 0:
                os.close(fd)
