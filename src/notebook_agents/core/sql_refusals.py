"""What a database says of SQL, in a person's words: what is wrong, where, which name was meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.sql_text import place_in, tables_in, token_at, tokens_of

if TYPE_CHECKING:
    from notebook_agents.core.analytics import ViewInfo

_COLUMN = re.compile(r'(?:Referenced column|have a column named) "(?P<name>[^"]+)"')
_TABLE = re.compile(r"Table with name (?P<name>\S+) does not exist")
_NEAR = re.compile(r'at or near "(?P<name>[^"]+)"')
_KIND = re.compile(r"^(?:[A-Z][a-z]+ )+Error: ")
_CANDIDATES = re.compile(r"\s*Candidate (?:functions|bindings|tables)\b.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no answer, and what helps."""

    cause: str
    step: str = ""

    def __str__(self) -> str:
        return f"{self.cause}; {self.step}" if self.step else self.cause


def refusal(
    error: InvalidRequest, sql: str, known: Sequence[ViewInfo], *, message: str = "", at: str = ""
) -> Refusal:
    """The same of a query over views that are known.

    ``message`` stands in place of the error's, and ``at`` before the SQL that a step names.
    """
    message = message or error.message
    if found := _COLUMN.search(message):
        cause, step = _no_column(found["name"], sql, known, at)
    elif found := _TABLE.search(message):
        cause, step = _no_table(found["name"], known, at)
    else:
        cause = _CANDIDATES.sub("", _KIND.sub("", message)).strip()
        found = _NEAR.search(cause)
        is_helped = "did you mean" in cause.lower() or "; " in cause
        step = "" if is_helped else f"views: {at}SHOW TABLES"
    place = _where(error, sql, found["name"] if found else "")
    return Refusal(cause=f"{cause}{place}", step=step)


def in_words(error: InvalidRequest, sql: str, known: Sequence[ViewInfo]) -> InvalidRequest:
    """The error with these words, for those who see no notebook."""
    field, position = error.details.get("field"), error.details.get("position")
    return InvalidRequest(str(refusal(error, sql, known)), field=field, position=position)


def _no_column(name: str, sql: str, known: Sequence[ViewInfo], at: str) -> tuple[str, str]:
    read = list(dict.fromkeys(tables_in(sql).values()))
    views = [view for view in known if view.name in read]
    near = _close_to(name, [column for view in views for column in view.columns])
    place = f" in {' or '.join(read)}" if read else ""
    example = views[0].name if views else "v_runs"
    step = f"did you mean {near}?" if near else f"its columns: {at}DESCRIBE {example}"
    return f"there is no column {name!r}{place}", step


def _no_table(name: str, known: Sequence[ViewInfo], at: str) -> tuple[str, str]:
    near = _close_to(name, [view.name for view in known])
    step = f"did you mean {near}?" if near else f"what there is: {at}SHOW TABLES"
    return f"there is no view {name!r}", step


def _close_to(name: str, known: list[str]) -> str:
    return next(iter(get_close_matches(name.lower(), known, n=1)), "")


def _where(error: InvalidRequest, sql: str, name: str) -> str:
    """``(line 2, column 8, at 'modle')``; nothing where nobody knows."""
    position = error.details.get("position")
    if position is None and name:
        found = [t.start for t in tokens_of(sql) if t.name.lower() == name.lower()]
        position = found[0] if len(found) == 1 else None
    if not isinstance(position, int) or not 0 <= position <= len(sql):
        return ""
    token = token_at(sql, position)
    line, column = place_in(sql, token.start if token else position)
    said = f", at {token.text!r}" if token and not name and token.kind != "space" else ""
    return f" (line {line}, column {column}{said})"
