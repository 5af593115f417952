"""Every setting of the server, and its conversion to the core's BuildConfig.

Set them as ``--NotebookAgentsApp.<name>=…`` or ``c.NotebookAgentsApp.<name> = …``. A setting that
a BuildConfig has too has the same name and the same default there. What is needed to work, and
not to read or show settings, is imported by whoever needs it, so that help is there at once.
"""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import (
    Bool,
    Bunch,
    Callable,
    Dict,
    Enum,
    Float,
    Int,
    TraitError,
    Unicode,
    default,
    validate,
)

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.web import OutboundConfig
from notebook_agents_server.dialects import NAMES
from notebook_agents_server.event_settings import EventSettings
from notebook_agents_server.hub import HUB_PREFIX_ENV
from notebook_agents_server.list_trait import Listing
from notebook_agents_server.oauth_settings import ProviderSettings
from notebook_agents_server.sandbox_settings import SandboxSettings

if TYPE_CHECKING:
    from collections.abc import Callable as Function

    from notebook_agents.build import BuildConfig
    from notebook_agents.core.core import Core
    from notebook_agents_server.limits import Policy


class ServerSettings(EventSettings, ProviderSettings, SandboxSettings):
    """The traits of `NotebookAgentsApp`."""

    home = Unicode(
        help="""Folder of the database, events, workspaces and secrets.
        Default: the environment's NOTEBOOK_AGENTS_HOME, else a folder in Jupyter's data folder.""",
    ).tag(config=True)
    database_url = Unicode(
        help="""SQLAlchemy URL of the records; empty is SQLite in `home`.
        Default: the environment's NOTEBOOK_AGENTS_DATABASE_URL.""",
    ).tag(config=True)
    redis_url = Unicode(
        help="""URL of the Redis that servers of one deployment share, such as
        redis://localhost:6379/0; empty keeps everything in this process. Needs the extra `redis`.
        Default: the environment's NOTEBOOK_AGENTS_REDIS_URL.""",
    ).tag(config=True)
    redis_prefix = Unicode(
        "notebook-agents", help="What the names of all keys in Redis begin with."
    ).tag(config=True)
    default_model = Unicode(BUNDLED_MODEL, help="Id of the model of agents that name none.").tag(
        config=True
    )
    models = Listing(
        Unicode(),
        help="Local folders or hub ids of models to offer beside the built-in ones.",
    ).tag(config=True)
    engine_url = Unicode(
        help="URL of an engine that already runs; empty starts a worker on first use.",
    ).tag(config=True)
    engine_token = Unicode(help="Bearer token for `engine_url`.").tag(config=True)
    engine_certificate = Unicode(
        help="""PEM file that an https `engine_url` must match; empty trusts the system's
        authorities.""",
    ).tag(config=True)
    engine_device = Unicode("auto", help="A torch device such as cpu or cuda:0, or auto.").tag(
        config=True
    )
    engine_threads = Int(
        0, min=0, help="CPU threads of the engine worker; 0 leaves one core to everybody else."
    ).tag(config=True)
    tools = Listing(
        Unicode(),
        default_value=None,
        allow_none=True,
        help="Names of the tools to offer; None offers every installed one.",
    ).tag(config=True)

    providers = Listing(
        Unicode(),
        default_value=None,
        allow_none=True,
        help="""Who else serves models: `openai`, `anthropic`, `google`, `mistral`, `groq`,
        `openrouter`, `ollama`, or `name=url` for any endpoint that speaks OpenAI's API. Keys come
        from the environment, such as OPENAI_API_KEY, or LAB_API_KEY for `lab=https://…`. Needs the
        extra `providers`. Default: those whose key is in the environment.""",
    ).tag(config=True)

    budget_usd_per_day = Float(
        None,
        allow_none=True,
        min=0.0,
        help="""US dollars that everybody who has not set another budget may spend in a day (UTC)
        before their runs warn them; stops nothing. None warns nobody.
        Default: the environment's NOTEBOOK_AGENTS_BUDGET_USD_PER_DAY.""",
    ).tag(config=True)
    price_catalogue = Unicode(
        help="""TOML file of GPU types and prices for the optimization of workloads; empty is
        `price_catalogue.toml` in `home`, and without one the shipped list.""",
    ).tag(config=True)

    personas_dir = Unicode(
        help="""Folder of Markdown files, one for each persona of your own; empty is `personas` in
        `home`. A file `team/analyst.md` is the persona `team - analyst`.""",
    ).tag(config=True)
    agent_c_open = Bool(
        False,
        help="""Whether the Agent C API answers without credentials, as the owner. Only a server of
        `jupyter agents` that nobody else's machine reaches may have it.""",
    ).tag(config=True)

    max_upload_bytes = Int(
        100 * 1024 * 1024, min=1, help="Largest file given to a conversation, in bytes."
    ).tag(config=True)
    upload_quota_bytes = Int(
        1024 * 1024 * 1024, min=1, help="All such files of one user together, in bytes."
    ).tag(config=True)
    upload_keep_days = Float(
        7.0, min=0.0, help="After how many days such files are removed; 0 keeps them."
    ).tag(config=True)

    mcp_allow_private = Bool(
        False, help="Whether MCP servers may be in private networks and on this machine."
    ).tag(config=True)
    mcp_commands = Listing(
        Unicode(),
        help="""Command lines of MCP servers that others than administrators may register, such as
        `kubectl-mcp --cluster *`; * is any one word, NAME= in front allows a variable.""",
    ).tag(config=True)
    mcp_folders = Listing(
        Unicode(),
        help="""Folders that programs of tool servers may read beside their own and the system's;
        /data:rw may be written too.""",
    ).tag(config=True)
    mcp_network = Bool(True, help="Whether programs of tool servers have the network.").tag(
        config=True
    )
    mcp_unconfined = Bool(
        False,
        help="""Whether programs of tool servers are started also where no namespaces keep them in:
        they may then do what the server's account may.""",
    ).tag(config=True)
    task_workers = Int(2, min=1, help="How many notebooks of tasks run at once.").tag(config=True)
    dask_scheduler = Unicode(
        help="""Address of the scheduler of a Dask cluster that runs the notebooks of tasks, such as
        tcp://localhost:8786; empty runs them on this machine. Needs the extra `dask`.
        Default: the environment's DASK_SCHEDULER_ADDRESS.""",
    ).tag(config=True)
    task_folder = Unicode(
        help="""Folder of the notebooks that tasks of administrators may run; empty is the
        server's root folder.""",
    ).tag(config=True)
    webhook_allow_private = Bool(
        help="""Whether webhooks may be received in private networks and on this machine.
        Default: yes when the environment's NOTEBOOK_AGENTS_WEBHOOK_ALLOW_PRIVATE is 1.""",
    ).tag(config=True)

    outbound_refused_networks = Listing(
        Unicode(),
        help="""Networks that webhooks, MCP servers, web tools and sandboxes never reach, such as
        10.2.0.0/16: of pods, of services, of a hub. They stay closed whatever else is opened.""",
    ).tag(config=True)
    web_networks = Listing(
        Unicode(),
        help="Private networks open to web_fetch and to code in sandboxes, such as 10.1.0.0/16.",
    ).tag(config=True)
    web_ports = Listing(
        Int(min=1, max=65535), help="Ports of pages and sandbox hosts besides 80 and 443."
    ).tag(config=True)
    web_search_url = Unicode(
        help="""Address of the SearXNG that the tool web_search asks; its settings must have json
        among search.formats. Empty offers no such tool.""",
    ).tag(config=True)
    sandbox_network_hosts = Listing(
        Unicode(),
        help="""Hosts that code in tool kernels may reach through a proxy, such as pypi.org; none by
        default. Nothing at level high and without network namespaces.""",
    ).tag(config=True)
    sandbox_network_bytes = Int(
        64 << 20, min=0, help="What a conversation may exchange with them in an hour, in bytes."
    ).tag(config=True)
    root_dialects = Listing(
        Enum(NAMES),
        default_value=list(NAMES),
        help="APIs whose documented paths also work directly below the server's base URL.",
    ).tag(config=True)
    token_lifetime_s = Int(
        24 * 3600, min=60, help="How long a login token is valid, in seconds."
    ).tag(config=True)
    login_lifetime_s = Int(
        30 * 24 * 3600,
        min=60,
        help="How long a login can be renewed with its refresh tokens, in seconds.",
    ).tag(config=True)
    registration = Bool(
        help="""Whether strangers may open accounts with `POST /api/auth/register`.
        Default: yes, but not under JupyterHub, which has its own accounts.""",
    ).tag(config=True)
    password_login = Bool(
        help="""Whether a user name and password can be exchanged for a token.
        Default: yes, but not under JupyterHub, whose proxy shows the login to everybody.""",
    ).tag(config=True)
    allow_origins = Listing(
        Unicode(),
        help="Origins, such as https://app.example.org, whose pages may call the APIs.",
    ).tag(config=True)
    allow_origin_pat = Unicode(
        help="Regular expression of further such origins; it must match the whole origin.",
    ).tag(config=True)
    allow_hosts = Listing(
        Unicode(),
        help="""The only names, without ports, under which the server may be asked (the Host
        header), besides this machine's own; empty allows any where ServerApp.allow_remote_access
        is on.""",
    ).tag(config=True)
    rate_limiting = Bool(True, help="Whether the APIs limit how often somebody may ask.").tag(
        config=True
    )
    rate_limits = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="""Limits in place of those of the APIs' documents: a dialect's group such as
        tektra.conversations, and 10/minute, 60/minute; 1000/hour, or off.""",
    ).tag(config=True)
    heartbeat_s = Float(
        15.0,
        min=0.01,
        help="""How many seconds apart the signs of life on a WebSocket are; proxies cut silent
        connections after 30 or 60.""",
    ).tag(config=True)
    first_frame_timeout_s = Float(
        10.0,
        min=0.01,
        help="How many seconds a WebSocket client without a credential has for its first frame.",
    ).tag(config=True)
    environment = Unicode(
        "production", help="What this deployment is called where an API reports it."
    ).tag(config=True)
    sample_interval_s = Float(
        30.0,
        min=0.01,
        help="How many seconds apart the samples of the machine are that the APIs report.",
    ).tag(config=True)
    max_body_bytes = Int(10 * 1024 * 1024, min=1024, help="Largest request body, in bytes.").tag(
        config=True
    )
    core_factory = Callable(
        help="""Makes the core from a BuildConfig and a password hasher.
        Default: `notebook_agents.build.build_core`."""
    ).tag(config=True)

    @default("core_factory")
    def _default_core_factory(self) -> Function[..., Core]:
        from notebook_agents.build import build_core

        return build_core

    @default("home")
    def _default_home(self) -> str:
        from notebook_agents.build import default_home

        return str(default_home())

    @default("database_url")
    def _default_database_url(self) -> str:
        from notebook_agents.build import default_database_url

        return default_database_url()

    @default("budget_usd_per_day")
    def _default_budget(self) -> float | None:
        from notebook_agents.build import default_budget

        return default_budget()

    @default("dask_scheduler")
    def _default_dask_scheduler(self) -> str:
        from notebook_agents.build import default_dask_scheduler

        return default_dask_scheduler()

    @default("redis_url")
    def _default_redis_url(self) -> str:
        from notebook_agents.build import default_redis_url

        return default_redis_url()

    @default("webhook_allow_private")
    def _default_webhook_allow_private(self) -> bool:
        from notebook_agents.build import default_webhook_allow_private

        return default_webhook_allow_private()

    @default("password_login")
    def _default_password_login(self) -> bool:
        return not os.environ.get(HUB_PREFIX_ENV)

    @validate("rate_limits")
    def _known_limits(self, proposal: Bunch) -> dict[str, str]:
        from notebook_agents_server.limits import Policy
        from notebook_agents_server.mounts import LIMITS

        try:
            Policy.read(LIMITS, proposal.value)
        except ValueError as error:
            raise TraitError(str(error)) from None
        return dict(proposal.value)

    @validate("providers")
    def _meaningful(self, proposal: Bunch) -> list[str] | None:
        if proposal.value is None:
            return None
        from notebook_agents.build import check_providers

        try:
            check_providers(proposal.value)
        except InvalidRequest as error:
            raise TraitError(error.message) from None
        return list(proposal.value)

    @validate("allow_origin_pat")
    def _regular(self, proposal: Bunch) -> str:
        try:
            re.compile(proposal.value)
        except re.error as error:
            raise TraitError(
                f"allow_origin_pat {proposal.value!r} is no regular expression: {error}"
            ) from None
        return str(proposal.value)

    def rate_policy(self) -> Policy:
        """How often somebody may ask."""
        from notebook_agents_server.limits import Policy
        from notebook_agents_server.mounts import LIMITS

        return Policy.read(LIMITS, self.rate_limits) if self.rate_limiting else Policy()

    @default("registration")
    def _default_registration(self) -> bool:
        return not os.environ.get(HUB_PREFIX_ENV)

    def root_folder(self) -> str:
        """The folder that the server shows; empty where there is no server."""
        return str(getattr(getattr(self, "serverapp", None), "root_dir", ""))

    def build_config(self) -> BuildConfig:
        """What the core needs of all this, frozen."""
        from notebook_agents.build import BuildConfig

        given: dict[str, Any] = {"home": Path(self.home).expanduser().absolute()}
        same = {field.name for field in fields(BuildConfig)} & set(self.trait_names())
        for name in same - given.keys():
            value = getattr(self, name)
            given[name] = tuple(value) if isinstance(value, list) else value
        given["outbound"] = OutboundConfig(
            refused_networks=tuple(self.outbound_refused_networks),
            web_networks=tuple(self.web_networks),
            web_ports=tuple(self.web_ports),
            web_search_url=self.web_search_url,
            sandbox_hosts=tuple(self.sandbox_network_hosts),
            sandbox_network_bytes=self.sandbox_network_bytes,
        )
        if folder := self.task_folder or self.root_folder():
            given["task_folder"] = str(Path(folder).expanduser().absolute())
        return BuildConfig(**given)
