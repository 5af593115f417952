"""Kinds of columns that every table of the store is made of, and the schema they are in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, MetaData, String, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment; SQLite forgets the zone, which is always UTC here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()
Json = JSON().with_variant(JSONB(), "postgresql")


def id_column() -> Column[str]:
    """The id of a record, a UUID."""
    return Column("id", String(36), primary_key=True)


def text_column(name: str, **options: Any) -> Column[str]:
    """A text; never NULL."""
    return Column(name, Text, nullable=False, **options)


def time_column(name: str, *, nullable: bool = False) -> Column[datetime]:
    """A moment."""
    return Column(name, UtcDateTime, nullable=nullable)


def json_column(name: str) -> Column[Any]:
    """What SQL never looks into."""
    return Column(name, Json, nullable=False)
