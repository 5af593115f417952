"""Settings, events, views, columns and subcommands that exist are the ones that are described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from notebook_agents.analytics.catalogue import VIEWS
from notebook_agents.core.content_fields import FIELDS, content_fields, person_fields
from notebook_agents.core.event_columns import EVENT_COLUMNS
from notebook_agents.core.events import EventBody
from notebook_agents.magics.flags import FLAGS
from notebook_agents.magics.preferences import Preferences
from notebook_agents.magics.subcommands import SUBCOMMANDS
from notebook_agents_server.config import ServerSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EVENTS = (ROOT / "docs/events.md").read_text()
MAGICS = (ROOT / "docs/magics.md").read_text()


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    table = README.split("## Settings")[1].split("\n## ")[0]
    assert first_cells(table) == set(ServerSettings.class_traits())


def test_every_event_view_and_column_is_described_and_no_other() -> None:
    types = {body.__dataclass_fields__["type"].default for body in get_args(get_args(EventBody)[0])}
    assert first_cells(EVENTS) == types | set(VIEWS) | {column.name for column in EVENT_COLUMNS}


def test_every_field_of_an_event_is_described() -> None:
    for body in get_args(get_args(EventBody)[0]):
        kind = body.__dataclass_fields__["type"].default
        row = next(line for line in EVENTS.splitlines() if line.startswith(f"| `{kind}`"))
        named = set(re.findall(r"`(\w+)`", row.split("|")[3]))
        assert named == set(body.__dataclass_fields__) - {"type"}


def test_every_field_that_is_content_is_named() -> None:
    table = EVENTS.split("## What is content")[1]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    named = {
        kind.strip("` "): [re.findall(r"`(\w+)`", cell) for cell in cells] for kind, *cells in rows
    }
    assert named == {
        type: [list(content_fields(type)), list(person_fields(type))]
        for type in FIELDS
        if content_fields(type) or person_fields(type)
    }


@pytest.mark.parametrize("word", SUBCOMMANDS)
def test_every_subcommand_says_what_it_does(word: str) -> None:
    assert len(SUBCOMMANDS[word].about) > 10


@pytest.mark.parametrize("word", SUBCOMMANDS)
def test_every_subcommand_has_an_example_in_its_help(word: str) -> None:
    assert re.search(rf"^  %agent {word}\b", SUBCOMMANDS[word].more, re.MULTILINE)


def section(name: str) -> str:
    return MAGICS.split(f"\n## {name}\n")[1].split("\n## ")[0]


def test_every_subcommand_is_in_the_reference_and_no_other() -> None:
    assert first_cells(section("Subcommands")) == set(SUBCOMMANDS)
    words = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `\w+` \|([^|]*)", MAGICS, re.M))))
    assert {alias for row in SUBCOMMANDS.values() for alias in row.aliases} <= words


def test_every_flag_is_in_the_reference_and_no_other() -> None:
    rows = [line for line in section("Flags").splitlines() if line.startswith("| `-")]
    named = {name for row in rows for name in re.findall(r"`(-[\w-]+)`", row.rsplit("|", 3)[0])}
    assert named == {name for flag in FLAGS for name in flag.names}


def test_every_setting_of_the_magic_is_in_the_reference_and_no_other() -> None:
    assert first_cells(section("Settings")) == set(Preferences().names())
