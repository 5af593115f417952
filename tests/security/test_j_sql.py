"""J: SQL of models and people reads the files it names, its own events, and nothing else."""

from __future__ import annotations

import resource
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import pytest

from notebook_agents.analytics import apart
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.events import ToolStarted
from notebook_agents.core.journal import Source
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.segments import hot_folder
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.testing import fake_core
from notebook_agents.tools.beneath import FileMissing
from notebook_agents.tools.querying import SqlDenied, SqlFailed, run_query
from notebook_agents.tools.registry import Registry

MIB = 1024 * 1024
CANARY = "canary-51c9-sql"
READERS = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '{outside}'",
    'SELECT * FROM "{outside}"',
    "SELECT content FROM read_text('{outside}')",
    "SELECT content FROM read_text($$../out.csv$$)",
    "SELECT content FROM read_text(E'..\\x2fout.csv')",
    "SELECT content FROM read_text('..' || '/out.csv')",
    "SELECT content FROM read_text(['a.csv', '../out.csv'])",
    "SELECT content FROM read_blob('{outside}')",
    "SELECT * FROM read_parquet('{outside}')",
    "SELECT * FROM read_json_auto('{outside}')",
    "SELECT * FROM glob('/**')",
    "SELECT * FROM glob('../*')",
    "SELECT * FROM read_csv('/proc/self/environ')",
    "SELECT * FROM query('FROM ''../out.csv''')",
    "SELECT * FROM 'link.csv'",
    "SELECT * FROM read_text('folder/*')",
]
HIDDEN = [
    "SELECT content FROM read_text('.env')",
    "SELECT content FROM read_text('sub/.env')",
    "SELECT content FROM read_text('sub/*')",
    "SELECT content FROM read_text('**')",
    "SELECT content FROM read_text('sub/' || chr(46) || 'env')",
    "SELECT content FROM read_text(E'sub/\\x2eenv')",
    "SELECT content FROM read_text($q$sub/.env$q$)",
    "SELECT content FROM read_text('to-hidden.csv')",
    "SELECT content FROM read_text('g/config')",
    "SELECT * FROM glob('**')",
    "FROM query('SELECT * FROM read_text(''sub/.env'')')",
]
REACHING_OUT = [
    "COPY (SELECT 1) TO 'o.csv'",
    "COPY (SELECT 1) TO '/tmp/o.csv'",
    "EXPORT DATABASE 'x'",
    "ATTACH 'x.db'",
    "ATTACH '{outside}' AS o",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/x.duckdb_extension'",
    "FORCE INSTALL sqlite",
    "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
    "SELECT * FROM 'https://127.0.0.1:1/x.csv'",
    "SELECT * FROM read_csv('s3://bucket/x.csv')",
]
SETTINGS = [
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "RESET ALL",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "SET memory_limit = '1TB'",
    "SET threads = 64",
    "SET profiling_output = '/tmp/o'",
    "SET allowed_directories = ['/']",
    "SET allowed_paths = ['/etc/passwd']",
    "SET python_enable_replacements = true",
    "CALL enable_logging(storage = 'file', storage_config = {{'path': '/tmp/o'}})",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '/tmp/o')",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "SET VARIABLE x = 1",
]
MORE_THAN_ONE = [
    "SELECT 1; DROP TABLE t",
    "SELECT 1; COPY (SELECT 1) TO 'o.csv'",
    "SELECT 1 /* ; */; SELECT 2",
    "SELECT 1 --\n; DELETE FROM t",
    "SELECT $$;$$; DROP TABLE t",
    "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
    "EXPLAIN ANALYZE SELECT 1",
    "/**/EXPLAIN/**/ANALYZE/**/SELECT 1",
    "EXPLAIN (ANALYZE) SELECT 1",
    "EXPLAIN COPY (SELECT 1) TO 'o.csv'",
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "INSERT INTO t SELECT 1",
    "CREATE TABLE t AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "PREPARE p AS SELECT 1",
    "SELECT * FROM query('SELECT 1; DROP TABLE t')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''o.csv''')",
    "",
]
ENDLESS = [
    "SELECT count(*) FROM range(100_000_000_000) t(a) WHERE a % 7 = 3",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "SELECT max(length(md5(a::VARCHAR))) FROM range(10_000_000_000) t(a)",
    "SELECT pg_sleep(600)",
]
HUGE = [
    "SELECT length(repeat('x', 3_000_000_000))",
    "SELECT length(repeat('x', 500_000_000) || repeat('y', 500_000_000))",
    "SELECT length(list(range::VARCHAR || repeat('x', 90))) FROM range(100_000_000)",
    "SELECT length(string_agg(a::VARCHAR || repeat('x', 90), ',')) FROM range(100_000_000) t(a)",
]
OUTSIDE_DATABASES = [
    "ATTACH 'postgresql://user:pw@db/x' AS p (TYPE postgres)",
    "SELECT * FROM postgres_scan('postgresql://user:pw@db/x', 'public', 't')",
    "SELECT * FROM postgres_query('p', 'SELECT pg_read_file(''/etc/passwd'')')",
    "ATTACH 'sqlite:////etc/x.db' AS s (TYPE sqlite)",
    "SELECT * FROM sqlite_scan('/etc/x.db', 't')",
    "ATTACH 'duckdb:///x' AS d",
    "FROM 'duckdb:///x'",
    "ATTACH 'host=db user=root' AS m (TYPE mysql)",
    "SELECT * FROM mysql_query('m', 'SELECT load_file(''/etc/passwd'')')",
]
OTHERS_EVENTS = [
    "SELECT * FROM events UNION ALL SELECT * FROM events WHERE user_id = 'bob'",
    "SELECT * FROM (SELECT * FROM events WHERE user_id <> 'ann' OR true)",
    "SELECT * FROM v_runs",
    "SELECT * FROM v_tools",
    "SELECT * FROM v_approvals",
    "CREATE OR REPLACE VIEW v_runs AS SELECT 1",
    "EXPLAIN ANALYZE DELETE FROM events",
    "SELECT sql FROM duckdb_views()",
    "SELECT sql FROM duckdb_tables()",
    "SELECT * FROM duckdb_columns()",
    "SELECT view_definition FROM information_schema.views",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM memory.main.events",
    "SELECT * FROM read_json('{folder}/*.jsonl')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM read_text('{folder}/system.jsonl')",
    "SELECT * FROM query('SELECT * FROM read_text(''{folder}/system.jsonl'')')",
    "SELECT * FROM query_table('events')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM analytics",
]
NAMES = ['a "b"', 'x"; DROP TABLE t; --', "it's", "two\nlines", "; --", 'a""b', "SELECT"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with hidden files, beside what must not be read."""
    root = tmp_path / "ws"
    (root / "sub").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "a.csv").write_text("x,y\n1,2\n")
    (root / "sub/b.csv").write_text("q\n7\n")
    for path in (root / ".env", root / "sub/.env", root / ".git/config", tmp_path / "out.csv"):
        path.write_text(f"{CANARY}\n")
    for name, target in {
        "link.csv": "../out.csv", "folder": "..", "to-hidden.csv": "sub/.env", "g": ".git",
        "inner.csv": "a.csv",
    }.items():  # fmt: skip
        (root / name).symlink_to(target)
    return root


def ask(root: Path, sql: str) -> dict[str, Any]:
    sql = sql.format(outside=root.parent / "out.csv")
    return run_query(str(root), sql, memory_mb=128, timeout_s=10)


def refused(root: Path, sql: str) -> str:
    """Why; nothing was read or written."""
    before = sorted(root.parent.rglob("*"))
    with pytest.raises((SqlDenied, SqlFailed)) as caught:
        ask(root, sql)
    assert CANARY not in str(caught.value)
    assert sorted(root.parent.rglob("*")) == before
    return type(caught.value).__name__


@pytest.mark.parametrize("sql", READERS)
def test_j01_nothing_outside_is_read(root: Path, sql: str) -> None:
    assert refused(root, sql) == "SqlDenied"


@pytest.mark.parametrize("sql", HIDDEN)
def test_j01_nothing_hidden_is_read_by_any_way_to_write_its_name(root: Path, sql: str) -> None:
    assert refused(root, sql) == "SqlDenied"


def test_j01_what_a_query_names_is_read(root: Path) -> None:
    """The same walls let through what they are there for."""
    for sql in (
        "FROM 'a.csv'",
        'FROM "a.csv"',
        "FROM './a.csv' -- it's a comment",
        "FROM 'inner.csv'",
        "FROM read_csv(['a.csv', 'inner.csv']) LIMIT 1",
        "SELECT x, y FROM read_csv('*a.csv')",
        "SELECT * FROM 'a.csv' WHERE '.env' <> 'sub/.git/*'",
    ):
        assert ask(root, sql)["rows"] == [[1, 2]], sql
    assert ask(root, "FROM 'sub/b*.csv'")["rows"] == [[7]]
    with pytest.raises(FileMissing):
        ask(root, "FROM 'no.csv'")


@pytest.mark.parametrize("sql", REACHING_OUT)
def test_j02_nothing_is_written_attached_installed_or_fetched(root: Path, sql: str) -> None:
    assert refused(root, sql) == "SqlDenied"


@pytest.mark.parametrize("sql", SETTINGS)
def test_j03_no_setting_changes(root: Path, sql: str) -> None:
    refused(root, sql)
    assert not Path("/tmp/o").exists()


@pytest.mark.parametrize("sql", MORE_THAN_ONE)
def test_j04_one_statement_that_only_reads(root: Path, sql: str) -> None:
    assert refused(root, sql) in {"SqlDenied", "SqlFailed"}


def test_j05_no_variable_of_the_process_is_a_table(root: Path) -> None:
    import pandas as pd

    secret_frame = pd.DataFrame({"secret": [CANARY]})
    for name in ("secret_frame", "CANARY", "READERS", "os", "database"):
        assert refused(root, f"SELECT * FROM {name}") == "SqlFailed"
    assert len(secret_frame) == 1


@pytest.fixture
def registry() -> Iterator[Registry]:
    """All tools; socket paths are short, so the folder is too."""
    folder = Path(mkdtemp(prefix="nbt-"))
    yield Registry.from_entry_points(KernelSandbox(SandboxConfig(folder)))
    rmtree(folder, ignore_errors=True)


@pytest.fixture
async def tools(registry: Registry) -> AsyncIterator[Registry]:
    """The tools at level low, where only the kernel's own limits hold."""
    yield registry
    await registry.aclose()


async def query(tools: Registry, root: Path, sql: str, **limits: Any) -> ToolResult:
    timeout_s, megabytes = limits.get("timeout_s", 20.0), limits.get("megabytes", 512)
    return await tools.run(
        ToolInvocation(
            call_id="call",
            name="database_query",
            arguments=tools.validate("database_query", {"query": sql}),
            owner_id="owner",
            conversation_id="conversation",
            workspace=str(root),
            level="low",
            timeout_s=timeout_s,
            memory_bytes=megabytes * MIB,
            on_output=lambda _text: None,
        )
    )


async def test_j06_a_query_without_end_ends_with_its_time(tools: Registry, root: Path) -> None:
    """Also one that no longer listens to the database's own interrupt: then the kernel goes."""
    await query(tools, root, "SELECT 1")
    for sql in ENDLESS:
        started = time.monotonic()
        found = await query(tools, root, sql, timeout_s=1.0)
        assert (found.status, found.error_type) == ("timed_out", "TIMEOUT"), sql
        assert time.monotonic() - started < 1.0 + 3.0, sql
    assert (await query(tools, root, "FROM 'a.csv'")).error_type == ""


async def test_j07_a_query_that_needs_too_much_memory_costs_the_server_none(
    tools: Registry, root: Path
) -> None:
    await query(tools, root, "SELECT 1")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for sql in HUGE:
        found = await query(tools, root, sql, timeout_s=10.0, megabytes=256)
        assert found.error_type in ("MEMORY_LIMIT", "MemoryError"), (sql, found.content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024
    assert (await query(tools, root, "FROM 'a.csv'")).error_type == ""


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (\u200bcopy (SELECT 7) TO 'a.csv' (USE_TMP_FILE false)) FROM a",
        "FROM query('SELECT * FROM json_execute_serialized_sql(json_serialize_sql(''SELECT 1''))')",
        "WITH a AS (SELECT 1), b AS MATERIALIZED (COPY a TO 'a.csv' (USE_TMP_FILE false)) SELECT 1",
        "SELECT * FROM Json_Execute_Serialized_Sql(json_serialize_sql('WITH a AS (COPY (SELECT 7)"
        " TO ''a.csv'' (USE_TMP_FILE false)) SELECT 1'))",
    ],
)
def test_j02_no_part_of_a_select_writes_a_file_that_it_may_read(root: Path, sql: str) -> None:
    before = (root / "a.csv").read_bytes()
    assert refused(root, sql) in {"SqlDenied", "SqlFailed"}
    assert (root / "a.csv").read_bytes() == before


