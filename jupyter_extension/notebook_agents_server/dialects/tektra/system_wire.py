"""Tektra AI Assistant API reference: the bodies of models, health, metrics and errors."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import AwareDatetime

from notebook_agents_server.bodies import Answer

Health: TypeAlias = Literal["healthy", "degraded", "unhealthy", "not_used"]


class MemoryRequirements(Answer):
    """What a model needs."""

    minimum_mb: int
    recommended_mb: int


class ModelAnswer(Answer):
    """One model."""

    model_id: str
    name: str
    description: str
    type: Literal["text", "multimodal"]
    capabilities: list[str]
    parameters: str
    memory_requirements: MemoryRequirements
    status: Literal["available", "loading", "unavailable"]
    last_updated: AwareDatetime | None


class ModelsAnswer(Answer):
    """Models / List Available Models: response."""

    models: list[ModelAnswer]


class ModelPerformance(Answer):
    """What the engine does now, over all models it holds."""

    active_requests: int
    queued_requests: int


class ModelStatusAnswer(Answer):
    """Models / Get Model Status: undocumented response."""

    model_id: str
    status: Literal["available", "loading", "unavailable"]
    loaded: bool
    device: str
    memory_mb: float
    performance: ModelPerformance
    last_updated: AwareDatetime | None


class HealthComponents(Answer):
    """The parts of the system."""

    database: Health
    redis: Health
    models: Health
    security: Health


class HealthMetrics(Answer):
    """Figures of the health check."""

    active_agents: int
    total_requests_today: int
    average_response_time_ms: float
    memory_usage_percent: float
    cpu_usage_percent: float


class HealthAnswer(Answer):
    """System / Health Check: response."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    timestamp: AwareDatetime
    components: HealthComponents
    metrics: HealthMetrics


class MemoryMetrics(Answer):
    """The machine's memory."""

    total_mb: int
    used_mb: int
    available_mb: int
    usage_percent: float


class CpuMetrics(Answer):
    """The machine's processors."""

    cores: int
    usage_percent: float
    load_average: list[float]


class GpuDevice(Answer):
    """One GPU."""

    id: int
    name: str
    memory_total_mb: int
    memory_used_mb: int
    utilization_percent: float


class GpuMetrics(Answer):
    """The machine's GPUs."""

    devices: list[GpuDevice]


class SystemMetrics(Answer):
    """The machine."""

    memory: MemoryMetrics
    cpu: CpuMetrics
    gpu: GpuMetrics


class AgentMetrics(Answer):
    """The caller's agents; ``active`` ones had a run within five minutes."""

    total: int
    active: int
    idle: int
    error: int


class RequestMetrics(Answer):
    """Runs since midnight UTC."""

    total_today: int
    successful: int
    failed: int
    error_rate: float


class PerformanceMetrics(Answer):
    """How long runs took since midnight UTC."""

    average_response_time_ms: float
    p95_response_time_ms: float
    p99_response_time_ms: float


class ApplicationMetrics(Answer):
    """The product."""

    agents: AgentMetrics
    requests: RequestMetrics
    performance: PerformanceMetrics


class MetricsAnswer(Answer):
    """System / System Metrics: response."""

    timestamp: AwareDatetime
    system: SystemMetrics
    application: ApplicationMetrics


class ErrorDetail(Answer):
    """What went wrong."""

    code: str
    message: str
    details: dict[str, Any]
    request_id: str
    timestamp: AwareDatetime


class ErrorAnswer(Answer):
    """Error Handling / Error Response Format."""

    error: ErrorDetail
