"""Between Tektra's wire and the core: accounts, models, health and metrics."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from notebook_agents.core.agents import is_idle
from notebook_agents_server.dialects.tektra import auth_wire, system_wire
from notebook_agents_server.dialects.tektra.mapping import MIB, printed

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent
    from notebook_agents.core.analytics import RunTotals
    from notebook_agents.core.api_keys import ApiKey
    from notebook_agents.core.logins import IssuedTokens
    from notebook_agents.core.models import EngineHealth, ModelInfo, ModelStatus
    from notebook_agents.core.ports import Page
    from notebook_agents.core.users import User
    from notebook_agents_server.base import MachineReading

RECOMMENDED_FACTOR = 2
"""Recommended memory over the least that works, as in the document's example."""
BYTES_PER_PARAMETER = 4
Availability = Literal["available", "loading", "unavailable"]


def user_to_wire(user: User) -> auth_wire.UserAnswer:
    """An account."""
    return auth_wire.UserAnswer(
        id=printed("user", user.id),
        username=user.username,
        email=user.email,
        is_admin=user.is_admin,
    )


def login_to_wire(user: User, tokens: IssuedTokens) -> auth_wire.LoginAnswer:
    """The tokens of a login."""
    return auth_wire.LoginAnswer(
        access_token=tokens.access,
        session_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_in=tokens.expires_in_s,
        user=user_to_wire(user),
    )


def profile_to_wire(user: User, scopes: Collection[str]) -> auth_wire.ProfileAnswer:
    """An account, as its user sees it."""
    return auth_wire.ProfileAnswer(
        **user_to_wire(user).model_dump(),
        number=user.number,
        name=user.name,
        role=user.role,
        scopes=_scopes_to_wire(scopes),
        created_at=user.created_at,
        last_login=user.last_login,
    )


