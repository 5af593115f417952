"""What the parts of the product are called in Netra's health."""

from __future__ import annotations

from collections.abc import Mapping

from notebook_agents_server.dialects.netra.health_wire import (
    Connection,
    DependenciesAnswer,
    Dependency,
    Health,
    ReadyAnswer,
)

DOCUMENTED = ("postgresql", "clickhouse", "redis", "openai_api")
"""Dependencies that the document names; what is not used here says so."""
ESSENTIAL = frozenset({"sqlite", "postgresql", "memory"})
"""Without its records the product cannot serve."""
NOT_USED = Dependency(status="not_used", latency_ms=0.0)


def ready_to_wire(database: bool, redis: bool | None) -> ReadyAnswer:
    """Whether requests can be served; None for what is not used."""
    checks: dict[str, Connection] = {
        "database": _connection(database),
        "redis": _connection(redis),
        "clickhouse": "not_used",
    }
    return ReadyAnswer(ready="disconnected" not in checks.values(), checks=checks)


def dependencies_to_wire(found: Mapping[str, Dependency]) -> DependenciesAnswer:
    """All real ones under their own names, and the documented ones."""
    return DependenciesAnswer(
        dependencies={**dict.fromkeys(DOCUMENTED, NOT_USED), **found},
        overall_status=_overall(found),
    )


def _connection(works: bool | None) -> Connection:
    if works is None:
        return "not_used"
    return "connected" if works else "disconnected"


def _overall(found: Mapping[str, Dependency]) -> Health:
    broken = {name for name, dependency in found.items() if dependency.status != "healthy"}
    if broken & ESSENTIAL:
        return "unhealthy"
    return "degraded" if broken else "healthy"
