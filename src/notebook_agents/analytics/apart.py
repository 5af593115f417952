"""SQL of a stranger, in a process of its own that can be ended.

The database is not a boundary for time and memory: it may hear an interrupt late and take more than
its limit. So where somebody else than the person at the notebook asks, a process answers that has
limits of its own, none of the server's environment but what object storage needs where events lie
there, and nothing but one owner's events.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from notebook_agents.analytics.asking import Asking, too_long
from notebook_agents.analytics.log_tables import LESS
from notebook_agents.core.analytics import LogSnapshot, Table
from notebook_agents.core.errors import InvalidRequest

TIMEOUT_S = 20.0
MEMORY_BYTES = 2 << 30
"""Data of the process: what the database may take and what the interpreter needs."""
MAX_ANSWER_CHARS = 8 << 20
TIME = "__time__"
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT")
STORAGE_VARIABLES = re.compile(
    r"(AWS_(?!BEARER_)|AZURE_(?!OPENAI_|API_)|GOOGLE_(?!API_)|GCSFS_|GCE_|FSSPEC_|S3_)\w+"
    r"|HOME|(HTTPS?|NO)_PROXY|(https?|no)_proxy|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE"
)
"""What object storage is reached with, but no model's provider; given where events lie there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the process is asked."""

    snapshot: LogSnapshot
    sql: str
    owner_id: str
    parameters: dict[str, Any] = field(default_factory=dict)


def ask(question: Question, asking: Asking | None = None) -> Table:
    """Run one SELECT over an owner's events; errors as elsewhere."""
    asked = asdict(question)
    asked["parameters"] = {name: _sent(value) for name, value in question.parameters.items()}
    process = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(question.snapshot.cold),
    )
    asking = asking or Asking()
    try:
        asking.begin(process.kill)
        told, _ = process.communicate(
            json.dumps(asked, default=str).encode(errors="replace"), timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise InvalidRequest(too_long(TIMEOUT_S), field="sql") from None
    finally:
        asking.end()
        process.kill()
        process.communicate()
    return _heard(told)


def _environment(files: tuple[str, ...]) -> dict[str, str]:
    is_elsewhere = any("://" in file for file in files)
    return {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_VARIABLES or (is_elsewhere and STORAGE_VARIABLES.fullmatch(name))
    }


def _heard(told: bytes) -> Table:
    try:
        said = json.loads(told)
    except ValueError:
        raise InvalidRequest(
            f"the query needs too much memory or time; {LESS}", field="sql"
        ) from None
    if "vanished" in said:
        raise FileNotFoundError("a file of the log")
    if "error" in said:
        raise InvalidRequest(
            said["error"], field=said.get("field", "sql"), position=said.get("position")
        )
    return Table(
        columns=tuple(said["columns"]),
        rows=tuple(map(tuple, said["rows"])),
        types=tuple(said["types"]),
    )


def _sent(value: Any) -> Any:
    return {TIME: value.isoformat()} if isinstance(value, datetime) else value


def _received(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {TIME}:
        return datetime.fromisoformat(value[TIME])
    return value


def reply(asked: dict[str, Any]) -> str:
    """What this process says of a query."""
    from notebook_agents.analytics.asking import select
    from notebook_agents.analytics.databases import open_database
    from notebook_agents.analytics.nameless import nameless

    files = {name: tuple(paths) for name, paths in asked["snapshot"].items()}
    parameters = {name: _received(value) for name, value in asked["parameters"].items()}
    try:
        snapshot, filesystem = nameless(LogSnapshot(**files))
        with open_database(snapshot, asked["owner_id"], filesystem=filesystem) as connection:
            table = select(connection, asked["sql"], parameters)
        said = json.dumps(
            {"columns": table.columns, "rows": table.rows, "types": table.types},
            default=str,
            allow_nan=True,
        )
    except InvalidRequest as error:
        return json.dumps({"error": error.message, **error.details})
    except FileNotFoundError:
        return json.dumps({"vanished": True})
    except MemoryError:
        return json.dumps({"error": f"the query needs too much memory; {LESS}"})
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
    sys.stdout.write(reply(json.load(sys.stdin)))
