"""Claims about joins, pivots and dates: every kind gives what DuckDB and pandas really give."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from notebook_agents.engine.training import joins, pivots, timelines
from notebook_agents.engine.training.conversation import Conversation, Exchange
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.scene import Scene
from notebook_agents.tools.querying import run_query

from .conftest import have_same_rows, scene_of

Maker = Callable[[Scene], Exchange]

MAKERS = [maker for module in (joins, pivots, timelines) for maker, _ in module.KINDS]
EMPTY = re.compile(r"\{\w+\}")


def made(maker: Maker, seeds: range) -> Iterator[tuple[Exchange, Scene]]:
    for seed in seeds:
        scene = scene_of(f"{maker.__name__}/{seed}", held=seed % 3 == 0)
        yield maker(scene), scene


def folder_of(scene: Scene) -> Conversation:
    frames = {n: t for n, t in scene.frames.items() if n.isascii()}
    return Conversation((), frames=frames, tables=dict(scene.tables))


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_results_agree_with_real_execution(maker: Maker, tmp_path: Path) -> None:
    for number, (exchange, scene) in enumerate(made(maker, range(12))):
        (step,) = exchange.steps
        text = str(next(iter(step.call.arguments.values())))
        if step.result.endswith((" more rows", " more lines")) or not text.isascii():
            continue
        with Workspace(tmp_path / str(number), folder_of(scene)) as workspace:
            found = workspace.run(step.call)
        assert len(found.split("\n")) == len(step.result.split("\n")), step.call
        is_tie = text.endswith("LIMIT 1") or "est(1)" in text
        if not is_tie:
            assert have_same_rows(found, step.result), step.call


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_request_has_no_open_slot_and_something_comes_out(maker: Maker) -> None:
    for exchange, _ in made(maker, range(60)):
        assert not EMPTY.search(exchange.request)
        assert not re.search(r"\{[A-Z]\}", exchange.answer)
        assert exchange.steps[0].result.strip()


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_the_query_tool_of_the_product_runs_the_queries(maker: Maker, tmp_path: Path) -> None:
    exchange, scene = next(
        e for e in made(maker, range(40)) if "FROM '" in e[0].steps[0].call.json()
    )
    query = exchange.steps[0].call.arguments.get("query")
    with Workspace(tmp_path, folder_of(scene)):
        if query is not None:
            assert run_query(str(tmp_path), str(query), 500, 20)["columns"]


def test_a_key_that_nobody_says_is_the_one_column_in_both_tables() -> None:
    n_unsaid = 0
    for exchange, scene in made(joins.join_rows, range(80)):
        key = re.search(r"USING \(\"(.*?)\"\)|on='(.*?)'", exchange.steps[0].call.json())
        frames_and_files = [*scene.frames.items(), *scene.tables.items()]
        named = [table for name, table in frames_and_files if name in exchange.answer]
        found = Counter(name for table in named for name in table.names)
        if key is None or len(named) != 2:
            continue
        name = key[1] or key[2]
        assert [column for column, count in found.items() if count == 2] == [name]
        n_unsaid += name not in exchange.request
    assert n_unsaid > 5
