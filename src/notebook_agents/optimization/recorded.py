"""The caller's own recorded runs as a workload: each model step is a job.

The event log knows tokens and durations, not what a machine costs: its device must be in the price
catalogue before anything can be said about money.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notebook_agents.optimization.columns import COLUMNS, SQL_TYPES
from notebook_agents.optimization.database import Database

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Table

MAX_STEPS = 100_000
"""The newest that are looked at."""
STEPS_SQL = f"""
SELECT
    run_id AS job_id,
    model,
    input_tokens AS tokens_in,
    output_tokens AS tokens_out,
    duration_ms / 3600000 AS hours,
    duration_ms AS latency_p95_ms,
    strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S') AS started_at
FROM events
WHERE type = 'model_finished' AND duration_ms > 0
ORDER BY ts DESC, id LIMIT {MAX_STEPS}
"""  # noqa: S608


def load_recorded(connection: Database, steps: Table, device: str) -> int:
    """Make the table ``workload`` out of recorded steps; returns how many there are."""
    lists = {f"c{at}": [row[at] for row in steps.rows] for at in range(len(steps.columns))}
    names = ", ".join(f"unnest(${name}) AS {name}" for name in lists)
    lists["numbers"] = list(range(1, len(steps.rows) + 1))
    connection.execute(
        f"CREATE TEMP TABLE steps AS SELECT {names}, unnest($numbers) AS row_number", lists
    )
    known = dict(zip(steps.columns, lists, strict=False))
    known |= {"gpu_type": f"'{_device_name(device)}'", "kind": "'inference'", "n_gpus": "1"}
    shown = ["CAST(row_number AS BIGINT) AS row_number"]
    for column in COLUMNS:
        value = known.get(column.name, "NULL")
        shown.append(f"CAST({value} AS {SQL_TYPES[column.kind]}) AS {column.name}")
    connection.execute(f"CREATE TABLE workload AS SELECT {', '.join(shown)} FROM steps")  # noqa: S608
    connection.execute("DROP TABLE steps")
    return len(steps.rows)


def _device_name(device: str) -> str:
    """What the price catalogue may call a device: ``cuda`` for ``cuda:0``."""
    return re.sub(r"[^\w .-]", "", device.partition(":")[0])[:100] or "unknown"
