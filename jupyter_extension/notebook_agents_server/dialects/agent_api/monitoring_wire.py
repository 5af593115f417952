"""AI-Agent-API-Service, Monitoring Endpoints."""

from __future__ import annotations

from typing import Literal

from notebook_agents_server.bodies import Answer


class HealthAnswer(Answer):
    """GET /health: response."""

    status: Literal["healthy", "unhealthy"]
    service: str
    version: str
    environment: str
