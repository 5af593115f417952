"""The table of attachments, and the migration that made it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Float, Index, Integer, Table

from notebook_agents.store.columns import (
    UtcDateTime,
    id_column,
    metadata,
    text_column,
    time_column,
)

attachments = Table(
    "attachments",
    metadata,
    id_column(),
    text_column("owner_id", index=True),
    text_column("conversation_id"),
    text_column("name"),
    text_column("mime_type"),
    Column("size_bytes", BigInteger, nullable=False),
    text_column("sha256"),
    text_column("path"),
    text_column("text_path"),
    text_column("status", index=True),
    Column("progress", Float, nullable=False),
    text_column("error"),
    Column("n_chars", Integer, nullable=False),
    Column("n_attempts", Integer, nullable=False),
    text_column("holder"),
    time_column("created_at"),
    time_column("expires_at", nullable=True),
    Index("attachments_by_conversation", "conversation_id", "created_at"),
)


def m013_attachments(connection: Connection) -> None:
    """Files given to conversations, and how far reading them is."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    for statement in (
        "CREATE TABLE attachments (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " conversation_id TEXT NOT NULL, name TEXT NOT NULL, mime_type TEXT NOT NULL,"
        " size_bytes BIGINT NOT NULL, sha256 TEXT NOT NULL, path TEXT NOT NULL,"
        " text_path TEXT NOT NULL, status TEXT NOT NULL, progress FLOAT NOT NULL,"
        " error TEXT NOT NULL, n_chars INTEGER NOT NULL, n_attempts INTEGER NOT NULL,"
        f" holder TEXT NOT NULL, created_at {moment} NOT NULL, expires_at {moment})",
        "CREATE INDEX ix_attachments_owner_id ON attachments (owner_id)",
        "CREATE INDEX ix_attachments_status ON attachments (status)",
        "CREATE INDEX attachments_by_conversation ON attachments (conversation_id, created_at)",
    ):
        connection.exec_driver_sql(statement)
