"""A log of compacted events, made up by SQL: one Parquet file per owner, as compaction writes them.

Of 50 events that a run has, 38 are parts of its text. Runs are of 200 owners and 50 agents, over 90
days, with two calls of a model, one or two of tools, questions, failures and ratings. A fifth of
them are of schedules, a fifth of notebooks that record their cells, two fifths came by an API: with
ticks, cells, requests, streams and letters. Scores, budgets and samples of the engine are there too
(``generated_kinds.py``). Numbers come from hashes: as many events are always the same log.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
from tests.benchmarks.generated_kinds import KINDS, Kind

from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.core.event_columns import EVENT_COLUMNS, with_taken
from notebook_agents.eventlog.parquet import ROW_GROUP

EVENTS_PER_RUN = 50
N_OWNERS = 200
N_DAYS = 90
N_OTHERS = 12
"""Of these, about, what is no part of a text."""
EVENTS_AT_ONCE = 1_000_000
"""So many are made in memory before they are written."""

_RUNS = """
CREATE OR REPLACE MACRO h(i, salt, n) AS (hash(i, salt) % n)::BIGINT;
CREATE OR REPLACE MACRO words(i, salt, n) AS array_to_string(list_transform(
    range(n), lambda k: ['data', 'the', 'frame', 'of', 'plot', 'mean', 'value', 'column', 'is',
    'sum', 'cell', 'model'][1 + (hash(i, salt, k) % 12)::INT]), ' ');
CREATE OR REPLACE TABLE runs AS SELECT
    i, uuidv7(ts) AS run_id, ts, 'agent-' || h(i, 1, 50) AS agent_id, user_id,
    'conversation-' || user_id || '-' || (i // 1000) AS conversation_id,
    ['tektra', 'netra', 'magic', 'python', 'schedule'][1 + h(i, 3, 5)::INT] AS dialect,
    ['openai/gpt-5-mini', 'anthropic/claude', 'notebook-agents/tiny', 'local/qwen'][
        1 + h(i, 4, 4)::INT] AS model,
    CASE WHEN h(i, 5, 100) < 92 THEN 'succeeded' WHEN h(i, 5, 100) < 97 THEN 'failed'
        WHEN h(i, 5, 100) < 99 THEN 'cancelled' ELSE 'timed_out' END AS state,
    1 + h(i, 6, 2) AS tools, 2 AS steps, h(i, 7, 500) AS queue_ms
FROM (SELECT range AS i, 'user-' || (range % {owners}) AS user_id,
    TIMESTAMPTZ '2026-08-24 00:00:00+00' + to_microseconds(
        ((range::DOUBLE / {n_runs}) * {days} * 86400e6)::BIGINT + h(range, 8, 3_000_000_000))
    AS ts FROM range({n_runs}) WHERE range % {owners} BETWEEN {first} AND {last})
"""
_MACROS = """
CREATE OR REPLACE MACRO uuidv7(ts) AS (
    WITH t AS (SELECT lpad(lower(to_hex(epoch_ms(ts))), 12, '0') || md5(random()::VARCHAR) AS x)
    SELECT x[1:8] || '-' || x[9:12] || '-7' || x[13:15] || '-9' || x[16:18] || '-' || x[19:30]
    FROM t)
"""
_TOOL = """
CREATE OR REPLACE MACRO tool(i, k) AS ['python_executor', 'shell', 'web_search', 'file_reader',
    'database_query'][1 + h(i, 28 + k, 5)::INT]
"""
_NAMES = ", ".join(column.name for column in EVENT_COLUMNS)


def generate(folder: Path, n_events: int, n_owners: int = N_OWNERS) -> LogSnapshot:
    """Write a log of about so many events; what was made there before is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{n_events}-user-{owner}.parquet" for owner in range(n_owners)]
    n_runs = n_events // EVENTS_PER_RUN
    at_once = max(1, min(n_owners, EVENTS_AT_ONCE * n_owners // n_events))
    for first in range(0, n_owners, at_once):
        owners = range(first, min(first + at_once, n_owners))
        if not all(files[owner].exists() for owner in owners):
            with duckdb.connect(config={"threads": 2}) as connection:
                _make(connection, owners, n_owners, n_runs)
                for owner in owners:
                    _write(connection, files[owner], f"user-{owner}")
    return LogSnapshot(hot=(), cold=tuple(map(str, files)))


def copied(log: LogSnapshot, n_copies: int) -> LogSnapshot:
    """A log so many times as large: the same work again by the same owners, in runs of its own."""
    files = []
    for copy in range(n_copies):
        for path in map(Path, log.cold):
            target = path.with_name(f"{path.stem}-copy-{copy}.parquet")
            files.append(target)
            if not target.exists():
                _copy(path, target, f"-{copy}")
    return LogSnapshot(hot=(), cold=tuple(map(str, files)))


def _copy(path: Path, target: Path, mark: str) -> None:
    names = ("id", "run_id", "conversation_id", "stream", "execution_id")
    draft = target.with_suffix(".tmp")
    with duckdb.connect(config={"threads": 2}) as connection:
        described = connection.execute(f"DESCRIBE FROM '{path}'").fetchall()
        marked = ", ".join(
            f"if({name} = '', '', {name} || '{mark}') AS {name}"
            for name in names
            if name in {row[0] for row in described}
        )
        connection.execute(
            f"COPY (SELECT * REPLACE ({marked}) FROM '{path}')"
            f" TO '{draft}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
        )
    draft.rename(target)


def _make(connection: duckdb.DuckDBPyConnection, owners: range, n_owners: int, n_runs: int) -> None:
    """The table ``made``: all events of some owners. Together, as each SELECT is long to plan."""
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    runs = _RUNS.format(
        n_runs=n_runs, days=N_DAYS, owners=n_owners, first=owners.start, last=owners.stop - 1
    )
    connection.execute(f"{_MACROS};{runs};{_TOOL}")
    kinds = " UNION ALL ".join(_select(kind, n_runs) for kind in KINDS)
    connection.execute(f"CREATE TABLE made AS {with_taken(kinds)}")


def _write(connection: duckdb.DuckDBPyConnection, path: Path, owner_id: str) -> None:
    draft = path.with_suffix(".tmp")
    connection.execute(
        f"COPY (SELECT {_NAMES}, conversation_id AS stream, 0::BIGINT AS position FROM made"
        f" WHERE user_id = '{owner_id}' ORDER BY type, ts, stream)"
        f" TO '{draft}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )
    draft.rename(path)


def _select(kind: Kind, n_runs: int) -> str:
    numbers = {"n_runs": n_runs, "deltas": EVENTS_PER_RUN - N_OTHERS}
    payload, per = kind.payload.format(**numbers), kind.per.format(**numbers)
    moment = f"ts + to_milliseconds({kind.ms})"
    places = (
        "'' AS run_id, '' AS conversation_id, 0::BIGINT"
        if kind.is_outside
        else (f"run_id, conversation_id, ({kind.ms})::BIGINT")
    )
    return (
        f"SELECT uuidv7(moment) AS id, {places} AS run_seq, moment AS ts, agent_id, user_id,"
        f" dialect, '{kind.type}' AS type, ({payload})::JSON AS payload"
        f" FROM (SELECT *, {moment} AS moment FROM"
        f" (SELECT *, unnest(range(0, {per})) AS k FROM runs) WHERE {kind.where})"
    )
