"""The table of reports; their files lie in a folder."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Index, Table

from notebook_agents.store.columns import (
    Json,
    UtcDateTime,
    id_column,
    json_column,
    metadata,
    text_column,
    time_column,
)

reports = Table(
    "reports",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("conversation_id"),
    text_column("execution_id"),
    text_column("title"),
    text_column("format"),
    json_column("parts"),
    text_column("path"),
    Column("size_bytes", BigInteger, nullable=False),
    time_column("created_at"),
    Index("reports_by_owner", "owner_id", "created_at"),
)


def m016_reports(connection: Connection) -> None:
    """Reports that were made."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE reports (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " conversation_id TEXT NOT NULL, execution_id TEXT NOT NULL, title TEXT NOT NULL,"
        f" format TEXT NOT NULL, parts {json} NOT NULL, path TEXT NOT NULL,"
        f" size_bytes BIGINT NOT NULL, created_at {moment} NOT NULL)"
    )
    connection.exec_driver_sql("CREATE INDEX reports_by_owner ON reports (owner_id, created_at)")
