"""The views over the events: their definitions, what they say of themselves, what they consist of.

Nothing here reads a log, so a list of views costs no more than a look at their files.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from importlib import resources

import duckdb

from notebook_agents.core.analytics import ViewInfo
from notebook_agents.core.event_columns import EVENT_COLUMNS

VIEWS = (
    "v_runs",
    "v_tools",
    "v_run_timeline",
    "v_run_phases",
    "v_approvals",
    "v_model_calls",
    "v_cost",
    "v_models",
    "v_ttft_ts",
    "v_tokens_context",
    "v_agents_daily",
    "v_latency_ts",
    "v_throughput_ts",
    "v_errors",
    "v_failed_runs",
    "v_tool_sequences",
    "v_conversations",
    "v_users",
    "v_schedules",
    "v_security",
    "v_api",
    "v_streams",
    "v_webhooks",
    "v_gpu_ts",
    "v_budget",
    "v_evals",
    "v_ab",
    "v_cells",
)
"""In the order in which they are made: what a view reads from stands before it."""
EVENTS = "One row per event: who, when, of which run, and what; see docs/events.md."
_COMMENT = re.compile(r"(?:--.*\n)+")


def view_sql(name: str) -> str:
    """The definition of a view, for people to read and change."""
    return resources.files("notebook_agents.analytics").joinpath(f"views/{name}.sql").read_text()


def description(name: str) -> str:
    """What a view shows: the comment at the beginning of its definition, as one line."""
    found = _COMMENT.match(view_sql(name))
    lines = found[0].splitlines() if found else []
    return " ".join(line.removeprefix("--").strip() for line in lines)


@cache
def catalogue() -> tuple[ViewInfo, ...]:
    """``events`` and the views in their order; about 50 ms for the first call of a process."""
    with duckdb.connect() as connection:
        create_nothing(connection)
        connection.execute("CREATE VIEW events AS FROM parts.hot")
        create_views(connection)
        return (
            _info(connection, "events", EVENTS),
            *(_info(connection, name, description(name)) for name in VIEWS),
        )


def create_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    """The empty table ``parts.hot``, with the columns of ``events``."""
    columns = ", ".join(f"{column.name} {column.type}" for column in EVENT_COLUMNS)
    connection.execute(f"CREATE SCHEMA parts; CREATE TABLE parts.hot ({columns})")


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Every view, over what is named ``events`` there."""
    for name in VIEWS:
        connection.execute(view_sql(name))


def _info(connection: duckdb.DuckDBPyConnection, name: str, description: str) -> ViewInfo:
    rows = connection.execute(f"DESCRIBE {name}").fetchall()
    return ViewInfo(
        name=name,
        description=description,
        columns=tuple(row[0] for row in rows),
        types=tuple(row[1] for row in rows),
    )


def columns_text() -> str:
    """``views/columns.json``, for readers without the database: a line for each view."""
    lines = (f"{json.dumps(view.name)}: {json.dumps(view.columns)}" for view in catalogue())
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(columns_text())
