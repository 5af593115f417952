"""Finds out which levels this machine can enforce, by really doing it once.

Version numbers and kernel options lie; starting an interpreter behind the real walls does not. The
mechanisms are tried in the order of the configuration until one works, or all for a doctor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.policy import Level
from notebook_agents.core.tools import LevelReport, MechanismReport
from notebook_agents.sandbox.backends import BACKENDS
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.plan import Launch, LaunchPlan
from notebook_agents.sandbox.promises import LOW_ENFORCES, LOW_MISSING, enforced, left_open

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
    trials: list[Trial] = []
    for name in config.backends:
        trials.append(_try(config, name))
        if trials[-1].works_for("high") and not everything:
            break
    return (_low(), _report("medium", trials), _report("high", trials))


def _low() -> LevelReport:
    is_available = hasattr(os, "pidfd_open")
    return LevelReport(
        level="low",
        is_available=is_available,
        backend="process" if is_available else "",
        enforces=LOW_ENFORCES if is_available else (),
        missing=LOW_MISSING if is_available else ("pidfd",),
        evidence="" if is_available else f"platform {sys.platform!r} has no pidfd",
        remedy="" if is_available else REMEDY_LINUX,
    )


def _report(level: Level, trials: list[Trial]) -> LevelReport:
    mechanisms = tuple(_mechanism(level, trial) for trial in trials)
    chosen = next((found for found in mechanisms if found.is_available), None)
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
        mechanisms=mechanisms,
    )


def _mechanism(level: Level, trial: Trial) -> MechanismReport:
    if trial.works_for(level):
        return MechanismReport(
            backend=trial.backend,
            is_available=True,
            enforces=enforced(level, trial.backend),
            missing=left_open(level, trial.backend),
            evidence="an interpreter was started behind its walls",
        )
    return MechanismReport(
        backend=trial.backend,
        is_available=False,
        missing=(trial.missing or "late system call filter",),
        evidence=trial.evidence or "the second filter of system calls does not hold",
        remedy=trial.remedy or REMEDY_SECCOMP,
    )


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
