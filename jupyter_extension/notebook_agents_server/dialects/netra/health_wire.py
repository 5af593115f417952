"""Netra API Reference: health, dependencies and the public configuration."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import AwareDatetime

from notebook_agents_server.bodies import Answer

Connection: TypeAlias = Literal["connected", "disconnected", "not_used"]
Health: TypeAlias = Literal["healthy", "degraded", "unhealthy", "not_used"]


class HealthAnswer(Answer):
    """Health & Monitoring Endpoints / GET /health."""

    status: Literal["healthy", "unhealthy"]
    timestamp: AwareDatetime
    version: str


class ReadyAnswer(Answer):
    """Health & Monitoring Endpoints / GET /health/ready."""

    ready: bool
    checks: dict[str, Connection]


class Dependency(Answer):
    """Health & Monitoring Endpoints / GET /health/dependencies."""

    status: Health
    latency_ms: float
    """How long it took to answer; 0 where it is not used."""


class DependenciesAnswer(Answer):
    """Health & Monitoring Endpoints / GET /health/dependencies."""

    dependencies: dict[str, Dependency]
    overall_status: Health


class Features(Answer):
    """Configuration Endpoints / GET /api/config."""

    oauth_enabled: bool
    websocket_enabled: bool
    analytics_enabled: bool


class ConfigLimits(Answer):
    """Configuration Endpoints / GET /api/config."""

    max_message_length: int
    max_thread_messages: int
    rate_limit_requests: int | None
    """Per minute; null where the deployment switched the limit off."""


class ConfigAnswer(Answer):
    """Configuration Endpoints / GET /api/config."""

    environment: str
    """The setting ``environment``, as everywhere."""
    features: Features
    limits: ConfigLimits
