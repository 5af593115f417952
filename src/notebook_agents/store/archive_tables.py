"""The tables of archives and templates."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from notebook_agents.store.columns import (
    id_column,
    json_column,
    metadata,
    text_column,
    time_column,
)

archives = Table(
    "archives",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("conversation_id", index=True),
    text_column("path"),
    Column("size_bytes", BigInteger, nullable=False),
    text_column("sha256"),
    Column("n_files", Integer, nullable=False),
    Column("content_bytes", BigInteger, nullable=False),
    json_column("files"),
    time_column("created_at"),
)

templates = Table(
    "templates",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("name"),
    text_column("description"),
    text_column("category"),
    text_column("category_key"),
    text_column("mode"),
    json_column("options"),
    Column("is_public", Boolean, nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    Index("templates_by_owner", "owner_id", "created_at"),
    Index("templates_by_category", "category_key"),
)
