"""The query of the events as an export may hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from notebook_agents.core.content_fields import (
    FIELDS,
    person_fields,
    plain_fields,
)
from notebook_agents.core.event_columns import LINE_COLUMNS, TAKEN_COLUMNS
from notebook_agents.core.exports import REDACTED

if TYPE_CHECKING:
    from notebook_agents.core.event_columns import Column
    from notebook_agents.core.exports import ExportWish, Redaction

PSEUDONYM_CHARS = 32
"""Of the 64 that a digest has; enough that no two users get one name."""


def variables_of(redaction: Redaction, pseudonym_key: str) -> dict[str, Any]:
    """The values that `redacted_sql` refers to."""
    patterns = {f"pattern_{n}": text for n, text in enumerate(redaction.patterns)}
    return {"pseudonym_key": pseudonym_key, "redacted": REDACTED, **patterns}


def redacted_sql(wish: ExportWish, redaction: Redaction) -> str:
    """A SELECT over ``main.events`` with the same columns."""
    line = ", ".join(_line_column(column, wish, redaction) for column in LINE_COLUMNS)
    # What was taken out of a payload is gone with the field that it was taken from.
    taken = (
        column.sql if redaction.fields or column.is_private else column.name
        for column in TAKEN_COLUMNS
    )
    shown = ", ".join(
        f"{_left(column, sql, redaction)} AS {column.name}"
        for column, sql in [
            *((column, column.name) for column in LINE_COLUMNS),
            *zip(TAKEN_COLUMNS, taken, strict=True),
        ]
    )
    kept = "" if redaction.fields else f", {', '.join(c.name for c in TAKEN_COLUMNS)}"
    return f"SELECT {shown} FROM (SELECT {line}{kept} FROM main.events)"  # noqa: S608


def _line_column(column: Column, wish: ExportWish, redaction: Redaction) -> str:
    if column.name == "payload":
        return f"{_payload(wish, redaction)} AS payload"
    if column.name == "user_id" and wish.has_pseudonyms:
        return f"{_pseudonym('user_id')} AS user_id"
    return column.name


def _left(column: Column, sql: str, redaction: Redaction) -> str:
    """What the rules of an administrator leave of a column."""
    if column.name in redaction.columns:
        return f"NULL::{column.type}"
    is_text = column.type == "VARCHAR" and not column.name.endswith("id") and column.name != "type"
    return _matched(sql, redaction) if is_text else sql


def _payload(wish: ExportWish, redaction: Redaction) -> str:
    """Type by type; without content nothing of a type that nobody has decided upon."""
    told = _without if wish.has_content else _only_plain
    whole = " ".join(f"WHEN '{type}' THEN {told(type, wish, redaction)}" for type in FIELDS)
    unknown = _without("", wish, redaction) if wish.has_content else "'{}'::JSON"
    payload = f"CASE type {whole} ELSE {unknown} END"
    if not redaction.patterns:
        return payload
    found = _matched(f"({payload})::VARCHAR", redaction)
    # What a pattern does to quotes may leave something that is no JSON any more.
    return f"CASE WHEN json_valid({found}) THEN ({found})::JSON ELSE '{{}}'::JSON END"


def _only_plain(type: str, wish: ExportWish, redaction: Redaction) -> str:
    parts = {name: f"payload -> '{name}'" for name in plain_fields(type)} | _persons(type, wish)
    return _object({name: parts[name] for name in parts.keys() - redaction.of(type)})


def _without(type: str, wish: ExportWish, redaction: Redaction) -> str:
    """The whole payload but for what rules leave out, and for persons' names."""
    persons = _persons(type, wish) if wish.has_pseudonyms else {}
    changes = persons | dict.fromkeys(redaction.of(type), "NULL")
    return f"json_merge_patch(payload, {_object(changes)})" if changes else "payload"


def _persons(type: str, wish: ExportWish) -> dict[str, str]:
    found = {name: f"payload ->> '{name}'" for name in person_fields(type)}
    return {name: _pseudonym(sql) if wish.has_pseudonyms else sql for name, sql in found.items()}


def _object(parts: Mapping[str, str]) -> str:
    told = ", ".join(f"'{name}', {sql}" for name, sql in sorted(parts.items()))
    return f"json_object({told})"


def _pseudonym(sql: str) -> str:
    key = "getvariable('pseudonym_key')"
    digest = f"sha256({key} || sha256({key} || ({sql})))"
    return f"CASE WHEN ({sql}) = '' THEN '' ELSE left({digest}, {PSEUDONYM_CHARS}) END"


def _matched(sql: str, redaction: Redaction) -> str:
    for n in range(len(redaction.patterns)):
        sql = f"regexp_replace({sql}, getvariable('pattern_{n}'), getvariable('redacted'), 'g')"
    return sql
