"""From what the product stands on to Agent C's health checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notebook_agents_server.dialects.agent_c import health_wire as wire

if TYPE_CHECKING:
    from notebook_agents.core.journal import RelayReport
    from notebook_agents.core.telemetry import TelemetryReport

VERSION = "2.0"
SLOW_MS = 100.0
"""An answer within the machine room that takes longer is worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found out."""

    at: datetime
    database: str
    reads: bool
    """Whether the records can be read."""
    latency_ms: float = 0.0
    """Of reading one."""
    has_engine: bool = False
    relay: RelayReport | None = None
    telemetry: TelemetryReport | None = None


def health_to_wire(found: Found) -> wire.HealthAnswer:
    """Everything at a glance: without the records nothing works, without the rest some does."""
    services = {
        "session_store": wire.Service(
            status="healthy" if found.reads else "unhealthy",
            backend=found.database,
            latency_ms=round(found.latency_ms, 3),
        ),
        "redis": _redis(found.relay),
        "models": wire.Service(
            status="healthy" if found.has_engine else "degraded", backend="engine"
        ),
    }
    if found.telemetry is not None:
        state: wire.Health = "degraded" if found.telemetry.state == "failing" else "healthy"
        services["telemetry"] = wire.Service(status=state, backend="otlp")
    return wire.HealthAnswer(
        status=_overall(services["session_store"].status, *(s.status for s in services.values())),
        timestamp=found.at.timestamp(),
        version=VERSION,
        services=services,
    )


def ready_to_wire(found: Found) -> wire.ReadyAnswer:
    """Whether requests can be answered; that needs the records, and Redis where there is one."""
    checks = {"session_store": found.reads}
    if found.relay is not None:
        checks["redis"] = found.relay.is_reachable
    return wire.ReadyAnswer(ready=found.reads, timestamp=found.at.timestamp(), checks=checks)


def redis_to_wire(found: Found) -> wire.RedisAnswer:
    """The diagnostics of Redis; where there is none, those of the database under their names."""
    checks = _database_checks(found) if found.relay is None else _redis_checks(found.relay)
    states = [check.status for check in (checks.connectivity, checks.performance)]
    return wire.RedisAnswer(
        status=_overall(checks.connectivity.status, *states, checks.operational.status),
        timestamp=found.at.timestamp(),
        version=VERSION,
        backend=found.database,
        redis=_redis(found.relay).status,
        checks=checks,
    )


def _database_checks(found: Found) -> wire.Checks:
    state: wire.Health = "healthy" if found.reads else "unhealthy"
    return wire.Checks(
        connectivity=_check(state, backend=found.database),
        performance=_check(_pace(found.reads, found.latency_ms), latency_ms=_ms(found.latency_ms)),
        server_info=_check(state, backend=found.database),
        connection_pool=_check("not_used"),
        operational=_check(state, reads=found.reads),
    )


def _redis_checks(relay: RelayReport) -> wire.Checks:
    state: wire.Health = "healthy" if relay.is_reachable else "unhealthy"
    works: wire.Health = "healthy" if relay.can_write else "unhealthy"
    reason = {"reason": relay.detail} if relay.detail else {}
    pace = _pace(relay.is_reachable, relay.latency_ms)
    return wire.Checks(
        connectivity=_check(state, **reason),
        performance=_check(pace, latency_ms=_ms(relay.latency_ms)),
        server_info=_check(state, **relay.server),
        connection_pool=_check(state, connections=relay.n_connections),
        operational=_check(works, writes=relay.can_write, events_waiting=relay.n_waiting),
    )


def _check(status: wire.ServiceHealth, **details: Any) -> wire.Check:
    return wire.Check(status=status, details=details)


def _redis(relay: RelayReport | None) -> wire.Service:
    if relay is None:
        return wire.Service(status="not_used", backend="none")
    status: wire.Health = "healthy" if relay.is_reachable else "unhealthy"
    return wire.Service(status=status, backend="redis", latency_ms=_ms(relay.latency_ms))


def _pace(answers: bool, latency_ms: float) -> wire.Health:
    if not answers:
        return "unhealthy"
    return "degraded" if latency_ms > SLOW_MS else "healthy"


def _overall(vital: wire.ServiceHealth, *all_of_them: wire.ServiceHealth) -> wire.Health:
    if vital == "unhealthy":
        return "unhealthy"
    is_fine = all(status in ("healthy", "not_used") for status in all_of_them)
    return "healthy" if is_fine else "degraded"


def _ms(latency_ms: float) -> float:
    return round(latency_ms, 3)
