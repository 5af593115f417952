"""The composition root: one frozen BuildConfig in, a Core out.

The only module that imports every adapter. It is not imported by ``import notebook_agents``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir, jupyter_runtime_dir

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core, CorePorts
from notebook_agents.core.errors import Unsupported
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.policy import Level
from notebook_agents.core.ports import PasswordHasher
from notebook_agents.core.workloads import WorkloadPorts, Workloads
from notebook_agents.core.workspaces import Workspaces
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.remote import RemoteEngine
from notebook_agents.eventlog.segments import COLUMNS, hot_folder
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.optimization.tables import ParquetTables, TablePorts
from notebook_agents.optimization.workflow import OptimizationWorkflow, WorkflowPorts
from notebook_agents.relay.redis import RedisRelay
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.tools.headers import FileHeaders
from notebook_agents.tools.registry import Registry
from notebook_agents.webhooks.sender import HttpSender
from notebook_agents.webhooks.targets import Guard

HOME_VARIABLE = "NOTEBOOK_AGENTS_HOME"
DATABASE_VARIABLE = "NOTEBOOK_AGENTS_DATABASE_URL"
ALLOW_PRIVATE_VARIABLE = "NOTEBOOK_AGENTS_WEBHOOK_ALLOW_PRIVATE"
REDIS_VARIABLE = "NOTEBOOK_AGENTS_REDIS_URL"


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


def default_webhook_allow_private() -> bool:
    """Whether ``NOTEBOOK_AGENTS_WEBHOOK_ALLOW_PRIVATE`` is 1."""
    return os.environ.get(ALLOW_PRIVATE_VARIABLE, "") == "1"


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
    """Names of the tools to offer; None offers every installed one."""
    price_catalogue: str = ""
    """TOML file of GPU prices; empty is ``price_catalogue.toml`` in ``home``, else the shipped."""
    webhook_allow_private: bool = field(default_factory=default_webhook_allow_private)
    """Whether webhooks may be received in private networks and on this machine."""


class NoPasswords:
    """For cores without a door that takes passwords: no account can log in with one."""

    async def hash(self, password: str) -> str:  # noqa: ARG002
        """Refuse."""
        raise Unsupported("this deployment has no password login")

    async def verify(self, password: str, stored: str) -> bool:  # noqa: ARG002
        """Never."""
        return False


def build_core(
    config: BuildConfig,
    *,
    hasher: PasswordHasher | None = None,
    secret_keys: Callable[[], Sequence[bytes]] | None = None,
) -> Core:
    """Plug the adapters together. Blocks while the database is brought up to date.

    ``secret_keys`` are a server's, the newest first: they seal the secrets of webhooks, which only
    a process that has them can deliver.

    Nothing is started: engine worker and tool kernels start on first use. ``await core.start()``
    before using it, ``await core.aclose()`` at the end.
    """
    config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = config.database_url or f"sqlite:///{config.home / 'store.db'}"
    sandbox = _sandbox(config)
    ports = CorePorts(
        store=SqlStore.open(url, Holders(config.home / "holders")),
        event_log=JsonlEventLog(config.home),
        relay=_relay(config),
        engine=_engine(config),
        tools=Registry.from_entry_points(sandbox, config.tools),
        sandbox=sandbox,
        analytics=EventAnalytics(hot_folder(config.home), COLUMNS),
        clock=SystemClock(),
        hasher=hasher or NoPasswords(),
        workspaces=Workspaces(_workspaces(config), FileHeaders()),
        default_model=config.default_model,
        level=config.sandbox_level,
        webhook_sender=_webhook_sender(config, secret_keys),
    )
    return Core(_with_optimization(config, ports))


def _with_optimization(config: BuildConfig, ports: CorePorts) -> CorePorts:
    """The same ports with workloads, and the workflow that looks at them."""
    tables = ParquetTables(
        TablePorts(
            folder=config.home / "workloads",
            scratch=_workspaces(config),
            sandbox=ports.sandbox,
            level=config.sandbox_level,
        )
    )
    workflow = OptimizationWorkflow(
        WorkflowPorts(
            workloads=Workloads(WorkloadPorts(store=ports.store, clock=ports.clock, tables=tables)),
            tables=tables,
            analytics=ports.analytics,
            engine=ports.engine,
            clock=ports.clock,
            home=config.home,
            price_catalogue=config.price_catalogue,
        )
    )
    workflows = {**ports.workflows, workflow.name: workflow}
    return replace(ports, workload_tables=tables, workflows=workflows)


def _webhook_sender(
    config: BuildConfig, secret_keys: Callable[[], Sequence[bytes]] | None
) -> HttpSender | None:
    if secret_keys is None:
        return None
    return HttpSender(secret_keys, Guard(allow_private=config.webhook_allow_private))


def _relay(config: BuildConfig) -> RedisRelay | None:
    if not config.redis_url:
        return None
    return RedisRelay(config.redis_url, prefix=config.redis_prefix)


def _workspaces(config: BuildConfig) -> Path:
    return config.home / "workspaces"


def _sandbox(config: BuildConfig) -> KernelSandbox:
    return KernelSandbox(
        SandboxConfig(
            run_dir=config.home / "sandbox",
            fallback=config.sandbox_fallback,
            writable_root=_workspaces(config),
            private=(config.home, Path(jupyter_runtime_dir()), Path(jupyter_config_dir())),
        )
    )


def _engine(config: BuildConfig) -> RemoteEngine:
    return RemoteEngine(
        EngineConfig(
            run_dir=config.home / "engine",
            models=config.models,
            url=config.engine_url,
            token=config.engine_token,
            certificate=config.engine_certificate,
            device=config.engine_device,
            threads=config.engine_threads,
        )
    )
