"""Netra's routes for whoever watches the server: health, dependencies, public configuration."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, ClassVar

from notebook_agents.core.users import OWNER_USERNAME
from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.netra import health_mapping, health_wire, wire
from notebook_agents_server.dialects.netra.dialect import API_VERSION, NETRA
from notebook_agents_server.operations import operation

UNAVAILABLE = 503


class HealthHandler(BaseHandler):
    """Anybody may ask; being asked is no use of the server."""

    dialect: ClassVar[Dialect] = NETRA
    is_public = True
    is_activity = False

    async def reads(self) -> bool:
        """Whether the records can be read."""
        if self.services.core is None:
            return False
        return await self.works(self.core.users.find(OWNER_USERNAME), "the database")


class Health(HealthHandler):
    """``GET /health``."""

    @operation(
        answer=health_wire.HealthAnswer,
        others={UNAVAILABLE: health_wire.HealthAnswer},
        example="health",
        tag="health",
    )
    async def get(self) -> None:
        """Whether the server serves."""
        reads = await self.reads()
        answer = health_wire.HealthAnswer(
            status="healthy" if reads else "unhealthy",
            timestamp=datetime.now(UTC),
            version=API_VERSION,
        )
        self.reply(answer, status=200 if reads else UNAVAILABLE)


class Ready(HealthHandler):
    """``GET /health/ready``."""

    @operation(
        answer=health_wire.ReadyAnswer,
        others={UNAVAILABLE: health_wire.ReadyAnswer},
        example="health_ready",
        tag="health",
    )
    async def get(self) -> None:
        """Whether requests can be answered now."""
        counts = await self.services.limiter.is_shared()
        answer = health_mapping.ready_to_wire(await self.reads(), counts)
        self.reply(answer, status=200 if answer.ready else UNAVAILABLE)


class Dependencies(HealthHandler):
    """``GET /health/dependencies``."""

    @operation(answer=health_wire.DependenciesAnswer, example="health_dependencies", tag="health")
    async def get(self) -> None:
        """What the product stands on, each with the time it took to answer."""
        core = self.core
        found = {
            core.database: await self._timed(core.users.find(OWNER_USERNAME), "the database"),
            "analytics": await self._timed(core.analytics.query("SELECT 1"), "the analytics"),
            "engine": await self._engine(),
            "sandbox": await self._sandbox(),
        }
        if (redis := await self._redis()) is not None:
            found["redis"] = redis
        self.reply(health_mapping.dependencies_to_wire(found))

    async def _timed(self, job: Awaitable[Any], what: str) -> health_wire.Dependency:
        began = monotonic()
        works = await self.works(job, what)
        return _dependency("healthy" if works else "unhealthy", began)

    async def _engine(self) -> health_wire.Dependency:
        began = monotonic()
        engine = await self.core.models.health()
        is_there = engine.is_ready or engine.starts_on_demand
        return _dependency("healthy" if is_there else "unhealthy", began)

    async def _sandbox(self) -> health_wire.Dependency:
        began = monotonic()
        levels = await self.core.sandbox.levels()
        is_contained = any(report.is_available for report in levels if report.level != "low")
        return _dependency("healthy" if is_contained else "degraded", began)

    async def _redis(self) -> health_wire.Dependency | None:
        began = monotonic()
        works = await self.services.limiter.is_shared()
        return None if works is None else _dependency("healthy" if works else "unhealthy", began)


class Config(HealthHandler):
    """``GET /api/config``."""

    @operation(answer=health_wire.ConfigAnswer, example="config", tag="configuration")
    async def get(self) -> None:
        """What a client may know before it logs in."""
        self.reply(
            health_wire.ConfigAnswer(
                environment=self.services.environment,
                features=health_wire.Features(
                    oauth_enabled=self.gatekeeper.oauth.is_enabled,
                    websocket_enabled=True,
                    analytics_enabled=True,
                ),
                limits=health_wire.ConfigLimits(
                    max_message_length=wire.MAX_MESSAGE_LENGTH,
                    max_thread_messages=wire.MAX_THREAD_MESSAGES,
                    rate_limit_requests=self.services.limiter.allowance(NETRA.name, "general"),
                ),
            )
        )


def _dependency(status: health_wire.Health, began: float) -> health_wire.Dependency:
    latency_ms = round((monotonic() - began) * 1000, 3)
    return health_wire.Dependency(status=status, latency_ms=latency_ms)


ROUTES: list[Route] = [
    (r"/health", Health),
    (r"/health/ready", Ready),
    (r"/health/dependencies", Dependencies),
    (r"/(?:api|v2)/config", Config),
]
