"""Events that leave the deployment as a file: which, in what form, and what is left out of them.

Without being asked for content an export tells what happened, how often, how long and at what cost,
and nothing that a person, a model or a tool wrote (`core.content_fields`). An administrator's rules
take away more, whoever asks and whatever for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, TypeAlias

from notebook_agents.core.content_fields import FIELDS, Fields
from notebook_agents.core.errors import InvalidRequest, Unsupported
from notebook_agents.core.event_columns import EVENT_COLUMNS

if TYPE_CHECKING:
    from notebook_agents.core.users import Actor

ExportFormat: TypeAlias = Literal["parquet", "csv", "jsonl"]
EVENTS = "events"
"""The table of all events, where no view is named."""
REDACTED = "[redacted]"
"""What stands where a pattern was found."""
_NEEDED = frozenset({"id", "ts", "type", "payload"})
"""Columns without which a row is none."""
_SAME_IDS = {
    "conversation_id": ("forked_from",),
    "run_id": ("after_run_id", "changed_by_run_id"),
    "user_id": ("by",),
}
"""Columns of ids, and the fields in which ids of the same things stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What an export leaves out besides content."""

    columns: frozenset[str] = frozenset()
    """Of ``events``; they are empty."""
    fields: frozenset[tuple[str, str]] = frozenset()
    """Types of events and fields of theirs; the type is empty for those of every type."""
    patterns: tuple[str, ...] = ()
    """Regular expressions; what they match in any text is replaced."""

    @classmethod
    def read(cls, rules: Sequence[str]) -> Redaction:
        """What rules say: ``name``, ``type.name`` or ``/regular expression/``.

        InvalidRequest on the field ``events_redaction`` for one that would leave out nothing.
        """
        columns: set[str] = set()
        fields: set[tuple[str, str]] = set()
        patterns: list[str] = []
        for rule in rules:
            if len(rule) > 2 and rule[0] == rule[-1] == "/":
                patterns.append(_pattern(rule[1:-1]))
                continue
            type, _, name = rule.rpartition(".")
            _check(rule, type, name)
            if not type and name in _column_names():
                columns.add(name)
            same = () if type else _SAME_IDS.get(name, ())
            fields |= {(type, name), *(("", each) for each in same)}
        return cls(columns=frozenset(columns), fields=frozenset(fields), patterns=tuple(patterns))

    def __or__(self, other: Redaction) -> Redaction:
        """What either of the two leaves out."""
        return Redaction(
            columns=self.columns | other.columns,
            fields=self.fields | other.fields,
            patterns=(*self.patterns, *other.patterns),
        )

    def of(self, type: str) -> Collection[str]:
        """The fields of a type that are left out."""
        return {name for kind, name in self.fields if kind in ("", type)}


def _column_names() -> set[str]:
    return {column.name for column in EVENT_COLUMNS}


def _names(fields: Fields) -> set[str]:
    return {*fields.plain.split(), *fields.content.split(), *fields.person.split()}


def _check(rule: str, type: str, name: str) -> None:
    kinds = [FIELDS[type]] if type in FIELDS else [] if type else FIELDS.values()
    known = {field for kind in kinds for field in _names(kind)}
    known |= set() if type else _column_names() - _NEEDED
    if name not in known:
        raise InvalidRequest(
            f"events_redaction: {rule!r} names nothing that an export holds; give a column or a"
            " field of docs/events.md, such as model or tool_started.name, or /an expression/",
            field="events_redaction",
        )


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise InvalidRequest(
            f"events_redaction: /{text}/ is no regular expression: {error}",
            field="events_redaction",
        ) from None
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWish:
    """What is to be exported."""

    to: Path | BinaryIO
    """A new file, or what is open already, for ``jsonl`` and ``csv``."""
    format: ExportFormat = "parquet"
    view: str = EVENTS
    owner_id: str | None = None
    """Whose events; None is everybody's."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is not wanted any more."""
    types: tuple[str, ...] = ()
    """Of events; empty is every type."""
    has_content: bool = False
    """Whether what persons, models and tools wrote is in it."""
    has_pseudonyms: bool = False
    """Whether users stand in it under names that only this deployment can find out, the same in
    all its exports."""
    rules: tuple[str, ...] = ()
    """What is left out besides what the deployment leaves out of every export; see `Redaction`."""
    is_replacing: bool = False
    """Whether a file that is there is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was exported."""

    n_rows: int
    size_bytes: int
    schema_version: int


Progress: TypeAlias = Callable[[float], None]
"""Is told how much of the work is done, in percent, on any thread."""


def untold(percent: float) -> None:
    """Tell nobody."""
    del percent


class EventExporter(Protocol):
    """Writes events, or what a view makes of them, into files; blocks."""

    def export(self, wish: ExportWish, tell: Progress = untold) -> ExportReport:
        """Do it; the file is whole or not there.

        InvalidRequest names the field of the wish that is wrong, StorageUnavailable says why the
        file cannot be written.
        """
        ...


class Exports:
    """Exports for administrators."""

    def __init__(self, exporter: EventExporter | None) -> None:
        self._exporter = exporter

    async def export(self, actor: Actor, wish: ExportWish, tell: Progress = untold) -> ExportReport:
        """Write the file that is wished for; NotPermitted for others than administrators."""
        actor.require_admin()
        if self._exporter is None:
            raise Unsupported("this process keeps no event log")
        exporter = self._exporter
        return await asyncio.get_running_loop().run_in_executor(
            None, lambda: exporter.export(wish, tell)
        )
