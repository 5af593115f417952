"""Tektra AI Assistant API reference, Authentication: login, and API keys as an addition of ours."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from notebook_agents_server.dialects.tektra.wire import Answer, Request


class LoginRequest(Request):
    """Authentication / Session Authentication."""

    username: str
    password: str


class UserAnswer(Answer):
    """The account behind a login."""

    id: str
    username: str
    email: str
    is_admin: bool


class LoginAnswer(Answer):
    """Undocumented answer of the login: the token under both of its names."""

    access_token: str
    session_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int
    """Seconds."""
    user: UserAnswer


class CreateKeyRequest(Request):
    """Addition of ours: make an API key."""

    name: str
    expires_in_days: int | None = Field(default=None, ge=1)


class KeyAnswer(Answer):
    """Addition of ours: an API key without its secret."""

    key_id: str
    name: str
    prefix: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    last_used: AwareDatetime | None


class NewKeyAnswer(KeyAnswer):
    """Addition of ours: a new API key, the only time its secret is shown."""

    api_key: str


class KeysAnswer(Answer):
    """Addition of ours: the caller's API keys."""

    keys: list[KeyAnswer]
    total: int
