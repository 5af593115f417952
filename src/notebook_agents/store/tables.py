"""The tables of the store: one per kind of record, one column per field.

Fields that SQL never looks into (messages, settings, lists) are JSON columns. A record of the core
and its row are turned into each other by ``records.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from notebook_agents.core.agents import Agent
from notebook_agents.core.api_keys import ApiKey
from notebook_agents.core.batches import Batch
from notebook_agents.core.conversations import Conversation, MessageNode
from notebook_agents.core.deliveries import Delivery
from notebook_agents.core.external_logins import ExternalAccount
from notebook_agents.core.logins import Login, RevokedToken
from notebook_agents.core.orders import RunOrder
from notebook_agents.core.runs import Run
from notebook_agents.core.users import User
from notebook_agents.core.webhook_scan import StreamCursor
from notebook_agents.core.webhooks import Webhook
from notebook_agents.core.workloads import Workload


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


def _id() -> Column[str]:
    return Column("id", String(36), primary_key=True)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _time(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=nullable)


def _json(name: str) -> Column[Any]:
    return Column(name, Json, nullable=False)


users = Table(
    "users",
    metadata,
    _id(),
    _text("username", unique=True),
    _text("email", unique=True),
    _text("password_hash"),
    Column("is_active", Boolean, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    _time("last_login", nullable=True),
    Column("number", Integer, nullable=False),
    _text("name"),
    _text("picture"),
    Column("is_email_verified", Boolean, nullable=False),
    Column("token_epoch", Integer, nullable=False),
    _text("username_key"),
    Index("users_by_number", "number", unique=True),
    Index("users_by_username_key", "username_key", unique=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _text("owner_id", index=True),
    _text("name"),
    _text("prefix"),
    _text("digest", unique=True),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("revoked_at", nullable=True),
    _time("last_used", nullable=True),
    _json("scopes"),
)

logins = Table(
    "logins",
    metadata,
    _id(),
    _text("owner_id", index=True),
    _text("dialect"),
    Column("token_epoch", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    _time("created_at"),
    _time("expires_at"),
)

external_accounts = Table(
    "external_accounts",
    metadata,
    _id(),
    _text("owner_id"),
    _text("issuer"),
    _text("subject"),
    _time("created_at"),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    _id(),
    _text("owner_id"),
    _time("expires_at"),
)

agents = Table(
    "agents",
    metadata,
    _id(),
    _text("owner_id"),
    _text("name"),
    _text("description"),
    _text("model"),
    _text("instructions"),
    _json("tools"),
    _text("security_level"),
    Column("max_memory_mb", Integer, nullable=False),
    Column("timeout_s", Float, nullable=False),
    _json("sampling"),
    _json("policy"),
    _json("metadata"),
    _text("status"),
    _time("created_at"),
    _time("updated_at"),
    _time("last_used", nullable=True),
    _text("role"),
    Column("is_shared", Boolean, nullable=False),
    Index("agents_by_owner", "owner_id", "created_at"),
    Index(
        "shared_agents_by_name",
        "name",
        unique=True,
        sqlite_where=text("is_shared"),
        postgresql_where=text("is_shared"),
    ),
)

conversations = Table(
    "conversations",
    metadata,
    _id(),
    _text("owner_id"),
    _text("agent_id"),
    _text("title"),
    _text("tip_id"),
    Column("message_count", Integer, nullable=False),
    _text("workspace"),
    _json("context"),
    _text("forked_from"),
    _text("active_run_id"),
    _time("created_at"),
    _time("updated_at"),
    _time("deleted_at", nullable=True),
    Index("conversations_by_owner", "owner_id", "created_at"),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _text("parent_id"),
    _text("conversation_id", index=True),
    _text("run_id"),
    _time("created_at"),
    _json("message"),
)

runs = Table(
    "runs",
    metadata,
    _id(),
    _text("owner_id"),
    _text("agent_id"),
    _text("conversation_id", index=True),
    _text("state", index=True),
    _text("model"),
    _text("dialect"),
    _json("input"),
    _text("input_id"),
    _text("previous_tip_id"),
    _text("holder"),
    _json("tools"),
    _json("sampling"),
    _json("limits"),
    _json("policy"),
    _text("system"),
    _json("metadata"),
    _text("workflow"),
    _json("parameters"),
    _json("pending"),
    _json("decisions"),
    Column("last_seq", Integer, nullable=False),
    _text("text"),
    _json("result"),
    _text("batch_id"),
    _json("tool_calls"),
    _json("usage"),
    Column("n_steps", Integer, nullable=False),
    _text("error_code"),
    _text("error_message"),
    _time("created_at"),
    _time("started_at", nullable=True),
    _time("ended_at", nullable=True),
    _time("deleted_at", nullable=True),
    Index("runs_by_owner", "owner_id", "created_at"),
    Index("runs_by_batch", "batch_id", "created_at"),
)

batches = Table(
    "batches",
    metadata,
    _id(),
    _text("owner_id"),
    _text("dialect"),
    _text("state", index=True),
    _json("agents"),
    Column("is_parallel", Boolean, nullable=False),
    Column("timeout_s", Float, nullable=False),
    Column("estimate_s", Float, nullable=False),
    _text("holder"),
    Column("n_succeeded", Integer, nullable=False),
    Column("n_failed", Integer, nullable=False),
    _time("created_at"),
    _time("ended_at", nullable=True),
    Index("batches_by_owner", "owner_id", "created_at"),
)

workloads = Table(
    "workloads",
    metadata,
    _id(),
    _text("owner_id"),
    _text("name"),
    _text("format"),
    Column("size_bytes", BigInteger, nullable=False),
    _text("sha256"),
    Column("n_rows", Integer, nullable=False),
    _json("columns"),
    _json("ignored_columns"),
    _time("created_at"),
    Index("workloads_by_name", "owner_id", "name", unique=True),
    Index("workloads_by_owner", "owner_id", "created_at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    _id(),
    _text("owner_id"),
    _text("url"),
    _text("host"),
    _json("events"),
    _text("sealed_secret"),
    Column("is_enabled", Boolean, nullable=False, index=True),
    _text("disabled_reason"),
    Column("n_dead", Integer, nullable=False),
    _time("active_since"),
    _time("created_at"),
    _time("updated_at"),
    Index("webhooks_by_owner", "owner_id", "created_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _text("webhook_id"),
    _text("owner_id"),
    _text("host"),
    _text("event"),
    _text("event_id"),
    _time("occurred_at"),
    _json("data"),
    _text("state"),
    _time("next_attempt_at"),
    Column("n_claims", Integer, nullable=False),
    Column("n_failed", Integer, nullable=False),
    _json("attempts"),
    _time("created_at"),
    _time("finished_at", nullable=True),
    Index("deliveries_due", "state", "next_attempt_at"),
    Index("deliveries_by_webhook", "webhook_id", "created_at"),
)

stream_cursors = Table(
    "stream_cursors",
    metadata,
    _id(),
    _text("log_id", index=True),
    _text("stream"),
    Column("position", BigInteger, nullable=False),
)

run_orders = Table(
    "run_orders",
    metadata,
    _id(),
    _text("run_id"),
    _text("holder", index=True),
    _text("verb"),
    _json("decisions"),
    _text("username"),
    _text("answer"),
    _time("created_at"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    _text("id", primary_key=True),
    _time("beat_at"),
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    _text("name"),
    _time("applied_at"),
)

TABLES: dict[type[Any], Table] = {
    User: users,
    ApiKey: api_keys,
    Login: logins,
    ExternalAccount: external_accounts,
    RevokedToken: revoked_tokens,
    Agent: agents,
    Conversation: conversations,
    MessageNode: messages,
    Run: runs,
    RunOrder: run_orders,
    Batch: batches,
    Workload: workloads,
    Webhook: webhooks,
    Delivery: deliveries,
    StreamCursor: stream_cursors,
}
