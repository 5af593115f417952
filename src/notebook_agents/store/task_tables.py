"""The tables of tasks and of their executions."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Connection, Index, Integer, Table

from notebook_agents.store.columns import (
    Json,
    UtcDateTime,
    id_column,
    json_column,
    metadata,
    text_column,
    time_column,
)

tasks = Table(
    "tasks",
    metadata,
    id_column(),
    text_column("owner_id"),
    text_column("name"),
    text_column("description"),
    text_column("prompt_template"),
    text_column("notebook"),
    json_column("settings"),
    json_column("schedule"),
    Column("is_active", Boolean, nullable=False),
    text_column("dialect"),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("deleted_at", nullable=True),
    Index("tasks_by_owner", "owner_id", "created_at"),
)

executions = Table(
    "executions",
    metadata,
    id_column(),
    text_column("task_id"),
    text_column("owner_id"),
    text_column("dialect"),
    text_column("state"),
    text_column("trigger"),
    time_column("scheduled_for", nullable=True),
    Column("attempt", Integer, nullable=False),
    text_column("resumes"),
    text_column("followed_by"),
    text_column("notebook"),
    json_column("variables"),
    json_column("parameters"),
    json_column("settings"),
    text_column("conversation_id"),
    text_column("agent_id"),
    text_column("holder"),
    time_column("not_before", nullable=True),
    text_column("stop_wish"),
    Column("last_seq", Integer, nullable=False),
    Column("failed_cell", Integer, nullable=True),
    text_column("error_code"),
    text_column("error_message"),
    json_column("failed_checks"),
    json_column("usage"),
    Column("n_runs", Integer, nullable=False),
    text_column("report_id"),
    time_column("created_at"),
    time_column("started_at", nullable=True),
    time_column("ended_at", nullable=True),
    time_column("deleted_at", nullable=True),
    Index("executions_by_task", "task_id", "created_at"),
    Index("executions_by_owner", "owner_id", "created_at"),
    Index("executions_by_state", "state"),
)


def m014_tasks(connection: Connection) -> None:
    """Tasks, and what happened each time one was done."""
    moment = UtcDateTime().compile(dialect=connection.dialect)
    json = Json.compile(dialect=connection.dialect)
    connection.exec_driver_sql(
        "CREATE TABLE tasks (id VARCHAR(36) NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL,"
        " name TEXT NOT NULL, description TEXT NOT NULL, prompt_template TEXT NOT NULL,"
        f" notebook TEXT NOT NULL, settings {json} NOT NULL, schedule {json} NOT NULL,"
        " is_active BOOLEAN NOT NULL, dialect TEXT NOT NULL,"
        f" created_at {moment} NOT NULL, updated_at {moment} NOT NULL, deleted_at {moment})"
    )
    connection.exec_driver_sql("CREATE INDEX tasks_by_owner ON tasks (owner_id, created_at)")
    connection.exec_driver_sql(
        "CREATE TABLE executions (id VARCHAR(36) NOT NULL PRIMARY KEY, task_id TEXT NOT NULL,"
        ' owner_id TEXT NOT NULL, dialect TEXT NOT NULL, state TEXT NOT NULL, "trigger" TEXT NOT'
        f" NULL, scheduled_for {moment}, attempt INTEGER NOT NULL, resumes TEXT NOT NULL,"
        f" followed_by TEXT NOT NULL, notebook TEXT NOT NULL, variables {json} NOT NULL,"
        f" parameters {json} NOT NULL, settings {json} NOT NULL, conversation_id TEXT NOT NULL,"
        f" agent_id TEXT NOT NULL, holder TEXT NOT NULL, not_before {moment},"
        " stop_wish TEXT NOT NULL, last_seq INTEGER NOT NULL, failed_cell INTEGER,"
        f" error_code TEXT NOT NULL, error_message TEXT NOT NULL, failed_checks {json} NOT NULL,"
        f" usage {json} NOT NULL, n_runs INTEGER NOT NULL, report_id TEXT NOT NULL,"
        f" created_at {moment} NOT NULL, started_at {moment}, ended_at {moment},"
        f" deleted_at {moment})"
    )
    for name, columns in (
        ("executions_by_task", "task_id, created_at"),
        ("executions_by_owner", "owner_id, created_at"),
        ("executions_by_state", "state"),
    ):
        connection.exec_driver_sql(f"CREATE INDEX {name} ON executions ({columns})")
