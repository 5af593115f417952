"""SQL over compacted files: the same answers, one owner's and no others, while they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from tests.analytics.recorded import Recorded
from tests.benchmarks.generated_log import generate

from notebook_agents.analytics.catalogue import VIEWS, catalogue
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.core.errors import InvalidRequest

N_EVENTS = 10_000
ENDLESS = "SELECT count(*) FROM range(100_000_000_000) t(a) WHERE a % 7 = 3"
NOSY = [
    "SELECT * FROM duckdb_settings()",
    "SELECT current_setting('allowed_paths')",
    "SELECT current_setting('secret_directory')",
    "SELECT sql FROM duckdb_views()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_external_file_cache()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM glob('*')",
    "SELECT * FROM glob('log://*')",
    "SELECT * FROM read_text('log://0.parquet')",
    "SELECT * FROM read_parquet('log://1.parquet')",
    "SELECT * FROM read_parquet('{theirs}')",
    "SELECT * FROM read_parquet('{folder}/*.parquet')",
    "SELECT * FROM parquet_metadata('{theirs}')",
    "SELECT * FROM parquet_schema('{theirs}')",
    "SELECT * FROM parquet_kv_metadata('{theirs}')",
    "SELECT * FROM read_parquet('log://0.parquet/../{theirs}')",
    "SELECT filename FROM read_parquet('log://0.parquet', filename = true) LIMIT 3",
    "EXPLAIN SELECT * FROM events",
    "SELECT * FROM events WHERE user_id <> 'user-0'",
    "SELECT v FROM events, range(3) v WHERE v = 'x'",
]


class OwnFiles:
    """A log whose owners have one file each, as compaction makes them."""

    def __init__(self, made: Callable[[], LogSnapshot]) -> None:
        self._made = made

    def snapshot(self, owner_id: str | None = None) -> LogSnapshot:
        whole = self._made()
        kept = tuple(
            f for f in whole.cold if owner_id is None or f.endswith(f"-{owner_id}.parquet")
        )
        return LogSnapshot(hot=whole.hot, cold=kept, removed=whole.removed)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> LogSnapshot:
    """Of four owners, 200 runs in all."""
    return generate(tmp_path_factory.mktemp("cold"), N_EVENTS, n_owners=4)


@pytest.fixture
def analytics(made: LogSnapshot) -> EventAnalytics:
    return EventAnalytics(OwnFiles(lambda: made))


async def test_every_view_reads_compacted_files(analytics: EventAnalytics) -> None:
    for view in VIEWS:
        whole = await analytics.query(f"SELECT count(*) FROM {view}")
        assert whole.types == ("BIGINT",)
    (count,) = (await analytics.query("SELECT count(*) FROM v_runs")).rows[0]
    assert count == 200
    await analytics.aclose()


async def test_an_owner_reads_no_others_file(made: LogSnapshot, analytics: EventAnalytics) -> None:
    sql = "SELECT DISTINCT user_id FROM events ORDER BY ALL"
    assert (await analytics.query(sql, owner_id="user-1")).rows == (("user-1",),)
    assert (await analytics.query_apart(sql, owner_id="user-1")).rows == (("user-1",),)
    assert (await analytics.query(sql, owner_id="nobody")).rows == ()
    assert len((await analytics.query(sql)).rows) == 4
    with pytest.raises(InvalidRequest, match="Cannot access"):
        await analytics.query(f"FROM read_parquet('{made.cold[0]}')", owner_id="user-1")
    await analytics.aclose()


@pytest.mark.parametrize("sql", NOSY)
async def test_a_stranger_learns_nothing_of_the_machine_and_of_others(
    made: LogSnapshot, analytics: EventAnalytics, sql: str
) -> None:
    folder = str(Path(made.cold[0]).parent)
    asked = sql.format(theirs=made.cold[1], folder=folder)
    try:
        shown = str(await analytics.query_apart(asked, owner_id="user-0"))
    except InvalidRequest as error:
        shown = error.message.replace(made.cold[1], "").replace(f"{folder}/*", "")
    assert folder not in shown
    assert str(Path.home()) not in shown
    assert "user-1" not in shown
    await analytics.aclose()


async def test_a_removed_stream_is_left_out_of_compacted_files(made: LogSnapshot) -> None:
    gone = "conversation-user-0-0"
    analytics = EventAnalytics(
        OwnFiles(lambda: LogSnapshot(hot=(), cold=made.cold, removed=(gone, "it's")))
    )
    sql = "SELECT count(*) FROM events WHERE conversation_id = $gone"
    assert (await analytics.query(sql, parameters={"gone": gone})).rows == ((0,),)
    assert (await analytics.query("SELECT count(*) > 0 FROM events")).rows == ((True,),)
    with pytest.raises(InvalidRequest, match="stream"):
        await analytics.query("SELECT stream FROM events")
    await analytics.aclose()


async def test_a_file_that_vanishes_is_looked_for_anew(made: LogSnapshot, tmp_path: Path) -> None:
    looks: list[int] = []

    def changing() -> LogSnapshot:
        looks.append(1)
        gone = (str(tmp_path / "x-gone.parquet"),) if len(looks) < 3 else ()
        return LogSnapshot(hot=(), cold=made.cold + gone)

    analytics = EventAnalytics(OwnFiles(changing))
    assert (await analytics.query("SELECT count(*) FROM v_runs")).rows == ((200,),)
    assert len(looks) == 3
    looks.clear()
    await analytics.aclose()
    lost = EventAnalytics(
        OwnFiles(lambda: LogSnapshot(hot=(), cold=(str(tmp_path / "x-gone.parquet"),)))
    )
    with pytest.raises(InvalidRequest, match="ask again"):
        await lost.query("SELECT count(*) FROM events")
    with pytest.raises(InvalidRequest, match="ask again"):
        await lost.query_apart("SELECT count(*) FROM events", owner_id="gone")
    await lost.aclose()


async def test_a_cancelled_question_ends(analytics: EventAnalytics) -> None:
    """Both threads are free again at once: else the question after it would wait for ever."""
    for ask in (analytics.query, analytics.query_apart):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(ENDLESS, owner_id="user-0"), timeout=0.3)
    assert (await analytics.query("SELECT 1")).rows == ((1,),)
    await analytics.aclose()


@pytest.mark.parametrize(
    "value",
    ["it's; DROP TABLE events --", 7, 1.5, datetime(2026, 8, 30, tzinfo=UTC), ["a", "b"], None],
)
async def test_values_are_bound_whatever_they_are(analytics: EventAnalytics, value: object) -> None:
    for ask in (analytics.query, analytics.query_apart):
        table = await ask("SELECT $value AS v", owner_id="user-0", parameters={"value": value})
        found = table.rows[0][0]
        if isinstance(value, datetime):
            found = found if isinstance(found, datetime) else datetime.fromisoformat(found)
        assert found == value
    since = {"since": datetime(2026, 8, 30, tzinfo=UTC)}
    sql = "SELECT count(*) FROM v_runs WHERE started >= $since"
    near = (await analytics.query(sql, parameters=since, owner_id="user-0")).rows
    assert near == (await analytics.query_apart(sql, parameters=since, owner_id="user-0")).rows
    await analytics.aclose()


@pytest.mark.parametrize(
    ("sql", "parameters"), [("SELECT $a", {}), ("SELECT 1", {"b": 1}), ("SELECT $a", {"b": 1})]
)
async def test_a_value_that_is_missing_or_not_named_is_an_error_of_the_parameters(
    analytics: EventAnalytics, sql: str, parameters: dict[str, int]
) -> None:
    for ask in (analytics.query, analytics.query_apart):
        with pytest.raises(InvalidRequest) as caught:
            await ask(sql, owner_id="user-0", parameters=parameters)
        assert caught.value.details["field"] == "parameters"
    await analytics.aclose()


async def test_an_error_tells_the_place_in_the_text(analytics: EventAnalytics) -> None:
    for ask in (analytics.query, analytics.query_apart):
        with pytest.raises(InvalidRequest, match="nope") as caught:
            await ask("SELECT nope FROM v_runs", owner_id="user-0")
        assert caught.value.details["position"] == len("SELECT ")
    await analytics.aclose()


def test_what_is_appended_after_a_question_is_in_the_next_answer(log: Recorded) -> None:
    for number in range(1, 4):
        log.run(f"r{number}")
        assert log.rows("SELECT count(*) FROM v_runs") == [(number,)]
        assert log.rows("SELECT count(*) FROM v_runs", "ann") == [(number,)]
        assert log.rows("SELECT count(*) FROM v_runs", "bob") == [(0,)]


def test_generated_files_have_the_columns_of_events(made: LogSnapshot) -> None:
    rows = duckdb.sql(f"DESCRIBE FROM '{made.cold[0]}'").fetchall()
    assert tuple(row[0] for row in rows) == (*catalogue()[0].columns, "stream", "position")
    assert tuple(row[1] for row in rows)[: len(catalogue()[0].types)] == catalogue()[0].types
