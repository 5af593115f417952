"""Tektra AI Assistant API reference, Authentication: login, and API keys as an addition of ours."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import AwareDatetime, Field

from notebook_agents_server.bodies import Answer, Request

Scope: TypeAlias = Literal["read", "run", "write", "admin"]


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
    refresh_token: str
    """Good once, for the next answer of this form."""
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int
    """Seconds."""
    user: UserAnswer


class RefreshRequest(Request):
    """Addition of ours: go on with a login."""

    refresh_token: str


class PasswordRequest(Request):
    """Addition of ours: change the caller's password; all logins end."""

    old_password: str
    new_password: str


class MessageAnswer(Answer):
    """Addition of ours: what was done."""

    message: str


class ProfileAnswer(UserAnswer):
    """Addition of ours: the caller's account and what the credential is good for."""

    number: int
    name: str
    role: Literal["user", "admin"]
    scopes: list[Scope]
    created_at: AwareDatetime
    last_login: AwareDatetime | None


class CreateKeyRequest(Request):
    """Addition of ours: make an API key."""

    name: str
    scopes: list[Scope] | None = None
    """What it is good for; everything but administration when it is not said."""
    expires_in_days: int | None = Field(default=None, ge=1, le=36_500)


class KeyAnswer(Answer):
    """Addition of ours: an API key without its secret."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
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
