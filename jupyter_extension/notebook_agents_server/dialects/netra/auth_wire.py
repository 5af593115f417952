"""Netra API Reference, Authentication Endpoints: the bodies and queries of logins."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, StringConstraints

from notebook_agents_server.bodies import Answer, Query, Request


class LoginRequest(Request):
    """POST /api/auth/login: request body."""

    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
    password: Annotated[str, StringConstraints(min_length=1)]


class RefreshRequest(Request):
    """Addition of ours: go on with a login."""

    refresh_token: str


class LoginUser(Answer):
    """POST /api/auth/login: the user of the response."""

    id: int
    email: str
    name: str


class LoginAnswer(Answer):
    """POST /api/auth/login: response; when it ends and the refresh token are additions of ours."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int
    """Seconds."""
    refresh_token: str
    user: LoginUser


class ExternalUser(LoginUser):
    """GET /api/auth/google/callback: the user of the response."""

    picture: str


class ExternalLoginAnswer(LoginAnswer):
    """GET /api/auth/google/callback: response."""

    user: ExternalUser


class UserAnswer(LoginUser):
    """GET /api/auth/me: response."""

    created_at: AwareDatetime
    updated_at: AwareDatetime


class MessageAnswer(Answer):
    """POST /api/auth/logout: response."""

    message: str


class AuthorizeQuery(Query):
    """GET /api/auth/google/authorize: query parameters."""

    redirect_uri: str | None = None


class AuthorizeAnswer(Answer):
    """GET /api/auth/google/authorize: response."""

    authorization_url: str


class CallbackQuery(Query):
    """GET /api/auth/google/callback: query parameters; a provider may add others."""

    model_config = ConfigDict(extra="ignore")

    state: str
    code: str = ""
    error: str = ""
    """In place of a code: why the provider gives none (RFC 6749, section 4.1.2.1)."""
