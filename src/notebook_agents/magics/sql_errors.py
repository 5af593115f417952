"""Errors of SQL as one line: what is wrong, where, and which name was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_agents.core.sql_refusals import refusal
from notebook_agents.magics.errors import AgentError, one_line

if TYPE_CHECKING:
    from notebook_agents.core.analytics import ViewInfo
    from notebook_agents.core.errors import InvalidRequest

MIN_TEXT = 4
"""Characters of a value that is looked for without quotes, too; shorter ones are in any words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and the values that were bound."""

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)


def sql_error(error: InvalidRequest, asked: Asked, known: Sequence[ViewInfo]) -> AgentError:
    """The database's refusal as the cell's one line, without the values of variables."""
    message = without_values(error.message, asked.values)
    told = refusal(error, asked.sql, known, message=message, at="%agent sql ")
    return AgentError(one_line(told.cause, told.step))


def without_values(message: str, values: Mapping[str, Any]) -> str:
    """The text with ``$name`` for each value: a variable may hold a key, and errors are kept."""
    texts = [(text, name) for name, value in values.items() for text in _texts(value)]
    for text, name in sorted(texts, key=lambda pair: -len(pair[0])):
        for shown in {text, text.replace("'", "''"), repr(text)[1:-1]}:
            if len(shown) >= MIN_TEXT:
                message = message.replace(shown, f"${name}")
            message = re.sub(rf"""(['"]){re.escape(shown)}\1""", f"${name}", message)
    return message


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from filter(None, {value, value.strip()})
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
