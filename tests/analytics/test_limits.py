"""What is said of a query that takes more time or memory than it may."""

from __future__ import annotations

import duckdb
import pytest

from notebook_agents.analytics.asking import Asking, select
from notebook_agents.analytics.databases import limit
from notebook_agents.core.errors import InvalidRequest

ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"
LARGE = "SELECT list(a.range || '-' || b.range) FROM range(100000) a, range(10000) b"


@pytest.fixture
def cursor() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    limit(connection)
    connection.execute("SET GLOBAL errors_as_json = true")
    return connection


def test_time_and_memory_are_told_in_words_with_what_helps(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(InvalidRequest, match=r"longer than 0\.2 seconds; read fewer days"):
        select(cursor, ENDLESS, {}, Asking(0.2))
    with pytest.raises(InvalidRequest, match="more memory than it may take; read fewer"):
        select(cursor, LARGE, {})
    assert select(cursor, "SELECT 1", {}).rows == ((1,),)


def test_time_counts_from_the_first_of_its_beginnings(cursor: duckdb.DuckDBPyConnection) -> None:
    asking = Asking(0.2)
    for _ in range(2):
        with pytest.raises(InvalidRequest, match=r"longer than 0\.2 seconds"):
            select(cursor, ENDLESS, {}, asking)


def test_half_of_a_pair_of_signs_is_refused_in_words(cursor: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(InvalidRequest, match="half of a surrogate pair"):
        select(cursor, "SELECT '\ud800'", {})


def test_a_query_that_is_broken_off_was_not_too_long(cursor: duckdb.DuckDBPyConnection) -> None:
    asking = Asking()
    asking.stop()
    with pytest.raises(InvalidRequest, match="broken off"):
        select(cursor, ENDLESS, {}, asking)


@pytest.mark.parametrize(
    "row",
    ["repeat('x', 10000)", "range(10000)", "{'a': repeat('x', 10000)}", "[repeat('x', 9999)]"],
)
def test_a_large_answer_is_refused_before_it_is_all_there(
    cursor: duckdb.DuckDBPyConnection, row: str
) -> None:
    with pytest.raises(InvalidRequest, match="the answer is larger than 200 MB; ask for fewer"):
        select(cursor, f"SELECT {row} AS a FROM range(1000000)", {})


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("ATTACH 'x.db'", "ATTACH"),
        ("set threads = 9", "SET"),
        ("PRAGMA show_tables", "PRAGMA"),
        ("INSTALL httpfs", "INSTALL"),
        ("-- mine\n/* and */ DROP VIEW events", "DROP"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "INSERT"),
        ("EXPLAIN DELETE FROM t", "DELETE"),
        ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN with ANALYZE or options"),
        ("EXPLAIN (FORMAT json) SELECT 1", "EXPLAIN with ANALYZE or options"),
    ],
)
def test_a_statement_that_is_no_select_is_named_with_the_reason(
    cursor: duckdb.DuckDBPyConnection, sql: str, word: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        select(cursor, sql, {})
    assert raised.value.message == (
        f"{word} is refused: the log is read-only; give exactly one SELECT statement"
    )


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("WITH a AS (DELETE FROM kept RETURNING *) SELECT count(*) FROM a", "DELETE"),
        ("WITH a AS (/* 'é' */ update kept SET n = 2 RETURNING *) SELECT 'é' FROM a", "UPDATE"),
        ("WITH a AS (\nINSERT INTO kept VALUES (3) RETURNING *) SELECT count(*) FROM a", "INSERT"),
        ("WITH a AS (COPY (SELECT 1) TO 'x.csv' (USE_TMP_FILE false)) SELECT 1", "COPY"),
        ("WITH a AS (\u2060TRUNCATE kept) SELECT count(*) FROM a", "DELETE"),
        ("EXPLAIN WITH a AS (\ufeffCOPY (SELECT 1) TO 'x.csv') SELECT 1", "COPY"),
        ("SELECT (WITH a AS (SELECT 1) FROM (FROM \"QUERY\"('SELECT 1')))", r"query\(\)"),
        ("FROM json_execute_serialized_sql('{}')", r"json_execute_serialized_sql\(\)"),
    ],
)
def test_no_part_of_a_select_writes(cursor: duckdb.DuckDBPyConnection, sql: str, word: str) -> None:
    cursor.execute("CREATE TABLE kept AS SELECT 1 AS n, 2 AS update")
    with pytest.raises(InvalidRequest, match=f"{word} is refused: the log is read-only"):
        select(cursor, sql, {})
    told = "SELECT n, sum(update), '(delete it' FROM kept GROUP BY ALL"
    assert select(cursor, told, {}).rows == ((1, 2, "(delete it"),)


def test_one_statement_is_asked_for_where_there_are_none_or_two(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    for sql, n in (("-- nothing", 0), ("SELECT 1; SELECT 2", 2)):
        with pytest.raises(InvalidRequest, match=f"^these are {n} statements; give exactly one"):
            select(cursor, sql, {})


def test_a_pivot_is_a_select_once_its_values_are_named(cursor: duckdb.DuckDBPyConnection) -> None:
    pivot = "PIVOT (SELECT 'a' AS kind) ON kind {} USING count(*)"
    assert select(cursor, pivot.format("IN ('a', 'b')"), {}).columns == ("a", "b")
    with pytest.raises(InvalidRequest, match="read-only; name them: PIVOT v_runs ON status IN"):
        select(cursor, pivot.format(""), {})
