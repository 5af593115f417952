"""Numbered migrations: each brings the schema from one version to the next, once.

A fresh database gets the newest tables at once; an older one gets the migrations it lacks, each a
function ``mNNN_what`` in one transaction with the others. A migration never changes after a
release, a new one is added at the end; a test holds both ways to the same schema.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Engine,
    Integer,
    Text,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.store.attachment_tables import m013_attachments
from notebook_agents.store.columns import Json, UtcDateTime, metadata
from notebook_agents.store.report_tables import m016_reports
from notebook_agents.store.schedule_tables import m012_schedules
from notebook_agents.store.tables import schema_version
from notebook_agents.store.task_tables import m014_tasks
from notebook_agents.store.tool_server_tables import m015_tool_servers

Migration = Callable[[Connection], None]
_MADE_ON_NEED = uuid.UUID("6f1b1c52-5a0e-4c8e-9c65-6d9f0a7a41d3")
"""The name space of ids of agents that are made on first need."""


def add_column(
    connection: Connection,
    column: str,
    kind: TypeEngine[Any],
    *,
    default: str | None = None,
) -> None:
    """Add ``table.name``; rows that are there get ``default``, without one the column takes NULL.

    The literal default stays in SQLite, where it cannot be dropped and does not hurt.
    """
    table, name = column.split(".")
    wanted = f"ALTER TABLE {table} ADD COLUMN {name} {kind.compile(dialect=connection.dialect)}"
    if default is not None:
        wanted += f" NOT NULL DEFAULT '{default}'"
    connection.exec_driver_sql(wanted)
    if default is not None and connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT")


def m002_workflows_and_deleted_conversations(connection: Connection) -> None:
    """Runs know their workflow, its parameters and its result; conversations are marked deleted."""
    add_column(connection, "runs.workflow", Text(), default="")
    add_column(connection, "runs.parameters", Json, default="{}")
    add_column(connection, "runs.result", Json, default="{}")
    add_column(connection, "runs.deleted_at", UtcDateTime())
    add_column(connection, "conversations.deleted_at", UtcDateTime())


def m003_identity(connection: Connection) -> None:
    """Numbers and names of users, scopes of keys, logins, roles and sharing of agents."""
    add_column(connection, "users.number", Integer(), default="0")
    add_column(connection, "users.name", Text(), default="")
    add_column(connection, "users.picture", Text(), default="")
    add_column(connection, "users.is_email_verified", Boolean(), default="0")
    add_column(connection, "users.token_epoch", Integer(), default="0")
    add_column(connection, "api_keys.scopes", Json, default='["read", "run", "write", "admin"]')
    add_column(connection, "agents.role", Text(), default="")
    add_column(connection, "agents.is_shared", Boolean(), default="0")
    oldest_first = connection.exec_driver_sql("SELECT id FROM users ORDER BY created_at, id")
    wanted = text("UPDATE users SET number = :number, name = username WHERE id = :id")
    for number, id in enumerate(oldest_first.scalars().all(), start=1):
        connection.execute(wanted, {"number": number, "id": id})
    connection.exec_driver_sql("CREATE UNIQUE INDEX users_by_number ON users (number)")
    moment = UtcDateTime().compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE logins (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " dialect TEXT NOT NULL, token_epoch INTEGER NOT NULL, generation INTEGER NOT NULL,"
        f" created_at {moment} NOT NULL, expires_at {moment} NOT NULL)"
    )
    connection.exec_driver_sql("CREATE INDEX ix_logins_owner_id ON logins (owner_id)")


def m004_batches(connection: Connection) -> None:
    """Runs that are started together; names of shared agents are taken once."""
    add_column(connection, "runs.batch_id", Text(), default="")
    connection.exec_driver_sql("CREATE INDEX runs_by_batch ON runs (batch_id, created_at)")
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE batches (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        f" dialect TEXT NOT NULL, state TEXT NOT NULL, agents {json} NOT NULL,"
        " is_parallel BOOLEAN NOT NULL, timeout_s FLOAT NOT NULL,"
        " estimate_s FLOAT NOT NULL, holder TEXT NOT NULL,"
        " n_succeeded INTEGER NOT NULL, n_failed INTEGER NOT NULL,"
        f" created_at {moment} NOT NULL, ended_at {moment})"
    )
    connection.exec_driver_sql("CREATE INDEX ix_batches_state ON batches (state)")
    connection.exec_driver_sql("CREATE INDEX batches_by_owner ON batches (owner_id, created_at)")
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX shared_agents_by_name ON agents (name) WHERE is_shared"
    )


def m005_workloads(connection: Connection) -> None:
    """Tables of jobs that people register to have them optimized."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE workloads (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " name TEXT NOT NULL, format TEXT NOT NULL, size_bytes BIGINT NOT NULL,"
        f" sha256 TEXT NOT NULL, n_rows INTEGER NOT NULL, columns {json} NOT NULL,"
        f" ignored_columns {json} NOT NULL, created_at {moment} NOT NULL)"
    )
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX workloads_by_name ON workloads (owner_id, name)"
    )
    connection.exec_driver_sql(
        "CREATE INDEX workloads_by_owner ON workloads (owner_id, created_at)"
    )


