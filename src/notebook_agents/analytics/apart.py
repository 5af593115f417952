"""SQL of a stranger, in a process of its own that can be ended.

The database is not a boundary for time and memory: it may hear an interrupt late and take more than
its limit. So where somebody else than the person at the notebook asks, a process answers that has
limits of its own, none of the server's environment, and nothing but one owner's events.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.ports import Table

TIMEOUT_S = 20.0
MEMORY_BYTES = 2 << 30
"""Data of the process: what the database may take and what the interpreter needs."""
MAX_ANSWER_CHARS = 8 << 20
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT")


def ask(folder: Path, columns: dict[str, str], sql: str, owner_id: str) -> Table:
    """Run one SELECT over an owner's events; InvalidRequest on the field ``sql`` as elsewhere."""
    asked = {"folder": str(folder), "columns": columns, "sql": sql, "owner_id": owner_id}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, in our own interpreter
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(asked).encode(errors="replace"),
            capture_output=True,
            timeout=TIMEOUT_S,
            env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidRequest(
            f"the query ran longer than {TIMEOUT_S:g} seconds", field="sql"
        ) from None
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise InvalidRequest("the query needs too much memory or time", field="sql") from None
    if "error" in said:
        raise InvalidRequest(said["error"], field="sql")
    return Table(columns=tuple(said["columns"]), rows=tuple(map(tuple, said["rows"])))


def answer(asked: dict[str, Any]) -> str:
    """What this process says of a query."""
    from notebook_agents.analytics.queries import EventAnalytics

    analytics = EventAnalytics(Path(asked["folder"]), asked["columns"])
    try:
        table = analytics.table_of(asked["sql"], asked["owner_id"])
        said = json.dumps(
            {"columns": table.columns, "rows": table.rows}, default=str, allow_nan=True
        )
    except InvalidRequest as error:
        return json.dumps({"error": error.message})
    except MemoryError:
        return json.dumps({"error": "the query needs too much memory"})
    if len(said) > MAX_ANSWER_CHARS:
        return json.dumps({"error": "the result is too large; aggregate it or add a LIMIT"})
    return said


def limit() -> None:
    """Bounds of this process, where the system has them."""
    if os.name != "posix":
        return
    import resource

    for what, value in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_CPU, int(TIMEOUT_S * 2)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


if __name__ == "__main__":
    limit()
    sys.stdout.write(answer(json.load(sys.stdin)))
