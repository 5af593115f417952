"""The table of tool servers, and the step that brings it to older databases."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Connection, Index, Table

from notebook_agents.store.columns import (
    Json,
    UtcDateTime,
    id_column,
    json_column,
    metadata,
    text_column,
    time_column,
)

tool_servers = Table(
    "tool_servers",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("name"),
    text_column("slug"),
    text_column("description"),
    text_column("kind"),
    text_column("command"),
    json_column("args"),
    text_column("url"),
    json_column("secret_names"),
    text_column("sealed"),
    Column("is_enabled", Boolean, nullable=False),
    Column("is_global", Boolean, nullable=False, index=True),
    Column("is_trusted", Boolean, nullable=False),
    json_column("tools"),
    time_column("listed_at", nullable=True),
    text_column("last_error"),
    time_column("created_at"),
    time_column("updated_at"),
    Index("tool_servers_by_slug", "owner_id", "slug", unique=True),
)


def m015_tool_servers(connection: Connection) -> None:
    """Servers elsewhere that offer tools."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE tool_servers (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " name TEXT NOT NULL, slug TEXT NOT NULL, description TEXT NOT NULL, kind TEXT NOT NULL,"
        f" command TEXT NOT NULL, args {json} NOT NULL, url TEXT NOT NULL,"
        f" secret_names {json} NOT NULL, sealed TEXT NOT NULL, is_enabled BOOLEAN NOT NULL,"
        f" is_global BOOLEAN NOT NULL, is_trusted BOOLEAN NOT NULL, tools {json} NOT NULL,"
        f" listed_at {moment}, last_error TEXT NOT NULL, created_at {moment} NOT NULL,"
        f" updated_at {moment} NOT NULL)"
    )
    connection.exec_driver_sql("CREATE INDEX ix_tool_servers_is_global ON tool_servers (is_global)")
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX tool_servers_by_slug ON tool_servers (owner_id, slug)"
    )
