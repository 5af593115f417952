"""AI-Agent-API-Service, Authentication Endpoints: the bodies of accounts and logins."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from notebook_agents_server.bodies import Answer, Request


class LoginRequest(Request):
    """POST /api/v1/auth/login: request."""

    email: str
    password: str


class LoginAnswer(Answer):
    """POST /api/v1/auth/login and /refresh: response; the refresh token is an addition of ours."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int
    """Seconds."""
    refresh_token: str


class RegisterRequest(Request):
    """POST /api/v1/auth/register: request."""

    email: str
    username: str
    password: str
    full_name: str = ""


class RegisterAnswer(Answer):
    """POST /api/v1/auth/register: response; the name is an addition of ours."""

    id: str
    email: str
    username: str
    role: Literal["user", "admin"]
    created_at: AwareDatetime
    full_name: str


class RefreshRequest(Request):
    """POST /api/v1/auth/refresh: request."""

    refresh_token: str
