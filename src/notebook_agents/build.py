"""The composition root: one frozen BuildConfig in, a Core out.

The only module that imports every adapter. It is not imported by ``import notebook_agents``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from jupyter_core.paths import jupyter_config_dir, jupyter_runtime_dir

from notebook_agents.attachments.extracting import TIMEOUT_S, Extractor
from notebook_agents.attachments.files import AttachmentFolder
from notebook_agents.attachments.index import VectorFiles
from notebook_agents.attachments.pages import PAGE_TIMEOUT_S, ExtractingReader
from notebook_agents.build_log import log_parts
from notebook_agents.confinement.protected import PROTECTED
from notebook_agents.core.archive_files import ArchiveFiles
from notebook_agents.core.attachments import AttachmentLimits
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core, CorePorts
from notebook_agents.core.errors import Unsupported
from notebook_agents.core.executors import Executor
from notebook_agents.core.ports import PasswordHasher, Sandbox
from notebook_agents.core.redaction import Redactor
from notebook_agents.core.retrieval import Retrieval, RetrievalPorts
from notebook_agents.core.tools import LevelReport
from notebook_agents.core.web import OutboundConfig
from notebook_agents.core.workloads import WorkloadPorts, Workloads
from notebook_agents.core.workspaces import Workspaces
from notebook_agents.deployment import (
    ALLOW_PRIVATE_VARIABLE,
    DASK_VARIABLE,
    DATABASE_VARIABLE,
    HOME_VARIABLE,
    OUTBOUND_VARIABLE,
    REDIS_VARIABLE,
    BuildConfig,
    default_budget,
    default_dask_scheduler,
    default_database_url,
    default_home,
    default_redis_url,
    default_webhook_allow_private,
)
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.embedding import EngineEmbedder, embedding_folder
from notebook_agents.engine.remote import RemoteEngine
from notebook_agents.engine.trust import trust_for
from notebook_agents.mcp.host import McpHost
from notebook_agents.mcp.lent import LentMcpHost, ServerWay
from notebook_agents.mcp.programs import Worlds
from notebook_agents.mcp.walls import View
from notebook_agents.optimization.tables import ParquetTables, TablePorts
from notebook_agents.optimization.workflow import OptimizationWorkflow, WorkflowPorts
from notebook_agents.outbound.ways import WaysOut
from notebook_agents.pricing.genai import GenaiPriceList
from notebook_agents.providers.choice import with_providers
from notebook_agents.providers.config import read_providers
from notebook_agents.relay.redis import RedisRelay
from notebook_agents.reports.files import ProcessReports
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.probe import probe
from notebook_agents.sandbox.rundir import sweep
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.tasks.dask import DaskExecutor
from notebook_agents.tasks.processes import ProcessExecutor
from notebook_agents.tasks.runner import PapermillRunner, TasksConfig
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.telemetry.opening import collector_words, header_secrets, open_telemetry
from notebook_agents.tools.headers import FileHeaders
from notebook_agents.tools.registry import Registry
from notebook_agents.tools.search_uploads import NAME as SEARCH_UPLOADS
from notebook_agents.tools.search_uploads import make_search_uploads
from notebook_agents.tools.web_fetch import make_web_fetch
from notebook_agents.tools.web_search import make_web_search
from notebook_agents.webhooks.sender import HttpSender
from notebook_agents.webhooks.signatures import SealedSecrets

__all__ = [
    "ALLOW_PRIVATE_VARIABLE",
    "DASK_VARIABLE",
    "DATABASE_VARIABLE",
    "HOME_VARIABLE",
    "REDIS_VARIABLE",
    "BuildConfig",
    "OutboundConfig",
    "build_core",
    "check_providers",
    "collector_words",
    "default_budget",
    "default_dask_scheduler",
    "default_database_url",
    "default_home",
    "default_redis_url",
    "default_webhook_allow_private",
]


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
    server: str = "",
) -> Core:
    """Plug the adapters together. Blocks while the database is brought up to date.

    ``secret_keys`` are a server's, the newest first: they seal the secrets of webhooks, which only
    a process that has them can deliver. ``server`` is the address of the one whose kernel this is;
    it uses tool servers for it, and knows ``engine_token`` and has ``engine_certificate``.

    Nothing is started: engine worker and tool kernels start on first use. ``await core.start()``
    before using it, ``await core.aclose()`` at the end.
    """
    ports = replace(
        _plain_ports(config),
        hasher=hasher or NoPasswords(),
        webhook_sender=_webhook_sender(config, secret_keys),
        tool_servers=_tool_servers(config, secret_keys, server),
        is_server=secret_keys is not None,
    )
    if secret_keys is not None:  # of all processes with this log, a server tells what happens
        telemetry = open_telemetry(
            config.home, config.otel_endpoint, has_content=config.otel_content
        )
        ports = replace(ports, telemetry=telemetry)
    ports = _with_tasks(config, _with_optimization(config, ports))
    ports = ports if secret_keys is None else _with_attachments(config, ports)
    # Behind a server its engine knows the providers, and their keys stay there.
    if not config.engine_url:
        ports = replace(ports, engine=with_providers(ports.engine, config.providers, config.models))
    return Core(ports)


def check_providers(entries: Sequence[str]) -> None:
    """Raise InvalidRequest for an entry of ``BuildConfig.providers`` that means nothing."""
    read_providers(entries, {})


def _plain_ports(config: BuildConfig) -> CorePorts:
    """What every process has, whether it is a server or not."""
    sandbox, log = _sandbox(config), log_parts(config)
    return CorePorts(
        store=_store(config),
        event_log=log.event_log,
        relay=_relay(config),
        engine=_engine(config),
        tools=_tools(config, sandbox),
        sandbox=sandbox,
        analytics=log.analytics,
        exporter=log.exporter,
        log_keeping=log.keeping,
        log_policy=log.policy,
        clock=SystemClock(),
        timetable=CronTimetable(),
        hasher=NoPasswords(),
        workspaces=Workspaces(_workspaces(config), FileHeaders()),
        archive_files=ArchiveFiles(config.home / "archives"),
        default_model=config.default_model,
        level=config.sandbox_level,
        report_files=ProcessReports(config.home / "reports"),
        budget_usd_per_day=config.budget_usd_per_day,
        price_list=GenaiPriceList(),
        personas_folder=_personas(config),
        tool_commands=config.mcp_commands,
        redactor=_redactor(config),
    )


def _redactor(config: BuildConfig) -> Redactor:
    """Knows the secrets of the environment and of the settings."""
    redactor = Redactor.of_process()
    redactor.learn(config.engine_token, config.database_url, config.redis_url)
    redactor.learn(config.otel_endpoint, *header_secrets())
    return redactor


def _tools(config: BuildConfig, sandbox: KernelSandbox) -> Registry:
    """What is installed, and what needs a way out besides."""
    ways = WaysOut(config.outbound)
    reader = ExtractingReader(_extractor(config, sandbox, timeout_s=PAGE_TIMEOUT_S))
    found = [make_web_fetch(ways.to_pages(), reader)]
    if (search := ways.to_search()) is not None:
        found.append(make_web_search(search))
    wanted = [tool for tool in found if config.tools is None or tool.spec.name in config.tools]
    return Registry.from_entry_points(sandbox, config.tools).including(*wanted)


def _extractor(config: BuildConfig, sandbox: Sandbox, timeout_s: float = TIMEOUT_S) -> Extractor:
    return Extractor(
        scratch=_workspaces(config),
        sandbox=sandbox,
        level=config.sandbox_level,
        timeout_s=timeout_s,
    )


def _store(config: BuildConfig) -> SqlStore:
    config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = config.database_url or f"sqlite:///{config.home / 'store.db'}"
    return SqlStore.open(url, Holders(config.home / "holders"))


def _personas(config: BuildConfig) -> Path:
    named = config.personas_dir
    return Path(named).expanduser() if named else config.home / "personas"


def _with_attachments(config: BuildConfig, ports: CorePorts) -> CorePorts:
    """The same ports with files that are given to conversations; only servers take them."""
    limits = AttachmentLimits(
        max_bytes=config.max_upload_bytes,
        quota_bytes=config.upload_quota_bytes,
        keep_days=config.upload_keep_days,
    )
    files = AttachmentFolder(config.home / "attachments", _extractor(config, ports.sandbox))
    ports = replace(ports, attachment_files=files, attachment_limits=limits)
    return _with_retrieval(config, ports, files)


def _with_retrieval(config: BuildConfig, ports: CorePorts, files: AttachmentFolder) -> CorePorts:
    """The same ports with the search in files by meaning, where there is a model for it."""
    engine, tools = ports.engine, ports.tools
    is_wanted = config.tools is None or SEARCH_UPLOADS in config.tools
    if embedding_folder() is None or not is_wanted:
        return ports
    assert isinstance(engine, RemoteEngine), "vectors come from the engine built here"
    assert isinstance(tools, Registry), "the tool is one of the registry built here"
    search = Retrieval(
        RetrievalPorts(
            store=ports.store,
            clock=ports.clock,
            files=files,
            embedder=EngineEmbedder(engine),
            index=VectorFiles(files),
        )
    )
    return replace(ports, tools=tools.including(make_search_uploads(search)))


def _with_tasks(config: BuildConfig, ports: CorePorts) -> CorePorts:
    """The same ports with what executes tasks, where papermill is installed."""
    if find_spec("papermill") is None:
        return ports
    told: tuple[str, ...] = ("default_model", "models", "sandbox_level", "sandbox_fallback")
    told += ("tools", "personas_dir", "sandbox_allow_soft_memory", "sandbox_disk_bytes")
    engine = ("engine_url", "engine_token", "engine_certificate", "engine_device", "engine_threads")
    environment = {HOME_VARIABLE: str(config.home), OUTBOUND_VARIABLE: config.outbound.written()}
    if config.database_url:
        environment[DATABASE_VARIABLE] = config.database_url
    tasks = TasksConfig(
        root=config.home / "executions",
        notebooks=Path(config.task_folder).expanduser().absolute(),
        environment=environment,
        # On a cluster the way to the server's engine does not lead anywhere.
        build={name: getattr(config, name) for name in told + engine * bool(config.dask_scheduler)},
        engine={name: getattr(config, name) for name in engine},
    )
    return replace(ports, task_runner=PapermillRunner(tasks, _executor(config)))


def _executor(config: BuildConfig) -> Executor:
    """Where the processes of executions run."""
    if config.dask_scheduler:
        return DaskExecutor(config.dask_scheduler)
    return ProcessExecutor(config.task_workers)


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


def _tool_servers(
    config: BuildConfig, secret_keys: Callable[[], Sequence[bytes]] | None, server: str
) -> McpHost:
    secrets = None
    if secret_keys is not None:
        secrets = SealedSecrets(secret_keys, purpose=b"notebook-agents tool server secrets")
    outbound = WaysOut(config.outbound).to_receivers(
        allow_private=config.mcp_allow_private, setting="mcp_allow_private"
    )
    view = View(hidden=_private(config), folders=config.mcp_folders, has_network=config.mcp_network)
    unconfined = config.mcp_unconfined or config.sandbox_fallback == "low"
    worlds = Worlds(config.home / "mcp", view, unconfined=unconfined)
    if server and secrets is None:
        trust = partial(trust_for, server, config.engine_certificate)
        way = ServerWay(url=server, token=config.engine_token, trust=trust)
        return LentMcpHost(worlds, outbound, way)
    return McpHost(worlds, outbound, secrets)


def _private(config: BuildConfig) -> tuple[Path, ...]:
    """What no tool may see."""
    return (config.home, Path(jupyter_runtime_dir()), Path(jupyter_config_dir()))


def _webhook_sender(
    config: BuildConfig, secret_keys: Callable[[], Sequence[bytes]] | None
) -> HttpSender | None:
    if secret_keys is None:
        return None
    outbound = WaysOut(config.outbound).to_receivers(
        allow_private=config.webhook_allow_private, setting="webhook_allow_private"
    )
    return HttpSender(secret_keys, outbound)


def _relay(config: BuildConfig) -> RedisRelay | None:
    if not config.redis_url:
        return None
    return RedisRelay(config.redis_url, prefix=config.redis_prefix)


def _workspaces(config: BuildConfig) -> Path:
    return config.home / "workspaces"


def _sandbox(config: BuildConfig) -> KernelSandbox:
    found = _sandbox_config(config)
    sweep(found.run_dir)
    return KernelSandbox(found)


def sandbox_reports(config: BuildConfig) -> tuple[LevelReport, ...]:
    """What this machine can enforce with every mechanism, found out by doing it once; blocks."""
    return probe(_sandbox_config(config), everything=True)


def _sandbox_config(config: BuildConfig) -> SandboxConfig:
    names = config.sandbox_protected
    return SandboxConfig(
        run_dir=config.home / "sandbox",
        fallback=config.sandbox_fallback,
        writable_root=_workspaces(config),
        private=_private(config),
        protected=PROTECTED if names is None else names,
        allow_soft_memory=config.sandbox_allow_soft_memory,
        max_calls_per_owner=config.sandbox_calls_per_user,
        max_disk_bytes=config.sandbox_disk_bytes,
        zygote=config.sandbox_zygote,
        remote=config.sandbox_remote,
        remote_level=config.sandbox_remote_level,
        egress=WaysOut(config.outbound).of_sandboxes(),
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
