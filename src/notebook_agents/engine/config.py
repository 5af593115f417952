"""How the engine is set up: what the serving side asks for, and what the worker is told.

`EngineConfig` belongs to the process that needs answers, `WorkerConfig` to the one that gives them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Which engine to use: one started here on first use, or one that already runs."""

    run_dir: Path
    """Folder for the worker's log and sockets; made with mode 0700."""
    models: tuple[str, ...] = ()
    """Local folders or hub ids offered beside the built-in and the recommended models."""
    url: str = ""
    """``http(s)://…`` or ``unix:/path`` of a running engine; empty starts a worker.

    It is asked directly: proxies of the environment (``HTTP_PROXY``, ``.netrc``) are not used, for
    they would see the token.
    """
    token: str = ""
    """Bearer token for ``url``."""
    certificate: str = ""
    """PEM file with the certificate of an ``https`` engine: when set, the only one trusted, and on
    a loopback host under any name."""
    device: str = "auto"
    """A torch device, or ``auto``: CUDA where there is one, else the CPU."""
    threads: int = 0
    """CPU threads of the worker; 0 leaves one core to everybody else."""
    start_timeout_s: float = 120
    """How long a worker may take until it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """What one worker process serves."""

    models: tuple[str, ...] = ()
    device: str = "auto"
    threads: int = 0


def n_threads(wanted: int) -> int:
    """The thread count to use: cores - 1, at least one, unless a number is given.

    Two OpenMP threads beside another busy process were measured 2-3 times slower than one.
    """
    if wanted > 0:
        return wanted
    if hasattr(os, "sched_getaffinity"):
        n_cores = len(os.sched_getaffinity(0))
    else:
        n_cores = os.cpu_count() or 1
    return max(1, n_cores - 1)
