"""What every handler works with: the settings it needs, the core, and whoever is inside."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents_server.limits import RateLimiter
from notebook_agents_server.machine import Machine
from notebook_agents_server.meters import Meters
from notebook_agents_server.request_log import RequestLog
from notebook_agents_server.revocation import Guests

if TYPE_CHECKING:
    from tornado.web import RequestHandler

    from notebook_agents.core.core import Core
    from notebook_agents_server.identity import Gatekeeper
    from notebook_agents_server.sockets import BaseSocket

GOING_AWAY_CLOSE_CODE = 1001


@dataclass(kw_only=True)
class Services:
    """What handlers work with; the core and the gatekeeper are there once the server is up."""

    allow_origins: tuple[str, ...] = ()
    allow_origin_pat: str = ""
    """Regular expression of further origins; empty allows none."""
    allow_hosts: tuple[str, ...] = ()
    """The only names under which the server may be asked; empty leaves it to Jupyter."""
    max_body_bytes: int = 10 * 1024 * 1024
    allow_password_login: bool = True
    allow_registration: bool = True
    heartbeat_s: float = 15.0
    """Seconds between signs of life on a socket."""
    first_frame_timeout_s: float = 10.0
    """Seconds a socket's client has for its first frame when it brought no credential."""
    machine: Machine = field(default_factory=Machine)
    limiter: RateLimiter = field(default_factory=RateLimiter)
    """Knows no limits until the settings are read."""
    requests: RequestLog = field(default_factory=RequestLog)
    """Counts requests and writes them into the event log."""
    routes: Mapping[type[RequestHandler], str] = field(default_factory=dict)
    """What the paths of handlers are called where requests are counted."""
    meters: Meters = field(default_factory=Meters)
    """What Prometheus is told."""
    environment: str = "production"
    """What the deployment calls itself."""
    shows_metrics: bool = False
    """Whether ``/metrics`` needs no credential."""
    started_s: float = field(default_factory=time.monotonic)
    """When the server started, on the clock of this process."""
    core: Core | None = None
    gatekeeper: Gatekeeper | None = None
    sockets: set[BaseSocket] = field(default_factory=set)
    """Those that are open."""
    guests: Guests = field(default_factory=Guests)
    """Whoever is served for long, over sockets and streams."""
    obstacle: str = "the server is starting"
    """Why there is no core yet."""

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of this origin may call."""
        pattern = self.allow_origin_pat
        is_listed = origin in self.allow_origins
        return is_listed or bool(pattern and re.fullmatch(pattern, origin))

    async def measured(self) -> Meters:
        """What Prometheus is told, with the figures that are not counted as they happen."""
        core, _ = self.ready()
        self.meters.activity = await self.requests.figures(core)
        self.meters.n_unread = self.requests.n_failed
        self.meters.n_lost = core.observations.n_lost
        self.meters.tools = frozenset(core.tools.names())
        self.meters.n_active_agents = await core.agents.count(status="active")
        self.meters.sessions = await core.overviews.conversations()
        self.meters.health_score = (await core.samples.newest()).figures.health_score
        return self.meters

    def close_sockets(self, core: Core | None = None) -> None:
        """Tell every client that the server goes away, and the log of that core."""
        for socket in tuple(self.sockets):
            socket.close(GOING_AWAY_CLOSE_CODE, self.obstacle)
            socket.tell_closed(core)

    def ready(self) -> tuple[Core, Gatekeeper]:
        """The core and the gatekeeper; 503 before the server is up."""
        if self.core is None or self.gatekeeper is None:
            raise EngineUnavailable(self.obstacle)
        return self.core, self.gatekeeper
