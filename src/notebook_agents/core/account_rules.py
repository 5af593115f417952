"""What accounts may be called, where their mail goes, and how long their passwords are."""

from __future__ import annotations

import re

from notebook_agents.core.errors import InvalidRequest

HUB_DOMAIN = "hub.localhost"
"""The e-mail domain of accounts that a Hub's users get here; nobody registers there."""
MIN_PASSWORD = 8
MAX_PASSWORD = 1024
_MAX_EMAIL = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""
_USERNAME = re.compile(r"[A-Za-z0-9._-]+")
"""What strangers choose from: in other alphabets there are letters that look like these."""
_EMAIL = re.compile(r"[^@\s\x00-\x1f<>()\[\],;:\"\\]+@[\w-]+(\.[\w-]+)*")


def username_key(username: str) -> str:
    """What two usernames have in common when they differ in case only."""
    return username.casefold()


def check_username(username: str) -> None:
    """InvalidRequest unless the name is neither too short nor too long."""
    if len(username) < 3:
        raise InvalidRequest("Username must be at least 3 characters", field="username")
    if len(username) > 50:
        raise InvalidRequest("Username must be at most 50 characters", field="username")


def check_new_username(username: str) -> None:
    """InvalidRequest unless a stranger may call themselves so."""
    check_username(username)
    if not _USERNAME.fullmatch(username):
        raise InvalidRequest(
            "Username must have only the letters a-z and A-Z, digits, '.', '_' and '-'",
            field="username",
        )


def check_email(email: str) -> None:
    """InvalidRequest unless it can be an address."""
    if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise InvalidRequest("Email must be an address such as ann@example.org", field="email")


def check_new_email(email: str) -> None:
    """InvalidRequest unless a stranger may give it as theirs."""
    check_email(email)
    if email.lower().rpartition("@")[2] == HUB_DOMAIN:
        raise InvalidRequest(
            f"Email must not be of {HUB_DOMAIN}, which is kept for a Hub's users", field="email"
        )


def check_password(password: str) -> None:
    """InvalidRequest unless the password is long enough."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidRequest(
            f"Password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters", field="password"
        )
