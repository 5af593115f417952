"""What filters offer is told apart."""

from __future__ import annotations

from notebook_agents.dashboards.board import Board
from notebook_agents.dashboards.filters import Filters
from notebook_agents.dashboards.naming import labelled


def test_ids_that_nobody_names_stay_as_they_are() -> None:
    assert labelled(["b", "a"], {"b": "A"}) == [("A", "b"), ("a", "a")]


def test_two_of_one_name_tell_whose_they_are_or_how_their_ids_begin() -> None:
    board = Board(
        filters=Filters(),
        choices=({"agent": "11112222a"}, {"agent": "11112222b"}, {"agent": "c"}),
        names={"11112222a": "Analyst", "11112222b": "Analyst", "c": "Cook"},
        owners={"11112222a": "1", "11112222b": "2", "c": "1"},
    )
    assert [label for label, _ in board.offered("agent")] == [
        "Analyst (11112222a)", "Analyst (11112222b)", "Cook"
    ]  # fmt: skip
    assert board.with_users({"1": "ann", "2": "bob"}).offered("agent") == [
        ("Analyst (ann)", "11112222a"), ("Analyst (bob)", "11112222b"), ("Cook", "c")
    ]  # fmt: skip