def key_to_wire(key: ApiKey) -> auth_wire.KeyAnswer:
    """An API key, without its secret."""
    return auth_wire.KeyAnswer(
        key_id=printed("key", key.id),
        name=key.name,
        prefix=key.prefix,
        scopes=_scopes_to_wire(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used=key.last_used,
    )


def new_key_to_wire(key: ApiKey, secret: str) -> auth_wire.NewKeyAnswer:
    """A new API key with its secret."""
    return auth_wire.NewKeyAnswer(api_key=secret, **key_to_wire(key).model_dump())


def keys_to_wire(page: Page[ApiKey]) -> auth_wire.KeysAnswer:
    """The caller's keys."""
    return auth_wire.KeysAnswer(keys=[key_to_wire(key) for key in page.items], total=page.total)


def models_to_wire(models: Iterable[ModelInfo]) -> system_wire.ModelsAnswer:
    """Every model."""
    return system_wire.ModelsAnswer(models=[_model_to_wire(model) for model in models])


def model_status_to_wire(model: ModelInfo, health: EngineHealth) -> system_wire.ModelStatusAnswer:
    """One model, and what the engine does."""
    is_loaded = model.id in health.loaded_models or model.status == "loaded"
    return system_wire.ModelStatusAnswer(
        model_id=model.id,
        status=availability(model.status),
        loaded=is_loaded,
        device=health.device,
        memory_mb=round((model.memory_bytes or 0) / MIB, 1) if is_loaded else 0.0,
        performance=system_wire.ModelPerformance(
            active_requests=health.n_running, queued_requests=health.n_waiting
        ),
        last_updated=model.updated_at,
    )


def availability(status: ModelStatus) -> Availability:
    """A model that could be used now is available, loaded or not."""
    if status in ("available", "loaded"):
        return "available"
    return "loading" if status == "loading" else "unavailable"


def count_to_wire(n: int | None) -> str:
    """A count of parameters as people write it: ``7B``, ``12.3M``."""
    if not n:
        return "unknown"
    for letter, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if n >= size:
            return f"{round(n / size, 1):g}{letter}"
    return str(n)


def agent_metrics_to_wire(agents: Sequence[Agent], now: datetime) -> system_wire.AgentMetrics:
    """How many agents work; whatever neither works nor failed is idle."""
    n_error = sum(agent.status == "error" for agent in agents)
    n_active = sum(agent.status == "active" and not is_idle(agent, now) for agent in agents)
    return system_wire.AgentMetrics(
        total=len(agents),
        active=n_active,
        idle=len(agents) - n_active - n_error,
        error=n_error,
    )


def health_to_wire(
    components: system_wire.HealthComponents,
    metrics: system_wire.HealthMetrics,
    version: str,
    now: datetime,
) -> system_wire.HealthAnswer:
    """The state of the parts, and of the whole: as bad as its worst part."""
    states = {components.database, components.models, components.security}
    whole: Literal["healthy", "degraded", "unhealthy"] = "healthy"
    if components.database == "unhealthy":
        whole = "unhealthy"
    elif states - {"healthy", "not_used"}:
        whole = "degraded"
    return system_wire.HealthAnswer(
        status=whole, version=version, timestamp=now, components=components, metrics=metrics
    )


def machine_to_wire(reading: MachineReading) -> system_wire.SystemMetrics:
    """The machine's figures."""
    return system_wire.SystemMetrics(
        memory=system_wire.MemoryMetrics(
            total_mb=reading.memory_total_bytes // MIB,
            used_mb=reading.memory_used_bytes // MIB,
            available_mb=reading.memory_available_bytes // MIB,
            usage_percent=reading.memory_percent,
        ),
        cpu=system_wire.CpuMetrics(
            cores=reading.n_cores,
            usage_percent=reading.cpu_percent,
            load_average=[round(load, 2) for load in reading.load_average],
        ),
        gpu=system_wire.GpuMetrics(
            devices=[
                system_wire.GpuDevice(
                    id=gpu.index,
                    name=gpu.name,
                    memory_total_mb=gpu.memory_total_bytes // MIB,
                    memory_used_mb=gpu.memory_used_bytes // MIB,
                    utilization_percent=gpu.utilization_percent,
                )
                for gpu in reading.gpus
            ]
        ),
    )


def totals_to_wire(
    totals: RunTotals, agents: system_wire.AgentMetrics
) -> system_wire.ApplicationMetrics:
    """The product's figures of the day."""
    n_failed = totals.n_runs - totals.n_succeeded
    return system_wire.ApplicationMetrics(
        agents=agents,
        requests=system_wire.RequestMetrics(
            total_today=totals.n_runs,
            successful=totals.n_succeeded,
            failed=n_failed,
            error_rate=round(n_failed / totals.n_runs, 6) if totals.n_runs else 0.0,
        ),
        performance=system_wire.PerformanceMetrics(
            average_response_time_ms=round(totals.mean_duration_ms, 3),
            p95_response_time_ms=round(totals.p95_duration_ms, 3),
            p99_response_time_ms=round(totals.p99_duration_ms, 3),
        ),
    )


def _scopes_to_wire(scopes: Collection[str]) -> list[auth_wire.Scope]:
    return [scope for scope in get_args(auth_wire.Scope) if scope in scopes]


def _model_to_wire(model: ModelInfo) -> system_wire.ModelAnswer:
    needed = model.memory_bytes or (model.n_parameters or 0) * BYTES_PER_PARAMETER
    minimum_mb = math.ceil(needed / MIB)
    return system_wire.ModelAnswer(
        model_id=model.id,
        name=model.name,
        description=model.description,
        type="multimodal" if "vision" in model.capabilities else "text",
        capabilities=list(model.capabilities),
        parameters=count_to_wire(model.n_parameters),
        memory_requirements=system_wire.MemoryRequirements(
            minimum_mb=minimum_mb, recommended_mb=RECOMMENDED_FACTOR * minimum_mb
        ),
        status=availability(model.status),
        last_updated=model.updated_at,
    )
