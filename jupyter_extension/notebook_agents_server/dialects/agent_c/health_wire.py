"""Agent C API Documentation, V2 Health Endpoints: bodies. Times are seconds since 1970."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from notebook_agents_server.bodies import Answer

Health: TypeAlias = Literal["healthy", "degraded", "unhealthy"]
ServiceHealth: TypeAlias = Literal["healthy", "degraded", "unhealthy", "not_used"]


class Service(Answer):
    """Main application health check: a part of the product."""

    status: ServiceHealth
    backend: str
    latency_ms: float | None = None


class HealthAnswer(Answer):
    """Main application health check: response."""

    status: Health
    timestamp: float
    version: str
    services: dict[str, Service]


class ReadyAnswer(Answer):
    """Kubernetes readiness probe: response."""

    ready: bool
    timestamp: float
    checks: dict[str, bool]


class LiveAnswer(Answer):
    """Kubernetes liveness probe: response."""

    alive: bool
    timestamp: float


class Check(Answer):
    """Detailed Redis diagnostics: one check, with what it found."""

    status: ServiceHealth
    details: dict[str, Any]


class Checks(Answer):
    """Detailed Redis diagnostics: ``checks``."""

    connectivity: Check
    performance: Check
    server_info: Check
    connection_pool: Check
    operational: Check


class RedisAnswer(Answer):
    """Detailed Redis diagnostics: response."""

    status: Health
    timestamp: float
    version: str
    backend: str
    """What keeps sessions: the database, beside which Redis shares what is new."""
    redis: ServiceHealth
    checks: Checks
