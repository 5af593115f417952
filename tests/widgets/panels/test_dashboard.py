"""The dashboard counts what was recorded, and says where a number comes from."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import pytest

from notebook_agents.dashboards.board import kpis
from notebook_agents.dashboards.filters import Filters
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.waiting import block_on
from notebook_agents.testing import call
from notebook_agents.widgets.dashboard import EMPTY, Dashboard, filters_of

if TYPE_CHECKING:
    from tests.widgets.panels.panel_shell import PanelShell

    from notebook_agents.widgets.chart_card import ChartCard


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


def card_of(board: Dashboard, name: str) -> ChartCard:
    (card,) = (card for card in board.cards if card.chart.name == name)
    return card


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
    assert ("succeeded", "100%") in kpis(board.totals)
    assert ("cost", "unknown") in kpis(board.totals)
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
    assert {trace["name"] for trace in card_of(board, "tools").view.figure["data"]} == {
        "succeeded", "denied", "failed"
    }  # fmt: skip
    assert len(board.listed.options) == 4


def test_every_chart_has_a_unit_a_table_a_file_and_its_query(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    drawn = [card for card in board.cards if card.rows]
    assert {"tokens", "runs", "sources", "phases", "latency", "tools", "errors", "cost"} <= {
        card.chart.name for card in drawn
    }
    for card in drawn:
        axes = card.view.figure["layout"]
        assert axes["xaxis"].get("title") or axes["yaxis"].get("title")
        assert card.view.label.startswith(f"{card.chart.title}. ")
        assert f"<caption>{card.chart.title}</caption>" in card.table.value
        assert f'download="{card.chart.name}.csv" href="data:text/csv' in card.link.value
        assert card.sql.value.rstrip().startswith(("WITH", "SELECT"))
        assert card.table.layout.display == card.editor.layout.display == "none"
        card.shows_table.value = card.shows_sql.value = True
        assert card.table.layout.display == "block"


def test_a_chart_without_rows_says_why(panels: PanelShell) -> None:
    ask_three_times(panels)
    card = card_of(Dashboard(panels.session), "gpu")
    assert card.view.layout.display == "none"
    assert "nothing is known of a GPU" in card.said.value


def test_an_edited_query_is_drawn_and_a_wrong_one_is_explained(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    card = card_of(board, "phases")
    card.sql.value = "SELECT 'decode' AS phase, 7 AS seconds, 100 AS percent"
    card.run.click()
    assert card.view.figure["data"][0]["x"] == [7]
    card.sql.value = "SELECT count(*) AS n FROM v_runs WHERE started >= $since"
    card.run.click()
    assert ">3</td>" in card.table.value
    assert card.view.figure == {}
    card.sql.value = "DELETE FROM events"
    card.run.click()
    assert 'role="alert"' in card.refused.value
    assert "DELETE is refused" in card.refused.value
    card.sql.value = "SELECT modle FROM v_runs"
    card.run.click()
    assert "line 1, column 8" in card.refused.value
    assert card.refused.value.endswith("; did you mean model?</div>")
    assert card.refused in card.editor.children
    assert not board.said.value
    card.back.click()
    assert not card.refused.value
    assert "FROM phases" in card.sql.value
    assert card.view.figure["data"]


def test_a_query_of_ones_own_outlives_a_live_refresh(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session, live=True)
    own, other = card_of(board, "phases"), card_of(board, "runs")
    own.sql.value = "SELECT 'decode' AS phase, 7 AS seconds, 100 AS percent"
    own.run.click()
    board.listed.value = chosen = board.board.newest[0]["run_id"]
    panels.run("%agent once more")
    board.pulse._receive(None, {"kind": "beat"}, [])
    assert board.totals["runs"] == 4
    assert own.view.figure["data"][0]["x"] == [7]
    assert sum(row["runs"] for row in other.rows) == 4
    assert board.listed.value == chosen
    assert board.inspected.children[0].run.id == chosen


def test_what_was_written_stays_when_a_filter_is_chosen(panels: PanelShell) -> None:
    ask_three_times(panels)
    panels.run("%agent -m other/model hello")
    board = Dashboard(panels.session)
    own, draft, other = (card_of(board, name) for name in ("phases", "tokens", "runs"))
    own.sql.value = "SELECT 'decode' AS phase, 7 AS seconds, 100 AS percent"
    own.run.click()
    draft.sql.value = "SELECT not run yet"
    board.controls.picks["model"].value = "other/model"
    assert own.view.figure["data"][0]["x"] == [7]
    assert "From your own query" in own.said.value
    assert draft.sql.value == "SELECT not run yet"
    assert sum(row["runs"] for row in other.rows) == 1
    assert {row["model"] for row in draft.rows} == {"other/model"}
    for card in (own, draft):
        card.back.click()
        assert "FROM" in card.sql.value
        assert "own query" not in card.said.value


def test_a_beat_that_finds_nothing_new_draws_nothing(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session, live=True)
    before = board.board
    board.pulse._receive(None, {"kind": "beat"}, [])
    assert board.board is before
    board.pulse.is_live = False
    panels.run("%agent once more")
    board.pulse._receive(None, {"kind": "beat"}, [])
    assert board.board is before


def test_a_click_sets_a_filter_or_opens_a_run(panels: PanelShell) -> None:
    ask_three_times(panels)
    panels.run("%agent -m other/model hello")
    board = Dashboard(panels.session)
    view = card_of(board, "tokens").view
    wishes = [trace["customdata"][0] for trace in view.figure["data"]]
    assert wishes == [{"model": "notebook-agents/tiny"}, {"model": "other/model"}]
    view._receive(None, {"kind": "click", "wish": wishes[1]}, [])
    assert board.totals["runs"] == 1
    assert board.controls.picks["model"].value == "other/model"
    (found,) = {row["newest_run"] for row in card_of(Dashboard(panels.session), "errors").rows}
    view._receive(None, {"kind": "click", "wish": {"run_id": found}}, [])
    (opened,) = board.inspected.children
    assert opened.run.id == found
    heading = opened.children[1]
    assert (heading.title, heading.takes_focus) == ("Run", True)
    heading._receive(None, {"kind": "close"}, [])
    assert not board.inspected.children
    card = card_of(board, "tokens")
    view._receive(None, {"kind": "click", "wish": {"run_id": "gone"}}, [])
    assert 'role="alert"' in card.said.value
    assert "&#x27;gone&#x27;" in card.said.value


def test_sequences_are_looked_for_without_reading_the_rest(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    card, before = card_of(board, "sequences"), board.totals
    assert [row["sequence"] for row in card.rows] == ["python_executor → file_writer"]
    board.controls.find.value = "nothing like this"
    assert not card.rows
    assert "none that you look for" in card.said.value
    assert board.totals is before


def test_numbers_are_saved_as_parquet(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    card = card_of(board, "tools")
    sent: list[Any] = []
    card.view.send = lambda content, buffers=None: sent.append((content, buffers))
    card.parquet.click()
    ((content, (file,)),) = sent
    assert content["name"] == "tools.parquet"
    assert (file[:4], file[-4:]) == (b"PAR1", b"PAR1")


def test_the_page_gets_the_library_of_charts_from_the_kernel(panels: PanelShell) -> None:
    board = Dashboard(panels.session)
    view = board.cards[0].view
    sent: list[Any] = []
    view.send = lambda content, buffers=None: sent.append((content, buffers))
    view._receive(None, {"kind": "library"}, [])
    ((content, (script,)),) = sent
    assert content == {"kind": "library"}
    assert b"plotly.js" in script[:200]


def test_an_administrators_view_is_named_so_and_refused_to_others(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session, everybody=True)
    assert "everybody" in board.heading
    assert "users" in {card.chart.name for card in board.cards}
    actor = board.actor
    assert list(board.controls.picks["user"].options) == [
        ("All", ""), (actor.username, actor.user_id)
    ]  # fmt: skip
    assert card_of(board, "users").view.figure["data"][0]["y"] == [actor.username]
    board.controls.picks["user"].value = actor.user_id
    assert f"user {actor.username}" in board.as_text()
    assert "users" not in {card.chart.name for card in Dashboard(panels.session).cards}
    with pytest.raises(AgentError, match="there is no user 'nobody'"):
        Dashboard(panels.session, Filters(user="nobody"))


def test_whoever_is_no_administrator_sees_nobody_elses_runs(panels: PanelShell) -> None:
    ask_three_times(panels)
    session = panels.session
    known = block_on(session.identify())
    session._identity = replace(known, actor=replace(known.actor, user_id="ann", is_admin=False))
    assert Dashboard(session).totals["runs"] == 0
    with pytest.raises(AgentError, match="only an administrator"):
        Dashboard(session, everybody=True)
    with pytest.raises(AgentError, match="only an administrator"):
        Dashboard(session, Filters(user=known.actor.user_id))


def test_what_is_counted_stands_in_sight(panels: PanelShell) -> None:
    for card in Dashboard(panels.session).cards:
        assert escape(card.chart.about) in card.children[0].value


def test_a_chart_that_a_filter_does_not_narrow_says_so(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session, Filters(model="nope"))
    told = {card.chart.name: card.top.value for card in board.cards}
    assert "Not narrowed by the filter model." in told["scores"]
    assert "Not narrowed" not in told["tokens"]
    board.controls.picks["model"].value = ""
    assert "Not narrowed" not in card_of(board, "scores").top.value


def test_filters_leave_only_what_was_asked_for(panels: PanelShell) -> None:
    ask_three_times(panels)
    panels.run("%agent -m other/model hello")
    board = Dashboard(panels.session)
    assert [value for _, value in board.controls.picks["model"].options] == [
        "", "notebook-agents/tiny", "other/model"
    ]  # fmt: skip
    board.controls.picks["model"].value = "other/model"
    assert board.totals["runs"] == 1
    assert "model other/model" in board.as_text()
    board.controls.range.value = None
    assert board.filters == Filters(days=None, model="other/model")


def test_a_quote_in_a_filter_stays_text(panels: PanelShell) -> None:
    board = Dashboard(panels.session, Filters(model="x' OR 1=1 --"))
    assert board.totals["runs"] == 0


def test_a_chosen_run_is_inspected_below(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    board.listed.value = board.board.newest[0]["run_id"]
    (inspector,) = board.inspected.children
    assert inspector.run.id == board.board.newest[0]["run_id"]
    assert board.board.newest[0]["verdict"]


def test_the_copy_has_totals_and_tables_without_script(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    html = board.as_html()
    assert "<script" not in html
    assert "runs 3" in html
    for card in board.cards:
        assert (card.chart.title in html) == bool(card.rows)
    bundle = board._repr_mimebundle_()
    assert bundle["text/html"] == board.as_html()
    assert "python_executor" in bundle["text/plain"]


def test_the_magic_takes_days_model_and_source(panels: PanelShell) -> None:
    board = panels.run("%agent dashboard --days 30 --source notebook -m other/model")
    assert board.filters == Filters(days=30, model="other/model", source="magic")
    with pytest.raises(AgentError, match="--days"):
        panels.run("%agent dashboard --days soon")
    board = panels.run("%agent dashboard --notebook sales.ipynb --live")
    assert board.filters == Filters(notebook="sales.ipynb")
    assert board.pulse.is_live
    with pytest.raises(AgentError, match="more than 0"):
        filters_of(days=-1)
    with pytest.raises(AgentError, match="no filter 'colour'"):
        filters_of(colour="red")


def test_runs_are_listed_newest_first(panels: PanelShell) -> None:
    ask_three_times(panels)
    board = Dashboard(panels.session)
    times = [row["time_utc"] for row in board.board.newest]
    assert times == sorted(times, reverse=True)
