"""The Jupyter server extension, and the command ``jupyter agents`` that starts a server with it.

The core is built once, when the server's event loop runs, and closed when the server stops. Until
then, and if it cannot be built, the routes answer 503 and say why.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import os
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import TraitError, Unicode, default
from traitlets.config import Application

import notebook_agents.build  # noqa: F401 - settings would import it on the event loop
from notebook_agents.core.redaction import RedactingFilter
from notebook_agents_server.activity import Activity
from notebook_agents_server.authorizer import serve_the_hub
from notebook_agents_server.base import VERSION, Services
from notebook_agents_server.command import (
    ALIASES,
    DEFAULT_PORT,
    DESCRIPTION,
    EXAMPLES,
    SUBCOMMANDS,
)
from notebook_agents_server.config import ServerSettings
from notebook_agents_server.hub import HUB_USER_ENV, is_hub_service
from notebook_agents_server.identity import Gatekeeper, ensure_owner
from notebook_agents_server.kernels import (
    BUDGET_ENV,
    DATABASE_ENV,
    HOME_ENV,
    OUTBOUND_ENV,
    TASK_FOLDER_ENV,
    KernelLead,
    KernelTokens,
    equip_kernels,
    way_to,
)
from notebook_agents_server.limits import build_limiter
from notebook_agents_server.machine import Machine
from notebook_agents_server.mounts import mounted
from notebook_agents_server.oauth import OAuthLogin
from notebook_agents_server.passwords import Argon2Hasher
from notebook_agents_server.samples import Sampler
from notebook_agents_server.signing import Keyring
from notebook_agents_server.tokens import Tokens
from notebook_agents_server.ui.page import PAGE_AT

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from notebook_agents.build import BuildConfig
    from notebook_agents.core.core import Core

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NOT_ALONE = (
    "agent_c_open needs a server that `jupyter agents` started and that only this machine reaches:"
    " leave ServerApp.ip at 127.0.0.1 and ServerApp.allow_remote_access off"
)
LOGGED = ("notebook_agents", "notebook_agents_server")
"""Packages whose log goes where Jupyter's goes."""


