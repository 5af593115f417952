"""Claims about questions on tables: every kind gives what DuckDB and pandas really give."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from notebook_agents.engine.training import conditions, questions, rankings
from notebook_agents.engine.training.conversation import Conversation
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.fixtures import Names, Table, make_table
from notebook_agents.engine.training.pools import Picker, all_pools
from notebook_agents.engine.training.questions import Question, QuestionMaker, Subject
from notebook_agents.engine.training.scene import Source, table_exchange, table_step

from .conftest import have_same_rows, scene_of

KINDS = (*questions.KINDS, *rankings.KINDS, *conditions.KINDS)
MAKERS = [maker for maker, _ in KINDS]


def with_gaps(table: Table, rng: random.Random) -> Table:
    columns = table.columns
    rows = [
        tuple(
            None if place and column.is_number and rng.random() < 0.3 else cell
            for column, cell in zip(columns, row, strict=True)
        )
        for place, row in enumerate(table.rows)
    ]
    return Table(columns, tuple(rows))


def asked(maker: QuestionMaker, seeds: range) -> Iterator[tuple[Question, Table]]:
    for seed in seeds:
        rng = random.Random(f"{maker.__name__}/{seed}")  # noqa: S311
        table = make_table(Names(rng), rng)
        if maker in rankings.WITH_GAPS:
            table = with_gaps(table, rng)
        yield maker(Subject(table, Picker(rng, held=seed % 3 == 0))), table


def ties(question: Question) -> bool:
    """Whether the end of a cut ranking is a matter of chance, as far as the query says."""
    return "DESC LIMIT" in question.sql or "ASC LIMIT" in question.sql


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_results_agree_with_real_execution(maker: QuestionMaker, tmp_path: Path) -> None:
    for number, (question, table) in enumerate(asked(maker, range(12))):
        file, frame = Source("t.csv", "t.csv", False, table), Source("df", "df", True, table)
        made = Conversation((), frames={"df": table}, tables={"t.csv": table})
        with Workspace(tmp_path / str(number), made) as workspace:
            for source in (file, frame):
                step = table_step(question, source)
                found = workspace.run(step.call)
                assert len(found.split("\n")) == len(step.result.split("\n")), step.call
                if not ties(question):
                    assert have_same_rows(found, step.result), step.call


@pytest.mark.parametrize("path", ["t.csv", "data/my table.parquet"])
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_headers_are_those_of_the_database(maker: QuestionMaker, path: str, tmp_path: Path) -> None:
    for number, (question, table) in enumerate(asked(maker, range(4))):
        made = Conversation((), tables={path: table})
        with Workspace(tmp_path / str(number), made) as workspace:
            step = table_step(question, Source(path, path, False, table))
            found = workspace.run(step.call)
            assert found.split("\n")[0] == step.result.split("\n")[0], step.call


def test_a_cut_result_counts_what_its_tool_counts() -> None:
    ends: dict[bool, set[str]] = {True: set(), False: set()}
    for seed in range(400):
        scene = scene_of(seed)
        source = scene.add_frame() if seed % 2 else scene.add_file()
        question = questions.grouped(Subject(source.table, scene.picker))
        last = table_exchange(scene, question, source).steps[0].result.split("\n")[-1]
        if last.startswith("... "):
            ends[source.is_frame].add(last.rsplit(" ", 1)[-1])
    assert ends == {True: {"lines"}, False: {"rows"}}


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_slot_of_a_phrase_has_its_words(maker: QuestionMaker) -> None:
    for question, _ in asked(maker, range(40)):
        left = question.phrase.replace("{src}", "").replace("{S}", "")
        for name, text in question.slots.items():
            left = left.replace(f"{{{name}}}", text)
        assert "{A}" not in left
        assert "{W" not in left
        assert not any(f"{{{name}}}" in left for name in ("c", "d", "g", "h", "k", "v", "u", "n"))


def test_the_pools_of_questions_are_wide() -> None:
    narrow = {name: len(p.train) + len(p.held) for name, p in all_pools().items()}
    wanted = (
        "mean",
        "scalar",
        "grouped",
        "filter_count",
        "equal",
        "both",
        "having_above",
        "shares",
    )
    assert all(narrow[name] >= 30 for name in wanted)
