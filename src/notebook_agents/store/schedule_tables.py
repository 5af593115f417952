"""Where schedules are kept, and the migration that makes the place."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Connection, Index, Integer, Table

from notebook_agents.store.columns import (
    UtcDateTime,
    id_column,
    metadata,
    text_column,
    time_column,
)

schedules = Table(
    "schedules",
    metadata,
    id_column(),
    text_column("owner_id"),
    time_column("next_run_at", nullable=True),
    Column("is_paused", Boolean, nullable=False),
    text_column("claimed_by"),
    time_column("claimed_until"),
    time_column("last_tick_at", nullable=True),
    text_column("last_execution_id"),
    Column("n_fired", Integer, nullable=False),
    Column("n_skipped", Integer, nullable=False),
    time_column("last_skipped_at", nullable=True),
    text_column("last_skipped_reason"),
    time_column("created_at"),
    time_column("updated_at"),
    Index("schedules_due", "next_run_at"),
)


def m012_schedules(connection: Connection) -> None:
    """When tasks run by themselves."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    for statement in (
        "CREATE TABLE schedules (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        f" next_run_at {moment}, is_paused BOOLEAN NOT NULL, claimed_by TEXT NOT NULL,"
        f" claimed_until {moment} NOT NULL, last_tick_at {moment},"
        " last_execution_id TEXT NOT NULL, n_fired INTEGER NOT NULL, n_skipped INTEGER NOT NULL,"
        f" created_at {moment} NOT NULL, updated_at {moment} NOT NULL)",
        "CREATE INDEX schedules_due ON schedules (next_run_at)",
    ):
        connection.exec_driver_sql(statement)
