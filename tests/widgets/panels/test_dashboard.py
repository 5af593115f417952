"""The dashboard counts what was recorded, and says where a number comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.magics.errors import AgentError
from notebook_agents.testing import call
from notebook_agents.widgets.charts import MIME
from notebook_agents.widgets.dashboard import CHARTS, EMPTY, Dashboard, filters_of
from notebook_agents.widgets.dashboard_queries import Filters, together

if TYPE_CHECKING:
    from tests.widgets.panels.panel_shell import PanelShell


def ask_three_times(panels: PanelShell) -> None:
    panels.engine.script += [
        "Hello",
        call("python_executor", code="1+1"),
        "Two",
        [call("python_executor", code="boom"), call("file_writer", path="a")],
        "Broken",
    ]
    for text in ("hi", "1+1?", "break it"):
        panels.run(f"%agent {text}")


def drawn(card: Any) -> dict[str, Any]:
    figure: dict[str, Any] = card.picture.outputs[0]["data"][MIME]
    return figure


def test_an_empty_record_explains_how_to_get_data(panels: PanelShell) -> None:
    board = Dashboard(panels.session)
    assert EMPTY in board.tiles.value.replace("&amp;", "&")
    assert EMPTY in board.as_text()
    assert not board.tables()


def test_totals_charts_and_runs_are_those_of_the_record(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    assert board.totals["runs"] == board.totals["succeeded"] == 3
    assert board.totals["denied"] == 1
    assert ("succeeded", "100%") in board._tiles()
    assert "cost" not in board.tiles.value
    rows = {card.chart.name: card.rows for card in board.cards}
    assert [(r["tool"], r["succeeded"], r["denied"], r["failed"]) for r in rows["tools"]] == [
        ("python_executor", 1, 0, 1),
        ("file_writer", 0, 1, 0),
    ]
    assert [(row["source"], row["runs"]) for row in rows["sources"]] == [("magic", 3)]
    assert {row["error"] for row in rows["errors"]} == {"ValueError", "DENIED"}
    assert sum(row["tokens"] for row in rows["tokens"]) == (
        board.totals["input_tokens"] + board.totals["output_tokens"]
    )
    assert {"decode", "prefill", "tools"} <= {row["phase"] for row in rows["phases"]}
    assert {trace["name"] for trace in drawn(board.cards[2])["data"]} == {
        "succeeded", "denied", "failed"
    }  # fmt: skip
    assert len(board.listed.options) == 4


def test_every_chart_has_a_unit_a_table_a_file_and_its_query(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    for card in board.cards:
        axes = drawn(card)["layout"]
        assert axes["xaxis"].get("title") or axes["yaxis"].get("title")
        assert f"<caption>{card.chart.title}</caption>" in card.table.value
        assert f'download="{card.chart.name}.csv" href="data:text/csv' in card.link.value
        assert "FROM v_runs" in card.sql.value
        assert card.table.layout.display == card.editor.layout.display == "none"
        card.shows_table.value = card.shows_sql.value = True
        assert card.table.layout.display == "block"


def test_an_edited_query_is_drawn_and_a_wrong_one_is_explained(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    card = board.cards[1]
    card.sql.value = "SELECT 'decode' AS phase, 7 AS seconds"
    card.run.click()
    assert drawn(card)["data"][0]["x"] == [7]
    card.sql.value = "SELECT count(*) AS n FROM v_runs"
    card.run.click()
    assert ">3</td>" in card.table.value
    card.sql.value = "DELETE FROM events"
    card.run.click()
    assert "exactly one SELECT" in board.said.value


def test_filters_leave_only_what_was_asked_for(panels: PanelShell) -> None:
    ask_three_times(panels)
    panels.run("%agent -m other/model hello")
    board = Dashboard(panels.session)
    assert [value for _, value in board.model.options] == [
        "", "notebook-agents/tiny", "other/model"
    ]  # fmt: skip
    board.model.value = "other/model"
    assert board.totals["runs"] == 1
    assert "model other/model" in board.as_text()
    board.range.value = None
    assert board.filters == Filters(days=None, model="other/model")


def test_a_quote_in_a_filter_stays_text(panels: PanelShell) -> None:
    board = Dashboard(panels.session, Filters(model="x' OR 1=1 --"))
    assert board.totals["runs"] == 0


def test_a_chosen_run_is_inspected_below(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    board.listed.value = board.runs[0]["run_id"]
    (inspector,) = board.inspected.children
    assert inspector.run.id == board.runs[0]["run_id"]
    assert board.runs[0]["verdict"]


def test_the_copy_has_totals_and_tables_without_script(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    html = board.as_html()
    assert "<script" not in html
    assert "runs 3" in html
    for chart in CHARTS:
        assert chart.title in html
    bundle = board._repr_mimebundle_()
    assert bundle["text/html"] == board.as_html()
    assert "python_executor" in bundle["text/plain"]


def test_the_magic_takes_days_model_and_source(panels: PanelShell) -> None:
    board = panels.run("%agent dashboard --days 30 --source notebook -m other/model")
    assert board.filters == Filters(days=30, model="other/model", source="magic")
    with pytest.raises(AgentError, match="--days"):
        panels.run("%agent dashboard --days soon")
    with pytest.raises(AgentError, match="more than 0"):
        filters_of(days=-1)


def test_many_queries_read_the_record_once() -> None:
    asked = together({"a": "SELECT 1 AS x", "b": "SELECT count(*) FROM runs"}, Filters())
    assert asked.count("FROM v_runs") == 1
    assert asked.count("main.v_runs") == 1
    with pytest.raises(InvalidRequest):
        together({"a b": "SELECT 1"}, Filters())


def test_runs_are_listed_newest_first(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    times = [row["time_utc"] for row in board.runs]
    assert times == sorted(times, reverse=True)
