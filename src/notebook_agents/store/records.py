"""Records of the core to rows of the tables and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Table

from notebook_agents.store.columns import Json
from notebook_agents.store.tables import TABLES

T = TypeVar("T")


class _Adapters(dict[type[Any], TypeAdapter[Any]]):
    """Made when they are needed: who reads one kind of records need not wait for all."""

    def __missing__(self, kind: type[Any]) -> TypeAdapter[Any]:
        made = self[kind] = TypeAdapter(kind)
        return made


_ADAPTERS = _Adapters()


def row_of(record: Any) -> dict[str, Any]:
    """The row a record is stored as."""
    table = TABLES[type(record)]
    plain = _ADAPTERS[type(record)].dump_python(record, mode="json")
    return {
        column.name: plain[column.name] if column.type is Json else getattr(record, column.name)
        for column in table.columns
    }


def values_of(kind: type[Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Single field values as they are stored; KeyError for a field that does not exist."""
    columns = TABLES[kind].columns
    return {
        name: _plain(value) if columns[name].type is Json else value
        for name, value in fields.items()
    }


def record_of(kind: type[T], row: RowMapping) -> T:
    """The record a row holds."""
    record: T = _ADAPTERS[kind].validate_python(dict(row))
    return record


def table_of(kind: type[Any]) -> Table:
    """Where records of this class are kept."""
    return TABLES[kind]


def _plain(value: Any) -> Any:
    return TypeAdapter(type(value)).dump_python(value, mode="json")
