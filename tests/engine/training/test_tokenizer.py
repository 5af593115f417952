"""Claims about the tokenizer: texts survive, names are cut alike, every entry is a copy target."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from tokenizers import Tokenizer, pre_tokenizers

from notebook_agents.engine.training.conversation import TOOLS, render
from notebook_agents.engine.training.export import BUNDLED
from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.tokenizer import (
    SPECIAL,
    TAGS,
    encode,
    letter_pieces,
    load_tokenizer,
    train_tokenizer,
)

OFTEN = 5
"""Times among 12,000 conversations; a training run of the small plan reads about 160,000."""


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(BUNDLED)


def test_conversations_survive_a_round_trip(tokenizer: Tokenizer) -> None:
    for conversation in islice(Generator(3, pieces=letter_pieces(tokenizer)), 200):
        text = "".join(piece for piece, _ in render(conversation))
        ids = encode(tokenizer, conversation)[0]
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
        assert tokenizer.encode(text, add_special_tokens=False).ids == ids


@pytest.mark.parametrize("name", ["homework", "Glossary", "unit_price", "clinic"])
def test_a_name_is_cut_alike_everywhere(tokenizer: Tokenizer, name: str) -> None:
    alone = tokenizer.encode(name, add_special_tokens=False).tokens
    for text in (f" {name}", f'\\"{name}\\"', f"/{name}.csv", f"\\n{name}", f"'{name}'"):
        tokens = tokenizer.encode(text, add_special_tokens=False).tokens
        assert any(tokens[i : i + len(alone)] == alone for i in range(len(tokens))), text


def test_tags_and_tool_names_are_single_tokens(tokenizer: Tokenizer) -> None:
    for text in (*SPECIAL, *TAGS, *TOOLS):
        assert len(tokenizer.encode(text, add_special_tokens=False).ids) == 1


@pytest.mark.slow
def test_every_entry_is_often_a_copy_target(tokenizer: Tokenizer) -> None:
    """An entry that is hardly ever written in training cannot be written at all.

    Single bytes outside ASCII and control characters only occur inside rare foreign letters.
    """
    counts: Counter[int] = Counter()
    for conversation in islice(Generator(11, pieces=letter_pieces(tokenizer)), 12_000):
        ids, written = encode(tokenizer, conversation)
        counts.update(i for i, is_target in zip(ids, written, strict=True) if is_target)
    bytes_alone = {c for c in pre_tokenizers.ByteLevel.alphabet() if not c.isascii()}
    exempt = {*bytes_alone, *SPECIAL, "<tool_response>", "</tool_response>"}
    known = tokenizer.get_vocab()
    rare = {entry: counts[i] for entry, i in known.items() if counts[i] < OFTEN}
    assert {entry: count for entry, count in rare.items() if entry not in exempt} == {}


@pytest.mark.slow
def test_training_the_tokenizer_is_reproducible() -> None:
    first, second = train_tokenizer(5, 400), train_tokenizer(5, 400)
    assert first.to_str() == second.to_str()
