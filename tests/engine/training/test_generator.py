"""Claims about the training data: reproducible, split by pattern, and true to real execution."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from notebook_agents.engine.training.conversation import TOOLS, Conversation, render
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.engine.training.pools import (
    HELD_OUT_SHARE,
    Picker,
    all_pools,
    expansions,
    split_pool,
)
from notebook_agents.engine.training.words import WORDS

EXECUTED = ("arithmetic", "run code", "file", "frame", "from context", "follow-up")
"""Beginnings of the categories whose results must equal those of real execution."""


def text_of(conversation: Conversation) -> str:
    return "".join(piece for piece, _ in render(conversation))


@pytest.mark.parametrize("split", SPLITS)
def test_the_same_seed_gives_the_same_conversations(split: str) -> None:
    first, second = Generator(7, split), Generator(7, split)
    for _ in range(60):
        assert text_of(first.conversation()) == text_of(second.conversation())


def test_another_seed_gives_other_conversations() -> None:
    assert text_of(Generator(1).conversation()) != text_of(Generator(2).conversation())


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="'dev'"):
        Generator(1, "dev")


def test_every_pool_holds_patterns_out_and_no_form_is_in_both_parts() -> None:
    for pool in all_pools().values():
        share = len(pool.held) / (len(pool.held) + len(pool.train))
        assert share >= HELD_OUT_SHARE, pool.name
        trained = {form for pattern in pool.train for form in expansions(pattern)}
        assert not set(pool.train) & set(pool.held)
        assert not trained & {form for forms in pool.held_forms for form in forms}
        assert len(pool.held_forms) >= 0.6 * len(pool.held), pool.name


def test_there_are_enough_phrasings() -> None:
    """2,000 patterns were asked for; a pool of few lines would be learnt by heart."""
    pools = all_pools().values()
    assert sum(len(pool.train) for pool in pools) > 10_000
    assert min(len(pool.train) for pool in pools) >= 8


def test_training_never_draws_a_held_out_pattern() -> None:
    made = islice(Generator(3), 300)
    assert not any(conversation.uses_held for conversation in made)


def test_the_templates_split_always_uses_one() -> None:
    assert all(conversation.uses_held for conversation in islice(Generator(3, "templates"), 100))


def test_a_marked_pattern_stays_in_training() -> None:
    pool = split_pool("p", ["!a b", "c", "d [e|f]", "g"])
    assert "a b" in pool.train
    assert len(pool.held) == 1


def test_training_draws_what_training_may_see() -> None:
    picker = Picker(Generator(1).rng, held=False)
    pool = all_pools()["scalar"]
    drawn = {picker.pick("scalar") for _ in range(200)}
    assert drawn <= {f for p in pool.train for f in expansions(p)}
    assert not picker.used_held


def test_the_word_lists_are_disjoint() -> None:
    assert not set(WORDS[False]) & set(WORDS[True])


def test_only_tools_of_the_product_are_called() -> None:
    for conversation in islice(Generator(5), 300):
        for exchange in conversation.exchanges:
            assert {step.call.name for step in exchange.steps} <= set(conversation.tools)
    wanted = {"python_executor", "database_query", "file_reader", "list_files"}
    assert set(TOOLS) == wanted | {"inspect_variable"}


def test_every_group_by_is_ordered() -> None:
    queries = [
        str(step.call.arguments["query"])
        for conversation in islice(Generator(6), 800)
        for exchange in conversation.exchanges
        for step in exchange.steps
        if step.call.name == "database_query"
    ]
    grouped = [query for query in queries if "GROUP BY" in query]
    assert len(grouped) > 50
    assert all(" ORDER BY " in query.split("GROUP BY")[1] for query in grouped)


def _body(text: str) -> list[str]:
    """Rows without their header and in any order: equal rows of an order may change places."""
    lines = text.split("\n")
    return sorted(lines[1:]) if len(lines) > 1 else lines


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(4))
def test_reference_results_agree_with_real_execution(seed: int, tmp_path: Path) -> None:
    n_compared = 0
    for number, conversation in enumerate(islice(Generator(seed), 200)):
        workspace = Workspace(tmp_path / str(number), conversation)
        for exchange in conversation.exchanges:
            if not exchange.category.startswith(EXECUTED):
                continue
            for step in exchange.steps:
                query = str(step.call.arguments.get("query", ""))
                cut = step.result.endswith(" more rows")
                if cut or "LIMIT 1" in query or "DESC" in query:
                    continue
                found = workspace.run(step.call)
                assert _body(found) == _body(step.result), step.call.json()
                n_compared += 1
        workspace.database.close()
    assert n_compared > 80