def m006_webhooks(connection: Connection) -> None:
    """Webhooks, what they are to be told, and how far the event log was read for them."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    for statement in (
        "CREATE TABLE webhooks (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        f" url TEXT NOT NULL, host TEXT NOT NULL, events {json} NOT NULL,"
        " sealed_secret TEXT NOT NULL, is_enabled BOOLEAN NOT NULL, disabled_reason TEXT NOT NULL,"
        f" n_dead INTEGER NOT NULL, active_since {moment} NOT NULL,"
        f" created_at {moment} NOT NULL, updated_at {moment} NOT NULL)",
        "CREATE INDEX ix_webhooks_is_enabled ON webhooks (is_enabled)",
        "CREATE INDEX webhooks_by_owner ON webhooks (owner_id, created_at)",
        "CREATE TABLE deliveries (id VARCHAR(36) NOT NULL PRIMARY KEY, webhook_id TEXT NOT NULL,"
        " owner_id TEXT NOT NULL, host TEXT NOT NULL, event TEXT NOT NULL, event_id TEXT NOT NULL,"
        f" occurred_at {moment} NOT NULL, data {json} NOT NULL, state TEXT NOT NULL,"
        f" next_attempt_at {moment} NOT NULL, n_claims INTEGER NOT NULL,"
        f" n_failed INTEGER NOT NULL, attempts {json} NOT NULL, created_at {moment} NOT NULL,"
        f" finished_at {moment})",
        "CREATE INDEX deliveries_due ON deliveries (state, next_attempt_at)",
        "CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at)",
        "CREATE TABLE stream_cursors (id VARCHAR(36) NOT NULL PRIMARY KEY, log_id TEXT NOT NULL,"
        " stream TEXT NOT NULL, position BIGINT NOT NULL)",
        "CREATE INDEX ix_stream_cursors_log_id ON stream_cursors (log_id)",
    ):
        connection.exec_driver_sql(statement)


def m007_several_servers(connection: Connection) -> None:
    """What one server asks of another, and how each says that it lives."""
    add_column(connection, "runs.last_seq", Integer(), default="0")
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE run_orders (id VARCHAR(36) NOT NULL PRIMARY KEY, run_id TEXT NOT NULL,"
        f" holder TEXT NOT NULL, verb TEXT NOT NULL, decisions {json} NOT NULL,"
        f" username TEXT NOT NULL, answer TEXT NOT NULL, created_at {moment} NOT NULL)"
    )
    connection.exec_driver_sql("CREATE INDEX ix_run_orders_holder ON run_orders (holder)")
    connection.exec_driver_sql(
        f"CREATE TABLE heartbeats (id TEXT NOT NULL PRIMARY KEY, beat_at {moment} NOT NULL)"
    )


def m008_external_accounts(connection: Connection) -> None:
    """Accounts of other services that open accounts here."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE external_accounts (id VARCHAR(36) NOT NULL PRIMARY KEY,"
        " owner_id TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,"
        f" created_at {moment} NOT NULL)"
    )


def m009_usernames_without_case(connection: Connection) -> None:
    """Usernames are taken once without regard to case.

    Of those that are there already the one in lower case counts, else the oldest; the others keep
    their own spelling as their key, so that their users still log in with exactly that.
    """
    add_column(connection, "users.username_key", Text(), default="")
    found = connection.exec_driver_sql("SELECT id, username FROM users ORDER BY created_at, id")
    rows = found.all()
    spelled_so = {username for _, username in rows}
    wanted = text("UPDATE users SET username_key = :key WHERE id = :id")
    given: set[str] = set()
    for id, username in rows:
        folded = username.casefold()
        is_free = folded not in given and (folded == username or folded not in spelled_so)
        key = folded if is_free else username
        given.add(key)
        connection.execute(wanted, {"key": key, "id": id})
    connection.exec_driver_sql("CREATE UNIQUE INDEX users_by_username_key ON users (username_key)")


