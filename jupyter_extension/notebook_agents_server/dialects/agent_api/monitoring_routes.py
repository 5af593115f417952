"""What watches the AI-Agent-API-Service: its health and its metrics."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents.core.users import OWNER_USERNAME
from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API, API_VERSION
from notebook_agents_server.dialects.agent_api.monitoring_wire import HealthAnswer
from notebook_agents_server.operations import operation

UNAVAILABLE = 503
PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(BaseHandler):
    """``GET /health``."""

    dialect: ClassVar[Dialect] = AGENT_API
    endpoint = "/health"
    is_public = True
    is_activity = False

    @operation(answer=HealthAnswer, others={UNAVAILABLE: HealthAnswer})
    async def get(self) -> None:
        """Whether the server serves."""
        core = self.services.core
        works = core is not None and await self.works(
            core.users.find(OWNER_USERNAME), "the database"
        )
        answer = HealthAnswer(
            status="healthy" if works else "unhealthy",
            service=AGENT_API.title,
            version=API_VERSION,
            environment=self.services.environment,
        )
        self.reply(answer, status=200 if works else UNAVAILABLE)


class Metrics(BaseHandler):
    """``GET /metrics``: this API's part of what the page at the server's root shows."""

    dialect: ClassVar[Dialect] = AGENT_API
    endpoint = "/metrics"
    is_activity = False

    async def show_credential(self) -> None:
        """Ask for a credential where the deployment wants one."""
        if not self.metrics_are_open:
            await super().show_credential()

    @operation(content_type="text/plain")
    async def get(self) -> None:
        """Count sessions by status and requests, as Prometheus reads it.

        Needs no credential where ``ServerApp.authenticate_prometheus`` is off, or where a server of
        its own listens on this machine alone.
        """
        meters = await self.services.measured()
        self.set_header("Content-Type", PROMETHEUS_TYPE)
        self.finish(meters.session_text())


ROUTES: list[Route] = [(r"/health", Health), (r"/metrics", Metrics)]
