"""Claims about second requests, retries and talk: true to execution and to the product's errors."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from notebook_agents.engine.telling import failure
from notebook_agents.engine.training import (
    follow_ups,
    questions,
    rankings,
    reading,
    replies,
    retries,
    talk,
)
from notebook_agents.engine.training.conversation import Call, Conversation, Exchange, Step
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.questions import Subject
from notebook_agents.engine.training.reading_on import reading_on
from notebook_agents.engine.training.scene import table_exchange
from notebook_agents.tools.querying import SqlFailed, run_query

from .conftest import have_same_rows, scene_of

MAKERS = (
    questions.scalar, questions.grouped, questions.grouped, questions.count_groups,
    rankings.value_counts,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_the_result_of_a_follow_up_is_that_of_its_call(seed: int, tmp_path: Path) -> None:
    scene = scene_of(seed)
    source = scene.source()
    question = scene.rng.choice(MAKERS)(Subject(source.table, scene.picker))
    first = table_exchange(scene, question, source)
    second = follow_ups.follow_up(scene, question, source)
    if second is None or second.steps[0].result == "[figure]":
        return
    conversation = Conversation(
        (first, second), frames=dict(scene.frames), tables=dict(scene.tables)
    )
    with Workspace(tmp_path / "w", conversation) as workspace:
        step = second.steps[0]
        assert have_same_rows(workspace.run(step.call), step.result), step.call


def test_a_question_without_an_aggregate_has_no_follow_up() -> None:
    scene = scene_of(1)
    source = scene.source()
    question = questions.head_rows(Subject(source.table, scene.picker))
    assert follow_ups.follow_up(scene, question, source) is None


def test_the_next_lines_begin_after_those_that_were_read() -> None:
    n_compared = 0
    for seed in range(300):
        scene = scene_of(seed)
        first = reading.read_file(scene)
        arguments = first.steps[0].call.arguments
        start, size = (
            int(str(arguments.get("start_line", 1))),
            int(str(arguments.get("max_lines", 0))),
        )
        for exchange in reading_on(scene, first):
            found = exchange.steps[0].call.arguments
            if "start_line" not in found or found["path"] != arguments["path"]:
                break
            assert found["start_line"] == start + size
            start, size = int(str(found["start_line"])), int(str(found["max_lines"]))
            n_compared += 1
    assert n_compared > 20


@pytest.mark.parametrize("seed", range(80))
def test_a_retry_has_another_call_that_copies_a_name_of_the_error(seed: int) -> None:
    exchange = retries.retried(scene_of(seed))
    first, *others = exchange.steps
    assert first.result.startswith("Error: ")
    assert len(others) <= 1
    if not others:
        assert exchange.answer == failure(first.result)
    for step in others:
        assert step.call.name == first.call.name
        changed = difference(first_text(first.call), first_text(step.call))
        assert changed
        assert changed in first.result
        if step.result.startswith("Error: "):
            assert exchange.answer == failure(step.result)


def first_text(call: Call) -> str:
    """The path or the query of a call."""
    return f"'{next(iter(call.arguments.values()))}'"


def difference(before: str, after: str) -> str:
    """The name in quotes that only the second text has."""
    known = set(before.replace("'", '"').split('"'))
    return next((name for name in after.replace("'", '"').split('"') if name not in known), "")


def test_the_error_of_a_wrong_column_is_the_one_of_the_product(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("unit_price,place\n1,x\n")
    query = "SELECT SUM(\"unit_prices\") FROM 'a.csv'"
    with pytest.raises(SqlFailed) as caught:
        run_query(str(tmp_path), query, 256, 10)
    texts = [s.result for seed in range(60) for s in retries.retried(scene_of(seed)).steps]
    start = 'Binder Error: Referenced column "'
    assert str(caught.value).startswith(start + 'unit_prices" not found in FROM clause! Candidate')
    assert any(text.startswith(f"Error: {start}") and "! Candidate bind" in text for text in texts)


@pytest.mark.parametrize("seed", range(30))
def test_a_slip_is_another_name(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    for name in ("price", "unit_price", "x", "Größe", "news", "a b", "id-2"):
        assert retries.slip(rng, name).lower() != name.lower()


def test_a_failed_exchange_ends_with_the_first_line_of_its_error() -> None:
    scene = scene_of(4)
    for _ in range(50):
        exchange = retries.failed(scene, reading.read_file(scene))
        assert len(exchange.steps) == 1
        assert exchange.answer == failure(exchange.steps[0].result)


def test_why_it_failed_copies_the_last_error() -> None:
    call = Call("file_reader", {"path": "a.txt"})
    wrong = Exchange("error", "read a.txt", (Step(call, "Error: no file 'a.txt'\nmore"),), "")
    right = Exchange("read file", "read b.txt", (Step(call, "text"),), "")
    asked = talk.why_failed(scene_of(5), [wrong, right])
    assert asked.answer == "The last tool call failed: no file 'a.txt'"
    assert talk.why_failed(scene_of(5), [right]).answer == replies.NOTHING_FAILED


def test_an_explanation_copies_the_last_call() -> None:
    call = Call("database_query", {"query": "SELECT 1"})
    exchange = Exchange("file count", "how many", (Step(call, "1"),), "1")
    asked = talk.explained(scene_of(6), [exchange])
    assert asked.answer == (
        "I ran this database_query call and copied its result:\n```\nSELECT 1\n```"
    )
    assert talk.explained(scene_of(6), []).answer == replies.NO_CALL_YET


@pytest.mark.parametrize("held", [False, True])
def test_no_slot_stays_open_in_talk(held: bool) -> None:
    for seed in range(200):
        for maker in (talk.small_talk, talk.refusal, talk.ask_back):
            exchange = maker(scene_of(seed, held=held))
            assert "{" not in exchange.request
            assert not exchange.steps