def m010_conversations_with_settings(connection: Connection) -> None:
    """Conversations have a state, a mode, settings of their own and a name to remember them by.

    Those that are there already were never anything but open.
    """
    for name, default in (("slug", ""), ("dialect", ""), ("mode", "interactive")):
        add_column(connection, f"conversations.{name}", Text(), default=default)
    add_column(connection, "conversations.state", Text(), default="active")
    add_column(connection, "conversations.settings", Json, default="{}")
    add_column(connection, "conversations.archived_at", UtcDateTime())
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX conversations_by_slug ON conversations (slug) WHERE slug <> ''"
    )


def m011_archives_and_templates(connection: Connection) -> None:
    """Packed conversations, and saved starting values of new ones."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE archives (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " conversation_id TEXT NOT NULL, path TEXT NOT NULL, size_bytes BIGINT NOT NULL,"
        " sha256 TEXT NOT NULL, n_files INTEGER NOT NULL, content_bytes BIGINT NOT NULL,"
        f" files {json} NOT NULL, created_at {moment} NOT NULL)"
    )
    connection.exec_driver_sql(
        "CREATE INDEX ix_archives_conversation_id ON archives (conversation_id)"
    )
    connection.exec_driver_sql(
        "CREATE TABLE templates (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " name TEXT NOT NULL, description TEXT NOT NULL, category TEXT NOT NULL,"
        f" category_key TEXT NOT NULL, mode TEXT NOT NULL, options {json} NOT NULL,"
        f" is_public BOOLEAN NOT NULL, created_at {moment} NOT NULL, updated_at {moment} NOT NULL)"
    )
    connection.exec_driver_sql(
        "CREATE INDEX templates_by_owner ON templates (owner_id, created_at)"
    )
    connection.exec_driver_sql("CREATE INDEX templates_by_category ON templates (category_key)")


def m017_agents_with_all_tools(connection: Connection) -> None:
    """Agents that were made on first need have every tool; conversations are counted by state."""
    add_column(connection, "agents.has_all_tools", Boolean(), default="0")
    made = connection.exec_driver_sql(
        "SELECT id, owner_id, name FROM agents"
        " WHERE updated_at = created_at AND name IN ('Assistant', 'notebook')"
    )
    wanted = text("UPDATE agents SET has_all_tools = true WHERE id = :id")
    for id, owner_id, name in made.all():
        if id == str(uuid.uuid5(_MADE_ON_NEED, f"{owner_id}/{name}")):
            connection.execute(wanted, {"id": id})
    connection.exec_driver_sql(
        "CREATE INDEX conversations_by_state ON conversations (state, deleted_at)"
    )


def m018_why_ticks_were_skipped(connection: Connection) -> None:
    """What a schedule says of the last tick without an execution."""
    add_column(connection, "schedules.last_skipped_at", UtcDateTime())
    add_column(connection, "schedules.last_skipped_reason", Text(), default="")


def m019_what_runs_remember(connection: Connection) -> None:
    """Runs remember what a person refused, when they were asked and how much left."""
    add_column(connection, "runs.guard", Json, default="{}")


MIGRATIONS: tuple[Migration, ...] = (
    m002_workflows_and_deleted_conversations,
    m003_identity,
    m004_batches,
    m005_workloads,
    m006_webhooks,
    m007_several_servers,
    m008_external_accounts,
    m009_usernames_without_case,
    m010_conversations_with_settings,
    m011_archives_and_templates,
    m012_schedules,
    m013_attachments,
    m014_tasks,
    m015_tool_servers,
    m016_reports,
    m017_agents_with_all_tools,
    m018_why_ticks_were_skipped,
    m019_what_runs_remember,
)
"""From version 1 on: the first brings version 1 to version 2."""
_LOCK_KEY = 7_310_114
"""Any number no other program uses: PostgreSQL's advisory lock while migrating."""


def migrate(engine: Engine) -> int:
    """Bring the database to the newest version; returns it. Safe when several processes start.

    Raises NotebookAgentsError when the database was written by a newer release.
    """
    newest = len(MIGRATIONS) + 1
    with engine.begin() as connection:
        _lock(connection)
        current = _version(connection)
        if current > newest:
            raise NotebookAgentsError(
                f"the database has schema version {current}, this release knows {newest}:"
                " upgrade notebook-agents or use another database"
            )
        if current == 0:
            metadata.create_all(connection)
            _stamp(connection, newest, "fresh")
            return newest
        for version, migration in enumerate(MIGRATIONS[current - 1 :], start=current + 1):
            migration(connection)
            _stamp(connection, version, migration.__name__)
    return newest


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return connection.execute(select(func.max(schema_version.c.version))).scalar() or 0


def _stamp(connection: Connection, version: int, name: str) -> None:
    connection.execute(
        insert(schema_version).values(version=version, name=name, applied_at=datetime.now(UTC))
    )
