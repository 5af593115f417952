"""Claims about the training data: reproducible, split by pattern, and true to real execution."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest

from notebook_agents.engine.training import replies
from notebook_agents.engine.training.conversation import TOOLS, Conversation, Step, render
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.engine.training.words import WORDS

from .conftest import have_same_rows

EXECUTED = ("arithmetic", "run code", "file ", "frame ", "from context", "follow-up")
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


def test_training_never_draws_a_held_out_pattern() -> None:
    made = islice(Generator(3), 300)
    assert not any(conversation.uses_held for conversation in made)


def test_the_templates_split_always_uses_one() -> None:
    assert all(conversation.uses_held for conversation in islice(Generator(3, "templates"), 100))


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


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_reference_results_agree_with_real_execution(seed: int, tmp_path: Path) -> None:
    n_compared = 0
    for number, conversation in enumerate(islice(Generator(seed), 200)):
        if any(exchange.answer == replies.WHICH_TABLE for exchange in conversation.exchanges):
            continue  # It has no tables any more.
        with Workspace(tmp_path / str(number), conversation) as workspace:
            for exchange in conversation.exchanges:
                for step in exchange.steps:
                    found = workspace.run(step.call)
                    if exchange.category.startswith(EXECUTED) and not is_open(step):
                        assert have_same_rows(found, step.result), step.call.json()
                        n_compared += 1
    assert n_compared > 80


def is_open(step: Step) -> bool:
    """Whether the result was cut for training, or the query leaves the order of equal rows open."""
    query = str(step.call.arguments.get("query", ""))
    is_cut = step.result.endswith((" more rows", " more lines"))
    return is_cut or bool(re.search(r"(DESC|ASC)? LIMIT \d", query))
