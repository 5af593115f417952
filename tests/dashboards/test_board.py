"""A board is read in one pass; what it shows is what was recorded, and values are never pasted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import pytest
from tests.dashboards.recording import DAY, Told

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.events import (
    EngineSampled,
    ScheduleFired,
    ScoreRecorded,
    WebhookAttempted,
)
from notebook_agents.dashboards.board import (
    CHARTS,
    Board,
    cost,
    drawing,
    kpis,
    load_board,
    together,
)
from notebook_agents.dashboards.charts import parts_of
from notebook_agents.dashboards.figures import ABOVE_CHARS, Series, literal, strip
from notebook_agents.dashboards.filters import Filters, told
from notebook_agents.dashboards.inspection import timeline
from notebook_agents.dashboards.run_phases import Span
from notebook_agents.dashboards.tables import Table
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog

if TYPE_CHECKING:
    from pathlib import Path

LATER = DAY + timedelta(hours=10)
FILTERS = Filters(days=2, now=LATER)


def rows_of(board: Board, name: str) -> list[dict[str, Any]]:
    (found,) = (each for each in board.charts if each.chart.name == name)
    assert not found.error
    return list(found.rows)


async def test_every_chart_has_rows_and_draws_a_valid_figure(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, FILTERS, None)
    assert [each.chart.name for each in board.charts] == [chart.name for chart in CHARTS]
    for drawn in board.charts:
        assert drawn.error == "", drawn.chart.name
        assert drawn.rows, drawn.chart.name
        figure = drawn.figure()
        assert figure is not None, drawn.chart.name
        assert go.Figure(json.loads(json.dumps(figure))).data, drawn.chart.name
        drawn.chart.note(drawn.rows)
        assert drawn.chart.bar in {"", *drawn.rows[0]}, drawn.chart.name


async def test_an_empty_log_has_a_board_that_explains_itself(nothing: EventAnalytics) -> None:
    board = await load_board(nothing, FILTERS, "ann")
    assert board.is_empty
    assert kpis(board.totals) == []
    for drawn in board.charts:
        assert (drawn.rows, drawn.error, drawn.figure()) == ([], "", None) or not drawn.rows
        assert drawn.error == "", drawn.chart.name
        assert drawn.chart.table(drawn.rows).as_text().endswith(drawn.chart.empty)


async def test_totals_are_those_of_the_record(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, FILTERS, "ann")
    assert board.totals["runs"] == 12
    assert board.totals["succeeded"] == 8
    assert board.totals["input_tokens"] == 1200
    assert board.totals["cost_usd"] == pytest.approx(1.5)
    assert board.totals["gpu_hours"] == pytest.approx(0.5)
    assert ("cost", "$1.50 + unknown") in kpis(board.totals)
    assert {row["verdict"] for row in board.newest} == {"decode"}


async def test_the_statement_of_each_chart_gives_its_rows(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, FILTERS, "ann")
    for drawn in board.charts:
        parameters = dict(drawn.parameters)
        table = await recorded.query(drawn.sql, owner_id="ann", parameters=parameters)
        alone = json.loads(json.dumps([list(row) for row in table.rows], default=str))
        assert len(alone) == len(drawn.rows), drawn.chart.name
        assert tuple(table.columns) == tuple(drawn.rows[0]), drawn.chart.name


async def test_a_filter_is_a_value_and_no_sql(recorded: EventAnalytics) -> None:
    evil = "'; DROP TABLE events --"
    for name in ("model", "source", "notebook", "agent", "find"):
        wish: dict[str, Any] = {name: evil}
        filters = replace(FILTERS, **wish)
        assert evil not in filters.sql
        board = await load_board(recorded, filters, "ann")
        assert not any(each.error for each in board.charts)
        assert (board.totals["runs"] == 0) == (name != "find")
    board = await load_board(recorded, replace(FILTERS, notebook=evil), None)
    assert board.totals["runs"] == 1


async def test_an_owner_sees_only_what_is_theirs(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, FILTERS, "bob")
    assert board.totals["runs"] == 1
    assert "users" not in {each.chart.name for each in board.charts}
    assert not rows_of(board, "schedules")
    assert {row["user"] for row in board.choices} == {"bob"}
    with pytest.raises(InvalidRequest):
        await load_board(recorded, replace(FILTERS, user="ann"), "bob")


async def test_an_administrator_sees_everybody_or_one_user(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, FILTERS, None)
    assert [(row["user"], row["runs"]) for row in rows_of(board, "users")] == [
        ("ann", 12), ("bob", 1)
    ]  # fmt: skip
    only = await load_board(recorded, replace(FILTERS, user="bob"), None)
    assert only.totals["runs"] == 1


async def test_a_chart_that_cannot_be_read_leaves_the_others(recorded: EventAnalytics) -> None:
    class Torn:
        """Analytics whose view of schedules is broken."""

        async def query(self, sql: str, **wish: Any) -> Any:
            if "v_schedules" in sql:
                raise InvalidRequest("v_schedules is torn", field="sql")
            return await recorded.query(sql, **wish)

    torn: Any = Torn()
    board = await load_board(torn, FILTERS, "ann")
    errors = {each.chart.name: each.error for each in board.charts if each.error}
    assert errors == {"schedules": "v_schedules is torn"}
    assert board.totals["runs"] == 12


async def test_one_chart_can_be_read_alone(recorded: EventAnalytics) -> None:
    filters = replace(FILTERS, find="WRITE")
    board = await load_board(recorded, filters, "ann", names=("sequences",), has_totals=False)
    assert board.is_empty
    assert [row["sequence"] for row in rows_of(board, "sequences")] == ["read → write"]


async def test_two_versions_are_compared_with_intervals(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, FILTERS, "ann")
    (drawn,) = (each for each in board.charts if each.chart.name == "versions")
    assert {(row["version_a"], row["version_b"]) for row in drawn.rows} == {("v0", "v1")}
    assert drawn.chart.note(drawn.rows).startswith("v1 (6 runs) against v0 (6 runs)")
    figure = drawn.figure()
    assert figure is not None
    assert figure["data"][0]["error_x"]["array"]


async def test_a_click_on_a_time_looks_at_that_time(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, FILTERS, "ann")
    (drawn,) = (each for each in board.charts if each.chart.name == "runs")
    figure = drawn.figure()
    assert figure is not None
    wish = figure["data"][0]["customdata"][0]
    narrow = FILTERS.narrowed(wish)
    assert (narrow.since, narrow.until) == (DAY, DAY + timedelta(hours=1))
    assert narrow.bucket == "minute"
    assert (await load_board(recorded, narrow, "ann")).totals["runs"] == 12


def test_many_queries_read_the_record_once() -> None:
    asked = together({chart.name: chart.sql for chart in CHARTS}, FILTERS)
    assert asked.count("FROM v_runs") == 1
    assert asked.count("FROM v_run_phases") == 1
    with pytest.raises(InvalidRequest):
        together({"a b": "SELECT 1"}, FILTERS)


def test_filters_say_what_they_look_at() -> None:
    filters = Filters(days=1, model="m", source="magic", now=datetime(2026, 1, 2, tzinfo=UTC))
    assert filters.words() == (
        "The last 24 hours, until 2026-01-02 00:00 UTC · model m · source notebook"
    )
    assert Filters(source="notebook", days=1, model="m").parameters["source"] == "magic"
    assert Filters(source="Tektra") == Filters(source="tektra")
    assert told({"since": filters.begins, "model": "m"}) == (
        "$since = '2026-01-01T00:00:00+00:00'\n$model = 'm'"
    )
    wishes: list[dict[str, Any]] = [{"days": 0}, {"days": -1}, {"since": LATER, "until": DAY}]
    for wish in wishes:
        with pytest.raises(InvalidRequest):
            Filters(**wish)


def test_a_cost_that_nobody_knows_is_not_nothing() -> None:
    assert cost(None, 3) == "unknown"
    assert cost(None, 0) == "-"
    assert cost(0.5, 2) == "$0.5000 + unknown"
    assert cost(12.0, 0) == "$12.00"


def test_a_table_of_other_columns_is_no_figure() -> None:
    for chart in CHARTS:
        assert isinstance(chart.table([{"n": 1}]), Table)


def test_no_name_is_markup_in_a_figure() -> None:
    name = '<a href="https://evil.example">x</a>'
    row = {"tool": name} | dict.fromkeys(("succeeded", "denied", "failed", "p95_ms"), 1)
    (chart,) = (each for each in CHARTS if each.name == "tools")
    figures = [
        drawing(chart, [row]),
        timeline([Span(phase="tools", name=name, start_ms=0.0, duration_ms=1.0)]),
    ]
    for figure in figures:
        told = json.dumps(figure)
        assert "&lt;a href=" in told
        assert "<" not in told


def test_a_click_gives_the_name_as_it_is() -> None:
    clicks = [{"model": "a<b&c"}]
    drawn = literal({"data": [{"name": "a<b&c", "x": [1, None], "customdata": clicks}]})
    assert drawn == {"data": [{"name": "a&lt;b&amp;c", "x": [1, None], "customdata": clicks}]}


def test_long_names_stand_above_their_bars() -> None:
    sequence = " → ".join(["python_executor"] * 4)
    row = {"sequence": sequence, "succeeded_percent": 50.0, "occurrences": 1}
    (chart,) = (each for each in CHARTS if each.name == "sequences")
    drawn = drawing(chart, [row])
    assert drawn is not None
    (said,) = drawn["layout"]["annotations"]
    assert said["text"].endswith("50 % ok")
    assert len(said["text"]) <= ABOVE_CHARS
    assert said["y"] == drawn["data"][0]["y"][0]
    short = drawing(chart, [row | {"sequence": "a → b"}])
    assert short is not None
    assert "annotations" not in short["layout"]


async def test_a_task_is_shown_by_its_name(recorded: EventAnalytics) -> None:
    rows = rows_of(await load_board(recorded, FILTERS, "ann"), "schedules")
    assert {row["task"] for row in rows} == {"Daily report", "weekly"}
    (chart,) = (each for each in CHARTS if each.name == "schedules")
    figure = chart.figure(rows)
    assert {name for trace in figure["data"] for name in trace["y"]} == {"Daily report", "weekly"}
    id = "0198a2b4-0000-7000-8000-0123456789ab"
    nameless = chart.figure([rows[0] | {"task": id, "task_id": id}])
    assert nameless["data"][0]["y"] == ["…456789ab"]


async def test_without_a_gpu_the_engine_is_told_of_in_words(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    Told(log, "ann", DAY).tell(0, EngineSampled(device="cpu", period_s=30, n_tokens=600))
    analytics = EventAnalytics(EventFiles(tmp_path))
    board = await load_board(analytics, FILTERS, "ann")
    await analytics.aclose()
    (drawn,) = (each for each in board.charts if each.chart.name == "gpu")
    assert "No GPU" in drawn.chart.note(drawn.rows)
    figure = drawn.figure()
    assert figure is not None
    assert figure["data"][0]["y"] == [20.0]
    assert "nothing is known of a GPU" in drawn.chart.empty


def test_charts_that_no_time_narrows_say_so() -> None:
    for chart in CHARTS:
        is_narrowed = bool({"runs", "phases", "calls"} & set(parts_of([chart.sql], FILTERS)))
        if not is_narrowed and "$since" not in chart.sql:
            assert "All that was ever recorded" in chart.about, chart.name


async def test_scores_and_letters_are_those_of_the_chosen_time(tmp_path: Path) -> None:
    ann = Told(JsonlEventLog(tmp_path), "ann", DAY)
    tries: Any = ((0, 0.25, "retrying"), (1, 0.5, "retrying"), (2, 0.75, "failed"))
    for hour, value, status in tries:
        score = ScoreRecorded(dataset="sums", scorer="exact", value=value,
                              agent_version=f"v{hour}")  # fmt: skip
        letter = WebhookAttempted(webhook_id="w", delivery_id="d", event_type="run.finished",
                                  host="h.example", attempt=hour + 1, status=status,
                                  latency_ms=100.0 * hour)  # fmt: skip
        ann.tell(60 * hour, score, letter, agent_id="agent")
    analytics = EventAnalytics(EventFiles(tmp_path))
    second = replace(FILTERS, since=DAY + timedelta(hours=1), until=DAY + timedelta(hours=2))
    board = await load_board(analytics, second, "ann")
    (score_row,), (letters,) = rows_of(board, "scores"), rows_of(board, "webhooks")
    assert (score_row["mean"], score_row["n"], score_row["delta_vs_baseline"]) == (0.5, 1, 0)
    assert (letters["attempts"], letters["waiting"], letters["given_up"]) == (1, 1, 0)
    board = await load_board(analytics, FILTERS, "ann")
    assert [row["delta_vs_baseline"] for row in rows_of(board, "scores")] == [0, 0.25, 0.5]
    (letters,) = rows_of(board, "webhooks")
    assert (letters["attempts"], letters["waiting"], letters["given_up"]) == (3, 0, 1)
    assert letters["p95_ms"] == pytest.approx(190)
    await analytics.aclose()


async def test_each_scheduled_task_has_a_row_with_its_name(tmp_path: Path) -> None:
    ann = Told(JsonlEventLog(tmp_path), "ann", DAY)
    tasks = {"0198-first-11111111": "Report", "0198-second-2222222": "Report", "0198-c": "Clean up"}
    for id, name in tasks.items():
        fired = ScheduleFired(task_id=id, execution_id=f"e-{id}", scheduled_for=DAY, task_name=name)
        ann.tell(0, fired)
    analytics = EventAnalytics(EventFiles(tmp_path))
    board = await load_board(analytics, FILTERS, "ann")
    (drawn,) = (each for each in board.charts if each.chart.name == "schedules")
    figure = drawn.figure()
    assert figure is not None
    places = {place for trace in figure["data"] for place in trace["y"]}
    assert places == {"Report …11111111", "Report …-2222222", "Clean up"}
    await analytics.aclose()


def test_signs_that_stand_close_have_no_letters() -> None:
    for n_ticks, mode in ((24, "markers+text"), (25, "markers")):
        times = [f"2026-03-{day + 1:02}" for day in range(n_ticks)]
        ticks = Series(name="failed", places=times, lengths=["Report"] * n_ticks)
        (trace,) = strip([ticks], {"failed": "F"})["data"]
        assert trace["mode"] == mode
        assert trace["name"] == ("F = failed" if n_ticks == 24 else "failed")
