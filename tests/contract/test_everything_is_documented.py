"""Settings, events, views, columns and subcommands that exist are the ones that are described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from notebook_agents.analytics.queries import VIEWS
from notebook_agents.core.events import EventBody
from notebook_agents.eventlog.segments import COLUMNS
from notebook_agents.magics.subcommands import SUBCOMMANDS
from notebook_agents_server.config import ServerSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EVENTS = (ROOT / "docs/events.md").read_text()


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    table = README.split("## Settings")[1].split("\n## ")[0]
    assert first_cells(table) == set(ServerSettings.class_own_traits())


def test_every_event_view_and_column_is_described_and_no_other() -> None:
    types = {body.__dataclass_fields__["type"].default for body in get_args(get_args(EventBody)[0])}
    assert first_cells(EVENTS) == types | set(VIEWS) | set(COLUMNS)


def test_every_field_of_an_event_is_described() -> None:
    for body in get_args(get_args(EventBody)[0]):
        kind = body.__dataclass_fields__["type"].default
        row = next(line for line in EVENTS.splitlines() if line.startswith(f"| `{kind}`"))
        named = set(re.findall(r"`(\w+)`", row.split("|")[3]))
        assert named == set(body.__dataclass_fields__) - {"type"}


@pytest.mark.parametrize("word", SUBCOMMANDS)
def test_every_subcommand_says_what_it_does(word: str) -> None:
    assert len(SUBCOMMANDS[word].about) > 10
