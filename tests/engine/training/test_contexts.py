"""Claims about what the context tells: which table is meant, in the lines of the product."""

from __future__ import annotations

import ast
import asyncio
from itertools import islice
from pathlib import Path

import pytest

from notebook_agents.core.outlines import read_line
from notebook_agents.core.workspaces import Workspaces
from notebook_agents.engine.focus import focused
from notebook_agents.engine.prompt import ChatMessage
from notebook_agents.engine.training import contexts, plotting, replies, retries
from notebook_agents.engine.training.conversation import SQL, Conversation
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.engine.training.scene import Source
from notebook_agents.tools.headers import FileHeaders

from .conftest import scene_of

N_MADE = 600


@pytest.fixture(scope="module")
def made() -> list[Conversation]:
    return list(islice(Generator("contexts"), N_MADE))


@pytest.mark.parametrize("split", SPLITS)
def test_a_table_that_nobody_names_is_the_only_one_that_fits(split: str) -> None:
    n_rivals = 0
    for conversation in islice(Generator(2, split), 300):
        for exchange in conversation.exchanges:
            if exchange.category == contexts.CATEGORY:
                assert contexts.is_decided(conversation, exchange)
                n_rivals += len(conversation.frames) + len(conversation.tables) > 1
    assert n_rivals > 15


def test_one_conversation_in_eight_leaves_the_table_to_the_context(
    made: list[Conversation],
) -> None:
    unsaid = [c for c in made if any(e.category == contexts.CATEGORY for e in c.exchanges)]
    assert len(unsaid) >= 0.12 * N_MADE
    followed = [c for c in made if any(e.category == "follow-up" for e in c.exchanges)]
    assert len(followed) >= 0.12 * N_MADE


def test_rivals_share_columns_and_lack_one_that_is_said() -> None:
    n_shared = 0
    for seed in range(120):
        scene = scene_of(seed, pieces=("ab", "ro"))
        scene.never_said = True
        source = scene.source()
        exchange = plotting.plot_of(scene, source)
        known = {*scene.frames, *scene.tables}
        contexts.add_rivals(scene, exchange)
        said = set(contexts.said_columns(exchange, source.table))
        for name, table in {**scene.frames, **scene.tables}.items():
            if name not in known:
                assert not said <= set(table.names)
                assert any(c.is_number for c in table.columns)
                n_shared += bool(set(table.names) & set(source.table.names))
    assert n_shared > 60


def test_every_table_that_is_queried_exists(made: list[Conversation]) -> None:
    """Whatever comes later, the tables of earlier requests stay."""
    for conversation in made:
        for exchange in conversation.exchanges:
            if exchange.category in ("chain", *retries.CATEGORIES):
                continue  # These may name what is not there.
            for step in exchange.steps:
                if step.call.name == SQL:
                    query = str(step.call.arguments["query"])
                    assert any(f"'{path}'" in query for path in conversation.tables), query


def test_only_a_first_request_is_asked_back_about() -> None:
    for conversation in islice(Generator(8), 400):
        later = conversation.exchanges[1:]
        assert replies.WHICH_TABLE not in [exchange.answer for exchange in later]


def test_the_line_of_files_is_the_one_of_the_product(tmp_path: Path) -> None:
    n_shown = 0
    for number in range(60):
        scene = scene_of(number, pieces=("ab", "ro"))
        scene.clutter()
        scene.clutter_texts()
        scene.hidden.clear()
        folder = tmp_path / str(number)
        tables, texts = dict(scene.tables), dict(scene.texts)
        with Workspace(folder, Conversation((), tables=tables, texts=texts)):
            line = asyncio.run(Workspaces(tmp_path, FileHeaders()).outline(str(folder)))
        shown = Conversation((), shown_files=scene.shown_files()).context()
        assert sorted(items(shown)) == sorted(items(line))
        n_shown += len(items(shown))
    assert n_shown > 60


def items(line: str) -> list[str]:
    return line.removeprefix("Files: ").split("; ")


def test_plots_of_files_change_no_variable() -> None:
    scene = scene_of(3, pieces=("ab", "ro"))
    for path in ("a.csv", "b.parquet"):
        source = Source(path, path, False, scene.add_file().table)
        for _ in range(40):
            code = str(plotting.plot_of(scene, source).steps[0].call.arguments["code"])
            assert not any(isinstance(node, ast.Assign) for node in ast.walk(ast.parse(code)))


def test_one_request_is_shown_what_the_product_would_show_it(made: list[Conversation]) -> None:
    n_focused = 0
    for conversation in made:
        lines = conversation.context()
        things = [thing for line in lines.split("\n") for thing in read_line(line)]
        everything = {*conversation.frames, *conversation.tables}
        if len(conversation.exchanges) > 1:
            assert set(conversation.frames) <= {thing.name for thing in things}
            continue
        request: ChatMessage = {"role": "user", "content": conversation.exchanges[0].request}
        context: ChatMessage = {"role": "system", "content": lines}
        assert focused([context, request])[0] == context
        is_unsaid = conversation.exchanges[0].category == contexts.CATEGORY
        n_focused += is_unsaid and len(things) == 1 < len(everything)
    assert n_focused > 15
