"""The tables of the store: one per kind of record, one column per field.

Fields that SQL never looks into (messages, settings, lists) are JSON columns. A record of the core
and its row are turned into each other by ``records.py``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, text

from notebook_agents.core.agents import Agent
from notebook_agents.core.api_keys import ApiKey
from notebook_agents.core.archive_files import Archive
from notebook_agents.core.attachments import Attachment
from notebook_agents.core.batches import Batch
from notebook_agents.core.conversations import Conversation, MessageNode
from notebook_agents.core.deliveries import Delivery
from notebook_agents.core.executions import Execution
from notebook_agents.core.external_logins import ExternalAccount
from notebook_agents.core.logins import Login, RevokedToken
from notebook_agents.core.orders import RunOrder
from notebook_agents.core.reports import Report
from notebook_agents.core.runs import Run
from notebook_agents.core.schedules import Schedule
from notebook_agents.core.tasks import Task
from notebook_agents.core.templates import Template
from notebook_agents.core.tool_servers import ToolServer
from notebook_agents.core.users import User
from notebook_agents.core.webhook_scan import StreamCursor
from notebook_agents.core.webhooks import Webhook
from notebook_agents.core.workloads import Workload
from notebook_agents.store.archive_tables import archives, templates
from notebook_agents.store.attachment_tables import attachments
from notebook_agents.store.columns import (
    id_column,
    json_column,
    metadata,
    text_column,
    time_column,
)
from notebook_agents.store.report_tables import reports
from notebook_agents.store.schedule_tables import schedules
from notebook_agents.store.task_tables import executions, tasks
from notebook_agents.store.tool_server_tables import tool_servers

users = Table(
    "users",
    metadata,
    id_column(),
    text_column("username", unique=True),
    text_column("email", unique=True),
    text_column("password_hash"),
    Column("is_active", Boolean, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("last_login", nullable=True),
    Column("number", Integer, nullable=False),
    text_column("name"),
    text_column("picture"),
    Column("is_email_verified", Boolean, nullable=False),
    Column("token_epoch", Integer, nullable=False),
    text_column("username_key"),
    Index("users_by_number", "number", unique=True),
    Index("users_by_username_key", "username_key", unique=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    text_column("owner_id", index=True),
    text_column("name"),
    text_column("prefix"),
    text_column("digest", unique=True),
    time_column("created_at"),
    time_column("expires_at", nullable=True),
    time_column("revoked_at", nullable=True),
    time_column("last_used", nullable=True),
    json_column("scopes"),
)

logins = Table(
    "logins",
    metadata,
    id_column(),
    text_column("owner_id", index=True),
    text_column("dialect"),
    Column("token_epoch", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    time_column("created_at"),
    time_column("expires_at"),
)

external_accounts = Table(
    "external_accounts",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("issuer"),
    text_column("subject"),
    time_column("created_at"),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    id_column(),
    text_column("owner_id"),
    time_column("expires_at"),
)

agents = Table(
    "agents",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("name"),
    text_column("description"),
    text_column("model"),
    text_column("instructions"),
    json_column("tools"),
    text_column("security_level"),
    Column("max_memory_mb", Integer, nullable=False),
    Column("timeout_s", Float, nullable=False),
    json_column("sampling"),
    json_column("policy"),
    json_column("metadata"),
    text_column("status"),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("last_used", nullable=True),
    text_column("role"),
    Column("is_shared", Boolean, nullable=False),
    Column("has_all_tools", Boolean, nullable=False),
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
    id_column(),
    text_column("owner_id"),
    text_column("agent_id"),
    text_column("title"),
    text_column("tip_id"),
    Column("message_count", Integer, nullable=False),
    text_column("workspace"),
    json_column("context"),
    text_column("forked_from"),
    text_column("active_run_id"),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("deleted_at", nullable=True),
    text_column("slug"),
    text_column("dialect"),
    text_column("mode"),
    text_column("state"),
    json_column("settings"),
    time_column("archived_at", nullable=True),
    Index("conversations_by_owner", "owner_id", "created_at"),
    Index("conversations_by_state", "state", "deleted_at"),
    Index(
        "conversations_by_slug",
        "slug",
        unique=True,
        sqlite_where=text("slug <> ''"),
        postgresql_where=text("slug <> ''"),
    ),
)

messages = Table(
    "messages",
    metadata,
    id_column(),
    text_column("parent_id"),
    text_column("conversation_id", index=True),
    text_column("run_id"),
    time_column("created_at"),
    json_column("message"),
)

runs = Table(
    "runs",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("agent_id"),
    text_column("conversation_id", index=True),
    text_column("state", index=True),
    text_column("model"),
    text_column("dialect"),
    json_column("input"),
    text_column("input_id"),
    text_column("previous_tip_id"),
    text_column("holder"),
    json_column("tools"),
    json_column("sampling"),
    json_column("limits"),
    json_column("policy"),
    text_column("system"),
    json_column("metadata"),
    text_column("workflow"),
    json_column("parameters"),
    json_column("pending"),
    json_column("decisions"),
    Column("last_seq", Integer, nullable=False),
    text_column("text"),
    json_column("result"),
    text_column("batch_id"),
    json_column("tool_calls"),
    json_column("guard"),
    json_column("usage"),
    Column("n_steps", Integer, nullable=False),
    text_column("error_code"),
    text_column("error_message"),
    time_column("created_at"),
    time_column("started_at", nullable=True),
    time_column("ended_at", nullable=True),
    time_column("deleted_at", nullable=True),
    Index("runs_by_owner", "owner_id", "created_at"),
    Index("runs_by_batch", "batch_id", "created_at"),
)

batches = Table(
    "batches",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("dialect"),
    text_column("state", index=True),
    json_column("agents"),
    Column("is_parallel", Boolean, nullable=False),
    Column("timeout_s", Float, nullable=False),
    Column("estimate_s", Float, nullable=False),
    text_column("holder"),
    Column("n_succeeded", Integer, nullable=False),
    Column("n_failed", Integer, nullable=False),
    time_column("created_at"),
    time_column("ended_at", nullable=True),
    Index("batches_by_owner", "owner_id", "created_at"),
)

workloads = Table(
    "workloads",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("name"),
    text_column("format"),
    Column("size_bytes", BigInteger, nullable=False),
    text_column("sha256"),
    Column("n_rows", Integer, nullable=False),
    json_column("columns"),
    json_column("ignored_columns"),
    time_column("created_at"),
    Index("workloads_by_name", "owner_id", "name", unique=True),
    Index("workloads_by_owner", "owner_id", "created_at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("url"),
    text_column("host"),
    json_column("events"),
    text_column("sealed_secret"),
    Column("is_enabled", Boolean, nullable=False, index=True),
    text_column("disabled_reason"),
    Column("n_dead", Integer, nullable=False),
    time_column("active_since"),
    time_column("created_at"),
    time_column("updated_at"),
    Index("webhooks_by_owner", "owner_id", "created_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    id_column(),
    text_column("webhook_id"),
    text_column("owner_id"),
    text_column("host"),
    text_column("event"),
    text_column("event_id"),
    time_column("occurred_at"),
    json_column("data"),
    text_column("state"),
    time_column("next_attempt_at"),
    Column("n_claims", Integer, nullable=False),
    Column("n_failed", Integer, nullable=False),
    json_column("attempts"),
    time_column("created_at"),
    time_column("finished_at", nullable=True),
    Index("deliveries_due", "state", "next_attempt_at"),
    Index("deliveries_by_webhook", "webhook_id", "created_at"),
)

stream_cursors = Table(
    "stream_cursors",
    metadata,
    id_column(),
    text_column("log_id", index=True),
    text_column("stream"),
    Column("position", BigInteger, nullable=False),
)

run_orders = Table(
    "run_orders",
    metadata,
    id_column(),
    text_column("run_id"),
    text_column("holder", index=True),
    text_column("verb"),
    json_column("decisions"),
    text_column("username"),
    text_column("answer"),
    time_column("created_at"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    text_column("id", primary_key=True),
    time_column("beat_at"),
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    text_column("name"),
    time_column("applied_at"),
)

TABLES: dict[type[Any], Table] = {
    User: users,
    ApiKey: api_keys,
    Login: logins,
    ExternalAccount: external_accounts,
    RevokedToken: revoked_tokens,
    Agent: agents,
    Archive: archives,
    Attachment: attachments,
    Template: templates,
    Conversation: conversations,
    MessageNode: messages,
    Run: runs,
    Task: tasks,
    Execution: executions,
    Report: reports,
    RunOrder: run_orders,
    Schedule: schedules,
    Batch: batches,
    Workload: workloads,
    Webhook: webhooks,
    Delivery: deliveries,
    StreamCursor: stream_cursors,
    ToolServer: tool_servers,
}
