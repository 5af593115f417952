"""One redactor for what leaves a process: its log, its events, its answers.

It knows secrets by their values: keys of the environment, the server's tokens, passwords in
addresses. Those are taken out wherever text leaves. A log also loses what only looks like a secret;
events and answers do not, for what people write in them is theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from notebook_agents.core.masking import MASK, Masker, known_pattern, secrets_of_environment

MIN_SECRET_CHARS = 12
"""Shorter values could be anybody's words."""
T = TypeVar("T")


class Redactor:
    """Takes secrets out of text and values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: dict[str, None] = {}
        self._known = known_pattern([])
        self._masker = Masker()
        self.learn(*secrets)

    @classmethod
    def of_process(cls) -> Redactor:
        """One that knows what the environment of this process calls secret."""
        made = cls(secrets_of_environment())
        # What is named a secret is one as a whole, too, where it is an address: of a web hook, say.
        made._know(secrets_of_environment())
        return made

    def learn(self, *secrets: str) -> None:
        """Know more secrets: values, or addresses with a password."""
        self._know(secret for text in secrets for secret in _told_by(text))

    def _know(self, found: Iterable[str]) -> None:
        fresh = {text for text in found if len(text) >= MIN_SECRET_CHARS} - set(self._secrets)
        if fresh:
            self._secrets |= dict.fromkeys(sorted(fresh))
            self._known = known_pattern(list(self._secrets))
            self._masker = Masker(self._secrets)

    def text(self, text: str) -> str:
        """The text without known secrets."""
        return text if self._known is None else self._known.sub(MASK, text)

    def log_text(self, text: str) -> str:
        """The text without known secrets and without what looks like one."""
        return self._masker.masked(text)

    def value(self, value: T) -> T:
        """The same value without known secrets in any text of it."""
        if self._known is None:
            return value
        found: T = self._clean(value)
        return found

    def _clean(self, value: Any) -> Any:
        """The value itself where there is nothing to take out."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            items = {self._clean(key): self._clean(item) for key, item in value.items()}
            return value if items == value else items
        if isinstance(value, list | tuple):
            parts = [self._clean(part) for part in value]
            return value if parts == list(value) else type(value)(parts)
        if is_dataclass(value) and not isinstance(value, type):
            given = {field.name: getattr(value, field.name) for field in fields(value)}
            changed = {
                name: cleaned
                for name, item in given.items()
                if (cleaned := self._clean(item)) is not item and cleaned != item
            }
            return replace(value, **changed) if changed else value
        return value


class RedactingFilter(logging.Filter):
    """Takes secrets out of every line, and of the traceback below it, before it is written."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets it through."""
        said, is_whole = _message(record)
        cleaned = self._redactor.log_text(said)
        if cleaned != said or not is_whole:
            record.msg, record.args = cleaned, None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redactor.log_text(record.exc_text)
        return True


def _message(record: logging.LogRecord) -> tuple[str, bool]:
    """What a record says, and whether its words and its values fit each other.

    Where they do not, `logging` prints both as they are, and a filter that fails would stop whoever
    logged.
    """
    try:
        return record.getMessage(), True
    except (TypeError, ValueError, KeyError):
        return f"{record.msg!r} with {record.args!r}", False


def _told_by(text: str) -> tuple[str, ...]:
    """What is secret in a setting: all of it, or of an address the password."""
    if "://" not in text:
        return (text,)
    try:
        password = urlsplit(text).password or ""
    except ValueError:
        return (text,)
    return (password, unquote(password))
