"""`database_query`: one SELECT over the files of the working directory and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from notebook_agents.tools.beneath import FileMissing
from notebook_agents.tools.querying import SqlDenied, SqlFailed, run_query

from .conftest import ToolBench

CANARY = "canary-sql"
OUTSIDE = [
    "SELECT * FROM '../out.csv'",
    "SELECT * FROM '{outside}'",
    "SELECT * FROM 'link.csv'",
    "SELECT * FROM 'folder/out.csv'",
    "SELECT * FROM 'sub/../../out.csv'",
    "SELECT * FROM read_csv('../*.csv')",
    "SELECT * FROM read_csv(['a.csv', '{outside}'])",
    "SELECT * FROM read_csv('/proc/self/environ')",
    "SELECT content FROM read_text('/etc/passwd')",
    "SELECT content FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_parquet('{outside}')",
    "SELECT * FROM read_json('{outside}')",
    "SELECT * FROM glob('/**')",
    "SELECT * FROM glob('../*')",
    "SELECT * FROM sniff_csv('{outside}')",
    "SELECT * FROM parquet_metadata('{outside}')",
    "SELECT * FROM 'http://127.0.0.1:1/x.csv'",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
]
REFUSED = [
    "COPY (SELECT 1) TO 'o.csv'",
    "COPY (SELECT 1) TO '/tmp/o.csv'",
    "EXPORT DATABASE 'x'",
    "ATTACH 'x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET memory_limit = '1TB'",
    "RESET memory_limit",
    "PRAGMA version",
    "CALL enable_logging(storage = 'file')",
    "CREATE TABLE t (a INTEGER)",
    "CREATE SECRET (TYPE s3)",
    "DROP TABLE t",
    "INSERT INTO t VALUES (1)",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE t",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN (ANALYZE) SELECT 1",
    "EXPLAIN COPY (SELECT 1) TO 'o.csv'",
    "-- nothing\n",
    "",
]
FAILING = ["SELECT * FROM os", "SELECT getenv('HOME')", "SELEC 1", "SELECT nothing"]


@pytest.fixture
def root(workspace: Path) -> Path:
    """Files inside, files outside, links from one to the other."""
    (workspace / "a.csv").write_text("x,y\n1,2.5\n3,4.25\n")
    (workspace / "sub").mkdir()
    (workspace / "sub" / "b.csv").write_text("q\n7\n")
    outside = workspace.parent / "out.csv"
    outside.write_text(f"secret\n{CANARY}\n")
    (workspace / "link.csv").symlink_to(outside)
    (workspace / "folder").symlink_to(workspace.parent)
    return workspace


def query(root: Path, sql: str) -> dict[str, object]:
    return run_query(str(root), sql, memory_mb=128, timeout_s=20)


@pytest.mark.parametrize("sql", OUTSIDE)
def test_nothing_outside_is_read(root: Path, sql: str) -> None:
    with pytest.raises((SqlDenied, SqlFailed, FileMissing)) as caught:
        query(root, sql.format(outside=root.parent / "out.csv"))
    assert CANARY not in str(caught.value)
    assert not isinstance(caught.value, FileMissing)


@pytest.mark.parametrize("sql", REFUSED)
def test_other_statements_are_refused(root: Path, sql: str) -> None:
    before = sorted(root.rglob("*"))
    with pytest.raises(SqlDenied):
        query(root, sql)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("path", [".env", "./.ssh/id", "a/.b/c.csv", ".*", "sub\\\\.x"])
def test_hidden_files_are_not_read(root: Path, path: str) -> None:
    with pytest.raises(SqlDenied, match="hidden files are not read"):
        query(root, f"SELECT * FROM read_text('{path}')")


@pytest.mark.parametrize("sql", FAILING)
def test_mistakes_are_one_line(root: Path, sql: str) -> None:
    os = "a variable of the caller"
    with pytest.raises(SqlFailed) as caught:
        query(root, sql)
    assert "\n" not in str(caught.value)
    assert os not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM 'a.csv'",
        "FROM 'a.csv'",
        "SELECT * FROM read_csv('a.csv')",
        "SELECT * FROM './a.csv' -- with a comment",
        "SELECT * FROM 'a.csv' WHERE '.5' <> '...'",
        "WITH t AS (FROM 'a.csv') SELECT * FROM t;",
    ],
)
def test_files_of_the_working_directory_are_tables(root: Path, sql: str) -> None:
    assert query(root, sql) == {
        "columns": ["x", "y"],
        "rows": [[1, 2.5], [3, 4.25]],
        "row_count": 2,
        "truncated": False,
    }


def test_values_of_every_kind_fit_into_json(root: Path) -> None:
    sql = """SELECT 1::HUGEINT AS a, 1.50::DECIMAL(4, 2) AS b, 'nan'::DOUBLE AS c, [1, 2] AS d,
        {'k': 1} AS e, DATE '2024-01-02' AS f, TIMESTAMPTZ '2024-01-02 03:04:05+00' AS g,
        NULL AS h, true AS i, TIMESTAMP '2024-01-02 03:04:05' AS j"""
    assert query(root, sql)["rows"] == [
        [
            *(1, 1.5, "nan", [1, 2], {"k": 1}, "2024-01-02", "2024-01-02 03:04:05+00"),
            *(None, True, "2024-01-02 03:04:05"),
        ]
    ]


def test_results_are_bounded(root: Path) -> None:
    many = query(root, "SELECT * FROM range(50_000_000)")
    assert many["row_count"] == 10_000
    assert many["truncated"] is True
    wide = query(root, "SELECT repeat('x', 1_000_000) AS a")
    assert len(str(wide["rows"])) < 20_000
    columns = ", ".join(f"{n} AS c{n}" for n in range(1001))
    with pytest.raises(SqlDenied, match="columns"):
        query(root, f"SELECT {columns}")


def test_too_much_memory_is_a_memory_error(root: Path) -> None:
    with pytest.raises(MemoryError):
        query(root, "SELECT count(DISTINCT i || repeat('x', 100)) FROM range(20_000_000) t(i)")


def test_a_query_without_end_is_stopped(root: Path) -> None:
    started = time.monotonic()
    sql = "SELECT count(*) FROM range(100_000_000_000) t(a) WHERE a % 7 = 3"
    with pytest.raises(TimeoutError):
        run_query(str(root), sql, memory_mb=128, timeout_s=0.5)
    assert time.monotonic() - started < 5


async def test_the_text_is_the_table(tools: ToolBench, root: Path) -> None:
    result = await tools.use("database_query", query="SELECT sum(x) AS n, avg(y) AS m FROM 'a.csv'")
    assert result.content == "n, m\n4, 3.375"
    assert result.value["columns"] == ["n", "m"]
    assert result.value["rows"] == [[4, 3.375]]


async def test_a_long_table_is_cut_to_twenty_rows(tools: ToolBench) -> None:
    result = await tools.use("database_query", query="SELECT range AS n FROM range(100)")
    lines = result.content.split("\n")
    assert lines[:2] == ["n", "0"]
    assert len(lines) == 22
    assert lines[-1] == "... 80 more rows"
    assert result.value["row_count"] == 100


@pytest.mark.parametrize(
    ("sql", "error_type", "content"),
    [
        (
            "SELECT * FROM 'link.csv'",
            "SQL_DENIED",
            "'link.csv' is outside the working directory; use a relative path",
        ),
        ("COPY (SELECT 1) TO 'x'", "SQL_DENIED", "COPY statements are not run; use SELECT"),
        (
            "SELECT * FROM 'zz.csv'",
            "FileNotFoundError",
            "no file 'zz.csv' in the working directory; files here: a.csv, sub/",
        ),
        (
            "SELECT * FROM sales",
            "SQL_ERROR",
            "there is no table 'sales'; files here: a.csv, sub/",
        ),
    ],
)
async def test_a_refusal_is_one_clear_line(
    tools: ToolBench, root: Path, sql: str, error_type: str, content: str
) -> None:
    result = await tools.use("database_query", query=sql)
    assert (result.error_type, result.content) == (error_type, f"Error: {content}")


async def test_a_query_that_times_out_keeps_the_variables(tools: ToolBench) -> None:
    await tools.use("python_executor", code="x = 1")
    sql = "SELECT count(*) FROM range(100_000_000_000) t(a) WHERE a % 7 = 3"
    result = await tools.use("database_query", query=sql, timeout_s=1)
    assert (result.status, result.error_type) == ("timed_out", "TIMEOUT")
    assert (await tools.use("python_executor", code="x")).content == "1"


async def test_medium_answers_the_same(confined_tools: ToolBench, root: Path) -> None:
    result = await confined_tools.use("database_query", query="SELECT q FROM 'sub/b.csv'")
    assert (result.content, result.enforced_level) == ("q\n7", "medium")