async def test_j08_results_have_an_end_and_say_so(tools: Registry, root: Path) -> None:
    many = await query(tools, root, "SELECT * FROM range(50_000_000)")
    assert (many.value["row_count"], many.value["truncated"]) == (10_000, True)
    assert many.content.endswith("9980 more rows")
    cell = await query(tools, root, "SELECT repeat('x', 100_000_000) AS a")
    assert cell.error_type in ("", "MEMORY_LIMIT", "MemoryError")
    assert len(str(cell.value)) < 20_000
    nested = await query(tools, root, "SELECT list(repeat('x', 900)) AS a FROM range(5_000)")
    assert (nested.error_type, len(str(nested.value)) < 20_000) == ("", True)
    names = ", ".join(f"1 AS c{number}" for number in range(100_000))
    wide = await query(tools, root, f"SELECT {names}")
    assert wide.error_type in ("SQL_DENIED", "MEMORY_LIMIT", "MemoryError")
    assert len(wide.content) < 2000


@pytest.mark.parametrize("name", NAMES)
def test_j09_a_header_of_a_stranger_is_a_name_and_no_statement(root: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    (root / "named.csv").write_text(f"{quoted},n\n1,2\n")
    found = ask(root, "SELECT * FROM read_csv('named.csv', header = true)")
    assert (found["columns"], found["rows"]) == ([name, "n"], [[1, 2]])
    assert ask(root, f"SELECT {quoted} FROM read_csv('named.csv', header = true)")["rows"] == [[1]]


async def test_j06_j07_sql_over_events_costs_the_server_neither_time_nor_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a program asks through the server's own tools runs in a process that is ended."""
    analytics = EventAnalytics(EventFiles(tmp_path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidRequest, match=r"[Mm]emory"):
        await analytics.query_apart(HUGE[0], owner_id="ann")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024
    monkeypatch.setattr(apart, "TIMEOUT_S", 1.0)
    for sql in (ENDLESS[0], ENDLESS[-1]):
        began = time.monotonic()
        with pytest.raises(InvalidRequest, match="ran longer than 1 seconds"):
            await analytics.query_apart(sql, owner_id="ann")
        assert time.monotonic() - began < 5
    await analytics.aclose()


async def test_j10_sql_over_events_sees_its_own_owners_only(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    core = fake_core("Done", home=tmp_path / "work", event_log=log)
    for owner in ("ann", "bob"):
        body = ToolStarted(call_id=f"call-of-{owner}", name=f"tool-of-{owner}")
        core.journal.record(body, Source(user_id=owner, run_id=f"run-of-{owner}"), run_seq=1)
    await core.journal.sync("system")
    analytics = EventAnalytics(EventFiles(tmp_path))
    for ask in (analytics.query, analytics.query_apart):
        whole = str((await ask("SELECT * FROM events", owner_id="ann")).rows)
        assert "run-of-ann" in whole
        assert "run-of-bob" not in whole
    for sql in OTHERS_EVENTS:
        shown = await _shown(analytics, sql.format(folder=hot_folder(tmp_path)))
        assert "of-bob" not in shown, sql
        assert str(tmp_path) not in shown or "Cannot access" in shown, sql
    await analytics.aclose()
    await core.aclose()


async def _shown(analytics: EventAnalytics, sql: str) -> str:
    try:
        return str(await analytics.query(sql, owner_id="ann"))
    except InvalidRequest as error:
        return error.message


@pytest.mark.parametrize("sql", OUTSIDE_DATABASES)
def test_j13_no_address_of_a_database_is_taken_from_a_query(root: Path, sql: str) -> None:
    assert refused(root, sql) in {"SqlDenied", "SqlFailed"}


def test_j13_the_tool_has_no_argument_for_one(registry: Registry) -> None:
    """There are no connections to other databases, named or not."""
    for name in ("dsn", "connection", "database", "url"):
        with pytest.raises(InvalidRequest, match="unknown argument"):
            registry.validate("database_query", {"query": "SELECT 1", name: "postgresql://u@h/d"})
