"""AIMOS integration guide, System APIs: the bodies."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field, RootModel

from notebook_agents_server.bodies import Answer, Query

Health: TypeAlias = Literal["healthy", "warning", "critical"]
Score: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class StatusAnswer(Answer):
    """GET /api/system/status: response."""

    status: Health
    uptime_seconds: int
    version: str
    environment: str
    total_agents: int
    active_agents: int
    system_health_score: Score
    last_execution: AwareDatetime | None


class MetricsQuery(Query):
    """GET /api/system/metrics: query parameters."""

    hours: Annotated[int, Field(ge=1)] = 24
    """Longer periods than `system_mapping.MAX_HOURS` are cut, not refused."""


class MetricsAnswer(Answer):
    """GET /api/system/metrics: response; usages are percent, ``network_io`` is KiB per second."""

    timestamp: AwareDatetime
    cpu_usage: float
    memory_usage: float
    disk_usage: float
    network_io: float
    active_agents_count: int
    system_health_score: Score


MetricsSeries = RootModel[list[MetricsAnswer]]


class HealthAnswer(Answer):
    """GET /api/health: undocumented response."""

    status: Literal["healthy", "unhealthy"]
    version: str
    timestamp: AwareDatetime
