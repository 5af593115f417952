"""Agent C's routes for whoever watches the server: the V2 health endpoints."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic

from notebook_agents.core.users import OWNER_USERNAME
from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import health_mapping as mapping
from notebook_agents_server.dialects.agent_c import health_wire as wire
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.operations import operation

UNAVAILABLE = 503


class HealthHandler(SessionHandler):
    """Being asked is no use of the server."""

    is_activity = False

    async def look(self) -> mapping.Found:
        """Try what the product stands on."""
        core, now = self.services.core, datetime.now(UTC)
        if core is None:
            return mapping.Found(at=now, database="none", reads=False)
        began = monotonic()
        reads = await self.works(core.users.find(OWNER_USERNAME), "the database")
        latency_ms = (monotonic() - began) * 1000
        engine = await core.models.health()
        return mapping.Found(
            at=now,
            database=core.database,
            reads=reads,
            latency_ms=latency_ms,
            has_engine=engine.is_ready or engine.starts_on_demand,
            relay=await core.relay_report(),
            telemetry=core.telemetry_report(),
        )


class Health(HealthHandler):
    """``GET /api/v2/health``."""

    is_public = True

    @operation(answer=wire.HealthAnswer, others={UNAVAILABLE: wire.HealthAnswer}, tag="health")
    async def get(self) -> None:
        """Whether everything works; 503 when nothing does."""
        answer = mapping.health_to_wire(await self.look())
        self.reply(answer, status=UNAVAILABLE if answer.status == "unhealthy" else 200)


class Ready(HealthHandler):
    """``GET /api/v2/health/ready``."""

    is_public = True

    @operation(answer=wire.ReadyAnswer, others={UNAVAILABLE: wire.ReadyAnswer}, tag="health")
    async def get(self) -> None:
        """Whether requests can be answered now; for Kubernetes."""
        answer = mapping.ready_to_wire(await self.look())
        self.reply(answer, status=200 if answer.ready else UNAVAILABLE)


class Live(HealthHandler):
    """``GET /api/v2/health/live``."""

    is_public = True

    @operation(answer=wire.LiveAnswer, tag="health")
    async def get(self) -> None:
        """Whether the process lives; for Kubernetes."""
        self.reply(wire.LiveAnswer(alive=True, timestamp=datetime.now(UTC).timestamp()))


class Redis(HealthHandler):
    """``GET /api/v2/debug/health/redis``."""

    @operation(answer=wire.RedisAnswer, errors=(403,), tag="health")
    async def get(self) -> None:
        """How Redis does in detail, or the database where there is none. For administrators."""
        self.require_admin()
        self.reply(mapping.redis_to_wire(await self.look()))


ROUTES: list[Route] = [
    (r"/api/v2/health", Health),
    (r"/api/v2/health/ready", Ready),
    (r"/api/v2/health/live", Live),
    (r"/api/v2/debug/health/redis", Redis),
]
