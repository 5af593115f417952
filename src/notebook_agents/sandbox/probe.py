"""Finds out which levels this machine can enforce, by really doing it once.

Version numbers and kernel options lie; running bubblewrap with the real list of mounts does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.tools import LevelReport
from notebook_agents.sandbox.bubblewrap import NamespaceBackend
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.plan import LaunchPlan

PROBE_SECONDS = 20.0
LOW_ENFORCES = (
    "own process, ended with everything it started",
    "wall-clock timeout",
    "output limit",
    "clean environment",
    "no new privileges, no core dumps",
    "memory limit (rlimit and watchdog)",
    "file size limit",
)
LOW_MISSING = ("files", "network", "other processes", "system calls", "disk quota")
MEDIUM_ENFORCES = (
    *LOW_ENFORCES,
    "own view of the files: interpreter and workspace only",
    "no network",
    "own process, IPC and host name spaces",
    "no capabilities",
    "limited scratch space",
)
MEDIUM_MISSING = (
    "system call filter",
    "hard memory limit (cgroup)",
    "protected paths in a writable workspace",
    "disk quota of the workspace and of the folder of the sockets",
)
HIGH_MISSING = (
    "kernel of a single use",
    "late system call lock-down",
    "hard memory limit (cgroup or sealed rlimit)",
)
REMEDY_BWRAP = "install bubblewrap (Debian, Ubuntu: apt install bubblewrap)"
REMEDY_NAMESPACES = (
    "allow unprivileged user namespaces: on Ubuntu load the AppArmor profile "
    "bwrap-userns-restrict, in a pod use hostUsers: false with procMount: Unmasked"
)
REMEDY_LINUX = "run the server on Linux, or in WSL2 on Windows"


def probe(config: SandboxConfig) -> tuple[LevelReport, ...]:
    """One report for each level, weakest first; blocks."""
    return (_low(), _medium(config), _high())


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


def _medium(config: SandboxConfig) -> LevelReport:
    missing, evidence, remedy = _try_bwrap(config)
    if missing:
        return LevelReport(
            level="medium",
            is_available=False,
            missing=(missing,),
            evidence=evidence,
            remedy=remedy,
        )
    return LevelReport(
        level="medium",
        is_available=True,
        backend=NamespaceBackend.name,
        enforces=MEDIUM_ENFORCES,
        missing=MEDIUM_MISSING,
    )


def _high() -> LevelReport:
    return LevelReport(
        level="high",
        is_available=False,
        missing=HIGH_MISSING,
        evidence="level 'high' is not built yet",
        remedy="use level 'medium'",
    )


def _try_bwrap(config: SandboxConfig) -> tuple[str, str, str]:
    """What is missing, the evidence and the remedy; all empty when bubblewrap works."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return "linux", f"platform {sys.platform!r}", REMEDY_LINUX
    if shutil.which(config.bwrap) is None:
        return "bubblewrap", f"no program {config.bwrap!r} on the PATH", REMEDY_BWRAP
    with tempfile.TemporaryDirectory(prefix="nba-probe-") as folder:
        try:
            completed = _run_once(config, Path(folder))
        except SandboxUnavailable as refusal:
            return str(refusal.details.get("missing", ["view"])[0]), refusal.message, ""
        except (OSError, subprocess.TimeoutExpired) as error:
            return "bubblewrap", str(error), REMEDY_BWRAP
    if completed.returncode != 0:
        lines = completed.stderr.decode(errors="replace").strip().splitlines()
        return "user namespaces", (lines or ["bubblewrap failed"])[0], REMEDY_NAMESPACES
    return "", "", ""


def _run_once(config: SandboxConfig, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Start the interpreter in the view that a kernel gets."""
    plan = LaunchPlan(
        level="medium",
        run_dir=folder,
        workspace=folder,
        packages=config.packages,
        bwrap=config.bwrap,
    )
    launch = NamespaceBackend().prepare(plan, [sys.executable, "-I", "-S", "-c", "pass"])
    try:
        return subprocess.run(  # noqa: S603 - our own argv, no shell
            launch.argv,
            env=launch.env,
            pass_fds=launch.fds,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    finally:
        for fd in (*launch.fds, launch.info_fd):
            os.close(fd)
