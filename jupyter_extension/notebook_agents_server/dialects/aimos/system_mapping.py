"""Between AIMOS's wire and the core: the system's state and its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notebook_agents.core.samples import Sample, health_word
from notebook_agents_server.dialects.aimos import system_wire

API_VERSION = "2.0.0"
"""Of the document, not of the product."""
MAX_HOURS = 168
"""A week of samples is the most that one answer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFigures:
    """What the status reports beside the newest sample."""

    uptime_s: float
    environment: str
    n_agents: int
    n_active_agents: int
    last_execution: datetime | None


def status_to_wire(sample: Sample, figures: SystemFigures) -> system_wire.StatusAnswer:
    """The state of the system."""
    score = sample.figures.health_score
    return system_wire.StatusAnswer(
        status=health_word(score),
        uptime_seconds=int(figures.uptime_s),
        version=API_VERSION,
        environment=figures.environment,
        total_agents=figures.n_agents,
        active_agents=figures.n_active_agents,
        system_health_score=score,
        last_execution=figures.last_execution,
    )


def period_from_wire(query: system_wire.MetricsQuery) -> timedelta:
    """How far back the samples go."""
    return timedelta(hours=min(query.hours, MAX_HOURS))


def series_to_wire(samples: Sequence[Sample]) -> system_wire.MetricsSeries:
    """Samples, newest first."""
    return system_wire.MetricsSeries([_metrics(sample) for sample in samples])


def health_to_wire(now: datetime, *, is_healthy: bool) -> system_wire.HealthAnswer:
    """Whether the system serves."""
    return system_wire.HealthAnswer(
        status="healthy" if is_healthy else "unhealthy", version=API_VERSION, timestamp=now
    )


def _metrics(sample: Sample) -> system_wire.MetricsAnswer:
    figures = sample.figures
    return system_wire.MetricsAnswer(
        timestamp=sample.at,
        cpu_usage=figures.cpu_percent,
        memory_usage=figures.memory_percent,
        disk_usage=figures.disk_percent,
        network_io=figures.network_kib_s,
        active_agents_count=figures.n_active_agents,
        system_health_score=figures.health_score,
    )
