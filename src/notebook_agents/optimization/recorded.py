"""The caller's own recorded runs as a workload: each model step is a job.

The event log knows tokens and durations, not what a machine costs: its device must be in the price
catalogue before anything can be said about money.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from notebook_agents.optimization.columns import COLUMNS, SQL_TYPES
from notebook_agents.optimization.database import Database

if TYPE_CHECKING:
    from notebook_agents.core.ports import Table

MAX_STEPS = 100_000
"""The newest that are looked at."""
STEPS_SQL = f"""
SELECT
    run_id AS job_id,
    payload ->> 'model' AS model,
    (payload ->> '$.usage.input_tokens')::BIGINT AS tokens_in,
    (payload ->> '$.usage.output_tokens')::BIGINT AS tokens_out,
    (payload ->> 'duration_ms')::DOUBLE / 3600000 AS hours,
    (payload ->> 'duration_ms')::DOUBLE AS latency_p95_ms,
    strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S') AS started_at
FROM events
WHERE type = 'model_finished' AND (payload ->> 'duration_ms')::DOUBLE > 0
ORDER BY ts DESC, id LIMIT {MAX_STEPS}
"""  # noqa: S608


def load_recorded(connection: Database, steps: Table, device: str) -> int:
    """Make the table ``workload`` out of recorded steps; returns how many there are."""
    frame = pd.DataFrame(list(steps.rows), columns=list(steps.columns))
    frame["row_number"] = range(1, len(frame) + 1)
    connection.register("steps", frame)
    known = {"gpu_type": f"'{_device_name(device)}'", "kind": "'inference'", "n_gpus": "1"}
    shown = ["CAST(row_number AS BIGINT) AS row_number"]
    for column in COLUMNS:
        value = known.get(column.name) or (column.name if column.name in frame else "NULL")
        shown.append(f"CAST({value} AS {SQL_TYPES[column.kind]}) AS {column.name}")
    connection.execute(f"CREATE TABLE workload AS SELECT {', '.join(shown)} FROM steps")  # noqa: S608
    connection.unregister("steps")
    return len(frame)


def _device_name(device: str) -> str:
    """What the price catalogue may call a device: ``cuda`` for ``cuda:0``."""
    return re.sub(r"[^\w .-]", "", device.partition(":")[0])[:100] or "unknown"
