"""What the paths answer that two documents claim at the server's root: everything both name.

`design`: AIMOS's and Netra's ``/api/auth``, Netra's and AI-Agent-API's ``/health``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel

from notebook_agents_server.bodies import Request


class RefreshRequest(Request):
    """Addition of ours: go on with a login."""

    refresh_token: str


class UserAnswer(BaseModel):
    """GET /api/auth/me of AIMOS and of Netra."""

    id: int | str
    """A number for whoever logged in as Netra documents it, else a UUID."""
    username: str
    email: str
    name: str
    picture: str
    is_active: bool
    is_admin: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime
    last_login: AwareDatetime | None


class LoginAnswer(BaseModel):
    """POST /api/auth/login of AIMOS and of Netra."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int
    """Seconds."""
    refresh_token: str
    user: UserAnswer


class MessageAnswer(BaseModel):
    """POST /api/auth/logout of Netra."""

    message: str


class HealthAnswer(BaseModel):
    """GET /health of Netra and of AI-Agent-API."""

    status: Literal["healthy", "unhealthy"]
    timestamp: AwareDatetime
    version: str
    service: str
    environment: str
