"""What a deployment can decide about a core, and where it says so in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jupyter_core.paths import jupyter_data_dir

from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.policy import Level
from notebook_agents.core.web import OutboundConfig

HOME_VARIABLE = "NOTEBOOK_AGENTS_HOME"
DATABASE_VARIABLE = "NOTEBOOK_AGENTS_DATABASE_URL"
ALLOW_PRIVATE_VARIABLE = "NOTEBOOK_AGENTS_WEBHOOK_ALLOW_PRIVATE"
REDIS_VARIABLE = "NOTEBOOK_AGENTS_REDIS_URL"
BUDGET_VARIABLE = "NOTEBOOK_AGENTS_BUDGET_USD_PER_DAY"
DASK_VARIABLE = "DASK_SCHEDULER_ADDRESS"
"""Dask's own."""
OUTBOUND_VARIABLE = "NOTEBOOK_AGENTS_OUTBOUND"
"""A server's own decisions, for the kernels and executions that it starts."""


def default_home() -> Path:
    """Where data is kept: ``NOTEBOOK_AGENTS_HOME``, else a folder in Jupyter's data folder."""
    named = os.environ.get(HOME_VARIABLE)
    return (
        Path(named).expanduser().absolute()
        if named
        else Path(jupyter_data_dir(), "notebook-agents")
    )


def default_database_url() -> str:
    """``NOTEBOOK_AGENTS_DATABASE_URL``, else empty: SQLite in the home folder."""
    return os.environ.get(DATABASE_VARIABLE, "")


def default_redis_url() -> str:
    """``NOTEBOOK_AGENTS_REDIS_URL``, else empty: nothing is shared between servers."""
    return os.environ.get(REDIS_VARIABLE, "")


def default_budget() -> float | None:
    """``NOTEBOOK_AGENTS_BUDGET_USD_PER_DAY``, else none."""
    given = os.environ.get(BUDGET_VARIABLE, "")
    return float(given) if given else None


def default_dask_scheduler() -> str:
    """``DASK_SCHEDULER_ADDRESS``, else empty: tasks run on this machine."""
    return os.environ.get(DASK_VARIABLE, "")


def default_webhook_allow_private() -> bool:
    """Whether ``NOTEBOOK_AGENTS_WEBHOOK_ALLOW_PRIVATE`` is 1."""
    return os.environ.get(ALLOW_PRIVATE_VARIABLE, "") == "1"


def default_outbound() -> OutboundConfig:
    """What the server that started this process opens; nothing but the web without one."""
    return OutboundConfig.read(os.environ.get(OUTBOUND_VARIABLE, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildConfig:
    """Everything a deployment can decide about a core."""

    home: Path = field(default_factory=default_home)
    """Database, events, workspaces and secrets are kept here."""
    database_url: str = field(default_factory=default_database_url)
    """SQLAlchemy URL; empty is SQLite in ``home``."""
    redis_url: str = field(default_factory=default_redis_url)
    """What several servers share at once; empty is the memory of this process."""
    redis_prefix: str = "notebook-agents"
    """What the names of all keys in Redis begin with."""
    default_model: str = BUNDLED_MODEL
    """The model of agents that name none."""
    models: tuple[str, ...] = ()
    """Local folders or hub ids of models to offer beside the built-in ones."""
    providers: tuple[str, ...] | None = None
    """Who else serves models: ``openai``, or ``name=url``; None takes those whose key is in the
    environment."""
    engine_url: str = ""
    """An engine that already runs; empty starts a worker on first use."""
    engine_token: str = ""
    """Bearer token for ``engine_url``."""
    engine_certificate: str = ""
    """PEM file that an https ``engine_url`` must match; empty trusts the system's authorities."""
    engine_device: str = "auto"
    """A torch device, or ``auto``."""
    engine_threads: int = 0
    """CPU threads of the worker; 0 leaves one core to everybody else."""
    sandbox_level: Level = "medium"
    """The least level at which tools run."""
    sandbox_fallback: Level | Literal[""] = ""
    """The level to use where another cannot be enforced; empty refuses instead."""
    tools: tuple[str, ...] | None = None
    sandbox_protected: tuple[str, ...] | None = None
    """Names in writable working folders that code may neither make nor change; None is ours."""
    sandbox_allow_soft_memory: bool = True
    """Whether ``medium`` may run where the limit of memory is only watched."""
    sandbox_calls_per_user: int = 8
    """Tool calls of one user that run at once."""
    sandbox_disk_bytes: int = 1 << 30
    """What one tool kernel may write into its workspace."""
    sandbox_zygote: Literal["off", "on", "auto"] = "auto"
    """Whether tool kernels are forked from a process that has imported what they need."""
    sandbox_remote: str = ""
    """The name of a kernel provisioner for tool kernels; empty starts them here."""
    sandbox_remote_level: Level = "low"
    """Up to which level it is declared to confine."""
    """Names of the tools to offer; None offers every installed one."""
    budget_usd_per_day: float | None = field(default_factory=default_budget)
    """What everybody who has not set another budget may spend in a day (UTC) before they are
    warned; None warns nobody."""
    price_catalogue: str = ""
    """TOML file of GPU prices; empty is ``price_catalogue.toml`` in ``home``, else the shipped."""
    personas_dir: str = ""
    """Folder of personas of the deployment's own; empty is ``personas`` in ``home``."""
    max_upload_bytes: int = 100 * 1024 * 1024
    """Of one file given to a conversation."""
    upload_quota_bytes: int = 1024 * 1024 * 1024
    """Of all such files of one owner."""
    upload_keep_days: float = 7.0
    """Then they are removed; 0 keeps them."""
    events_compact_s: float = 900.0
    """How often a server compacts the log of events; 0 leaves that to the command line."""
    events_keep_days: float = 0.0
    """After how many days events are removed; 0 keeps them."""
    events_archive: str = ""
    """Folder or address of compacted events, as fsspec understands it; empty is in ``home``."""
    events_memory_mb: float = 500.0
    """What one question about events may take before it uses the disk."""
    events_redaction: tuple[str, ...] = ()
    """What every export leaves out; see `core.exports.Redaction`."""
    mcp_allow_private: bool = False
    """Whether tool servers may be in private networks and on this machine."""
    mcp_commands: tuple[str, ...] = ()
    """Command lines that others than administrators may register as tool servers."""
    mcp_folders: tuple[str, ...] = ()
    """What programs of tool servers may read beside their own; behind ``:rw`` also write."""
    mcp_network: bool = True
    """Whether programs of tool servers have the network."""
    mcp_unconfined: bool = False
    """Whether they are started also where no namespaces keep them in."""
    task_workers: int = 2
    """Notebooks of tasks that run at once."""
    dask_scheduler: str = field(default_factory=default_dask_scheduler)
    """The Dask cluster that notebooks of tasks run on; empty is this machine."""
    task_folder: str = ""
    """Where the notebooks are that tasks may run; empty is the folder this process works in."""
    otel_endpoint: str = ""
    """Address of a collector of OpenTelemetry; empty is what the environment says, or none."""
    otel_content: bool = False
    """Whether it is told what models and tools wrote."""
    webhook_allow_private: bool = field(default_factory=default_webhook_allow_private)
    """Whether webhooks may be received in private networks and on this machine."""
    outbound: OutboundConfig = field(default_factory=default_outbound)
    """What may be reached: pages of the web, a search, hosts for code in tool kernels."""
