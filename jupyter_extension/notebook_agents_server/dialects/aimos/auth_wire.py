"""AIMOS integration guide, Authentication APIs: the bodies of accounts and logins."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from notebook_agents_server.bodies import Answer, Request


class RegisterRequest(Request):
    """POST /api/auth/register: request."""

    username: str
    email: str
    password: str


class LoginRequest(Request):
    """POST /api/auth/login: request, a form; the same as JSON is an addition of ours."""

    username: str
    password: str
    grant_type: Literal["password"] = "password"
    """What OAuth2 clients, such as the page of the API documents, say beside them."""


class RefreshRequest(Request):
    """Addition of ours: go on with a login."""

    refresh_token: str


class UserAnswer(Answer):
    """POST /api/auth/register and GET /api/auth/me: response."""

    id: str
    username: str
    email: str
    is_active: bool
    is_admin: bool
    created_at: AwareDatetime
    last_login: AwareDatetime | None


class LoginAnswer(Answer):
    """POST /api/auth/login: response; the refresh token is an addition of ours."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int
    """Seconds."""
    refresh_token: str


class MessageAnswer(Answer):
    """Addition of ours: what was done."""

    message: str