class NotebookAgentsApp(ServerSettings, ExtensionApp):
    """AI agents in a Jupyter server: REST and WebSocket APIs, inference, tools, analytics."""

    name = "notebook_agents"
    description = DESCRIPTION
    examples = EXAMPLES
    aliases = ALIASES
    version = Unicode(VERSION)
    subcommands = SUBCOMMANDS
    extension_url = "/notebook-agents/tektra/v1/health"
    load_other_extensions = True

    services: Services | None = None
    activity: Activity | None = None
    _log_filter: RedactingFilter | None = None
    failure: str = ""
    """Why the core could not be built."""

    @default("open_browser")
    def _default_open_browser(self) -> bool:
        # The extension's default would win over the server's.
        return False

    def emit_alias_help(self) -> Generator[str, None, None]:
        """The help of the options, with our default of Jupyter's ``--port``."""
        is_port = False
        for line in super().emit_alias_help():
            is_port = line.startswith("--port") or (is_port and not line.startswith("-"))
            yield line.replace("Default: 0", f"Default: {DEFAULT_PORT}") if is_port else line

    @classmethod
    def make_serverapp(cls, **kwargs: Any) -> ServerApp:
        """A server with our port and no browser.

        Set on the instance before any configuration is read, so that ``--port`` still wins.
        """
        serverapp = super().make_serverapp(**kwargs)
        serverapp.port = DEFAULT_PORT
        serverapp.port_retries = 0
        serverapp.open_browser = False
        if is_hub_service():
            serve_the_hub(serverapp)
        return serverapp

    @classmethod
    def initialize_server(
        cls, argv: Any = None, load_other_extensions: bool = True, **kwargs: Any
    ) -> ServerApp:
        """A server with the other extensions, unless everybody of a Hub shares it."""
        cls.load_other_extensions = load_other_extensions and not is_hub_service()
        serverapp: ServerApp = super().initialize_server(argv, **kwargs)  # type: ignore[no-untyped-call]
        return serverapp

    def _link_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Take the settings; with a wrong one nothing is served, least of all with defaults.

        `jupyter agents` ends when its loop runs; another server goes on without this extension.
        """
        try:
            super()._link_jupyter_server_extension(serverapp)
            self._refuse_unknown_settings()
        except TraitError as error:
            self.failure = str(error)
            raise

    def initialize(self, argv: Any = None) -> None:
        """Refuse to serve with settings that could not be taken."""
        del argv  # the server has read the command line
        if not self.failure and self.agent_c_open and not self._is_alone_on_loopback():
            self.failure = NOT_ALONE
        if self.failure:
            raise TraitError(self.failure)
        super().initialize()  # type: ignore[no-untyped-call]

    def _refuse_unknown_settings(self) -> None:
        known = self.trait_names()
        for name in self.config.get(type(self).__name__, {}):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise TraitError(f"there is no setting {name!r}{hint}")

    def initialize_handlers(self) -> None:
        """Mount every route; they answer 503 until the core is there."""
        for package in LOGGED:
            logger = logging.getLogger(package)
            logger.parent, logger.propagate = self.log, True
            logger.setLevel(self.log.level)
        self.services = Services(
            allow_origins=tuple(self.allow_origins),
            allow_origin_pat=self.allow_origin_pat,
            allow_hosts=tuple(host.lower() for host in self.allow_hosts),
            max_body_bytes=self.max_body_bytes,
            allow_password_login=self.password_login,
            allow_registration=self.registration,
            heartbeat_s=self.heartbeat_s,
            first_frame_timeout_s=self.first_frame_timeout_s,
            machine=Machine(Path(self.home)),
            environment=self.environment,
            shows_metrics=self._is_alone_on_loopback(),
        )
        self.handlers.extend(mounted(self.root_dialects, self.services))

    def _is_alone_on_loopback(self) -> bool:
        """Whether the server is ours and nobody else's machine reaches it."""
        serverapp = self.serverapp
        if serverapp is None or serverapp.starter_app is not self or is_hub_service():
            return False
        return serverapp.ip in LOOPBACK and not serverapp.allow_remote_access

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Build the core now that the event loop runs."""
        if self.services is None:
            self._give_up(serverapp)
            return
        try:
            await self._bring_up(self.services, serverapp)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            self.services.obstacle = "the agents could not be started; see the server's log"
            if not self._give_up(serverapp):
                raise

    def _give_up(self, serverapp: ServerApp) -> bool:
        """End the server if it is ours alone."""
        is_ours = serverapp.starter_app is self
        if is_ours:
            self.log.critical("cannot start: %s", self.failure)
            serverapp.stop()
        return is_ours

    async def _bring_up(self, services: Services, serverapp: ServerApp) -> None:
        config = self.build_config()
        loop = asyncio.get_running_loop()
        keyring = await loop.run_in_executor(None, Keyring.open, config.home)
        limiter = partial(
            build_limiter,
            self.rate_policy(),
            redis_url=config.redis_url,
            redis_prefix=config.redis_prefix,
        )
        services.limiter = await loop.run_in_executor(None, limiter)
        hasher = Argon2Hasher()
        build = partial(self.core_factory, config, hasher=hasher, secret_keys=keyring.secrets)
        core = await loop.run_in_executor(None, build)
        self._redact(core, keyring, serverapp)
        try:
            await core.start()
            await self._open(services, core, keyring, serverapp)
        except BaseException:
            services.core = services.gatekeeper = None
            services.meters.withdraw()
            await core.aclose()
            raise
        self.log.info("notebook-agents is ready; its data is in %s", config.home)
        dashboard = serverapp.connection_url.rstrip("/") + PAGE_AT
        self.log.info("the dashboard of what its agents do is at %s", dashboard)

    async def _open(
        self, services: Services, core: Core, keyring: Keyring, serverapp: ServerApp
    ) -> None:
        """Let requests in, and tell kernels of the server."""
        config = self.build_config()
        kernel_tokens = KernelTokens(serverapp.kernel_manager)
        tokens = Tokens(keyring, lifetime_s=self.token_lifetime_s)
        services.gatekeeper = Gatekeeper(
            users=core.users,
            api_keys=core.api_keys,
            logins=core.logins,
            tokens=tokens,
            oauth=OAuthLogin(self.oauth_settings(), tokens, core.logins),
            login_lifetime_s=self.login_lifetime_s,
            kernel_tokens=kernel_tokens,
            provider=serverapp.identity_provider,
            owner=await ensure_owner(core.users, config.home),
            hub_owner=os.environ.get(HUB_USER_ENV, ""),
            open_dialects=frozenset({"agent_c"} if self.agent_c_open else ()),
        )
        environment = _told_to_kernels(config, serverapp)
        own = {**environment, TASK_FOLDER_ENV: config.task_folder}
        equip_kernels(serverapp.kernel_manager, kernel_tokens, own)
        core.executions.lead_kernels(KernelLead(kernel_tokens, environment))
        services.core = core
        services.meters.publish()
        self._watch(services, core, serverapp, owner_id=services.gatekeeper.owner_actor.user_id)

    def _watch(
        self, services: Services, core: Core, serverapp: ServerApp, *, owner_id: str
    ) -> None:
        """Look at the machine, the requests, the credentials and the work, as long as it runs."""
        # A machine of its own, so that what it reads covers the time between two samples.
        machine = Machine(Path(self.home))
        sampler = Sampler(core, machine, interval_s=self.sample_interval_s, owner_id=owner_id)
        core.spawn(sampler.run(), name="sampling the machine")
        core.spawn(services.requests.work(core), name="recording requests")
        core.spawn(services.guests.look_on(core, self.heartbeat_s), name="checking credentials")
        self.activity = Activity(
            core,
            serverapp.web_app.settings["last_activity_times"],
            timeout_s=serverapp.shutdown_no_activity_timeout,
        )
        core.spawn(self.activity.run(), name="telling Jupyter of activity")

    def _redact(self, core: Core, keyring: Keyring, serverapp: ServerApp) -> None:
        """Know this server's own secrets, and keep all that is known out of its log."""
        token = str(serverapp.identity_provider.token or "")
        keys = [key.hex() for key in keyring.secrets()]
        core.redactor.learn(token, self.oauth_client_secret, *keys)
        self._log_filter = RedactingFilter(core.redactor)
        for handler in _handlers_of(self.log, serverapp.log):
            handler.addFilter(self._log_filter)

    async def stop_extension(self) -> None:
        """Close the core."""
        if self.services is not None and self.services.core is not None:
            core, self.services.core = self.services.core, None
            if self.serverapp is not None and self._log_filter is not None:
                for handler in _handlers_of(self.log, self.serverapp.log):
                    handler.removeFilter(self._log_filter)
            self.activity = None
            self.services.obstacle = "the server is stopping"
            self.services.close_sockets(core)
            self.services.meters.withdraw()
            self.services.requests.flush(core)
            await core.aclose()
            await self.services.limiter.aclose()

    def current_activity(self) -> bool:
        """Whether something works or soon will, so that the server must not be culled."""
        return self.activity is not None and self.activity.is_busy()


def _told_to_kernels(config: BuildConfig, serverapp: ServerApp) -> dict[str, str]:
    """What kernels and executions find in their environment of this server."""
    told = {HOME_ENV: str(config.home), **way_to(serverapp)}
    if config.database_url:
        told[DATABASE_ENV] = config.database_url
    if config.budget_usd_per_day is not None:
        told[BUDGET_ENV] = str(config.budget_usd_per_day)
    if opened := config.outbound.written():
        told[OUTBOUND_ENV] = opened
    return told


def _handlers_of(*logs: Any) -> set[logging.Handler]:
    """All that write what is logged there."""
    found: set[logging.Handler] = set()
    for log in logs:
        logger: logging.Logger | None = getattr(log, "logger", log)  # an adapter has one
        while logger is not None:
            found.update(logger.handlers)
            logger = logger.parent if logger.propagate else None
    return found


def serve(argv: list[str] | None = None) -> None:
    """Start a server that lives until it is stopped; code 1 when it could not start."""
    NotebookAgentsApp.launch_instance(argv)  # type: ignore[no-untyped-call]
    app = getattr(Application.instance(), "starter_app", None)
    if isinstance(app, NotebookAgentsApp) and app.failure:
        sys.exit(1)
