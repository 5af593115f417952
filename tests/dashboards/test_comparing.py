"""What can be compared is named so that nobody takes it for something else."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_agents.dashboards.board import Board
from notebook_agents.dashboards.comparing import version_labels
from notebook_agents.dashboards.filters import Filters

NAMES = {"a1": "Live", "b1": "Live", "a2": "Base", "a3": "Calm", "a4": "Dull", "a5": "Early"}


def ran(version: str | None, *agents: str) -> list[dict[str, Any]]:
    """Choices of a board: runs of these agents in that version, one of them twice."""
    rows = [{"agent": agent, "version": version, "model": "m"} for agent in agents]
    return [*rows, *({**row, "model": "n"} for row in rows[:1])]


@pytest.mark.parametrize(
    ("agents", "label"),
    [
        (["a1"], "Live · v"),
        (["a1", "a2", "a3"], "Base, Calm, Live · v"),
        (["a1", "a2", "a3", "a4", "a5"], "Base, Calm, Dull and 2 more · v"),
        (["a1", "b1"], "Live (2 agents) · v"),
        (["a1", "nameless"], "Live, nameless · v"),
    ],
)
def test_a_version_is_named_by_all_agents_that_share_it(agents: list[str], label: str) -> None:
    assert version_labels(ran("v", *agents), NAMES, "") == {"v": label}


def test_of_a_chosen_agent_are_offered_its_own_versions_under_its_name() -> None:
    choices = [*ran("v", "a1", "a2"), *ran("w", "a2"), *ran(None, "a1")]
    assert version_labels(choices, NAMES, "a1") == {"v": "Live · v"}


def test_a_board_offers_versions_under_these_names() -> None:
    choices = [*ran("v", "a1", "a2", "a3"), *ran("w", "a2")]
    board = Board(filters=Filters(), choices=choices, names=NAMES)
    assert board.versions == {"v": "Base, Calm, Live · v", "w": "Base · w"}
