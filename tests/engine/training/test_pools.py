"""Claims about the phrasings: wide pools, a split that nothing crosses, and no broken pattern."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from notebook_agents.engine.training import (
    follow_ups,
    inspecting,
    questions,
    rankings,
    reading,
    retries,
    talk,
)
from notebook_agents.engine.training.conversation import Exchange
from notebook_agents.engine.training.fixtures import Names
from notebook_agents.engine.training.generator import MAKERS, QUESTIONS
from notebook_agents.engine.training.pools import (
    HELD_OUT_SHARE,
    Picker,
    all_pools,
    expansions,
    pool,
    split_pool,
)
from notebook_agents.engine.training.questions import Question, Subject
from notebook_agents.engine.training.reading_on import reading_on
from notebook_agents.engine.training.scene import Scene, table_exchange

LISTS_OF_NAMES = {"topics", "persons"}
"""Pools that fill slots and are no phrasings."""
IDLE = 200
"""After so many requests without a new pattern a maker has no more."""
OPEN_SLOT = re.compile(r"\{[A-Za-z]\w*\}")

Maker = Callable[[Scene], list[Exchange]]


class EveryPattern(Picker):
    """Draws the patterns of every pool in turn, the held-out ones too."""

    def __init__(self, rng: random.Random, drawn: Counter[str]) -> None:
        super().__init__(rng, held=False)
        self.drawn = drawn
        """How often each pool was drawn from, in all scenes."""
        self.found_new = False

    def pick(self, name: str) -> str:
        patterns = (*pool(name).held, *pool(name).train)
        self.found_new |= self.drawn[name] < len(patterns)
        pattern = patterns[self.drawn[name] % len(patterns)]
        self.drawn[name] += 1
        return self.rng.choice(expansions(pattern))


def makers() -> Iterator[Maker]:
    """Makers that together draw from all pools."""
    for kinds in MAKERS.values():
        yield from (partial(once, maker) for maker, _ in kinds)
    yield from (partial(asked, maker) for maker, _ in QUESTIONS)
    yield lambda scene: [
        *retries.conversation(scene),
        talk.why_failed(scene, []),
        talk.explained(scene, []),
        *inspecting.inspect_defined(scene),
    ]
    yield lambda scene: reading_on(scene, reading.read_file(scene))
    yield second


def once(maker: Callable[[Scene], Exchange], scene: Scene) -> list[Exchange]:
    return [maker(scene)]


def asked(maker: Callable[[Subject], Question], scene: Scene) -> list[Exchange]:
    source = scene.source()
    return [table_exchange(scene, maker(Subject(source.table, scene.picker)), source)]


def second(scene: Scene) -> list[Exchange]:
    source = scene.source()
    kinds = (questions.scalar, questions.grouped, questions.grouped, rankings.value_counts)
    first = scene.rng.choice(kinds)(Subject(source.table, scene.picker))
    found = follow_ups.follow_up(scene, first, source)
    return [found] if found else []


@pytest.mark.slow
def test_patterns_can_be_written_and_leave_no_slot_open() -> None:
    drawn: Counter[str] = Counter()
    for number, maker in enumerate(makers()):
        idle = count = 0
        while idle < IDLE:
            rng = random.Random(f"{number}/{count}")  # noqa: S311
            picker = EveryPattern(rng, drawn)
            for exchange in maker(Scene(rng, Names(rng), picker)):
                assert not OPEN_SLOT.search(exchange.request), exchange.request
            idle = 0 if picker.found_new else idle + 1
            count += 1
    sizes = {name: len(found.train) + len(found.held) for name, found in all_pools().items()}
    wanted = {name: size for name, size in sizes.items() if name not in LISTS_OF_NAMES}
    assert all(drawn[name] for name in wanted), "a pool that nothing draws from"
    n_written = sum(min(drawn[name], size) for name, size in wanted.items())
    assert n_written >= 0.99 * sum(wanted.values())


def test_every_pool_holds_patterns_out_and_no_form_is_in_both_parts() -> None:
    for found in all_pools().values():
        share = len(found.held) / (len(found.held) + len(found.train))
        assert share >= HELD_OUT_SHARE, found.name
        trained = {form for pattern in found.train for form in expansions(pattern)}
        assert not trained & {form for forms in found.held_forms for form in forms}, found.name
        assert len(found.held_forms) >= 0.6 * len(found.held), found.name


def test_there_are_enough_phrasings() -> None:
    """2,000 patterns were asked for; a pool of few lines would be learnt by heart.

    A kind of calculation has two pools: noun phrases, which a dozen frames go around, and whole
    requests.
    """
    trained = {name: len(found.train) for name, found in all_pools().items()}
    together: Counter[str] = Counter()
    for name, count in trained.items():
        together[name.removesuffix(" ask")] += count
    assert sum(trained.values()) > 10_000
    assert min(trained.values()) >= 5
    assert min(together.values()) >= 8
    assert sum(count >= 15 for count in together.values()) > 0.95 * len(together)


def test_a_marked_pattern_stays_in_training() -> None:
    found = split_pool("p", ["!a b", "c", "d [e|f]", "g"])
    assert "a b" in found.train
    assert len(found.held) == 1


def test_training_draws_what_training_may_see() -> None:
    picker = Picker(random.Random(1), held=False)  # noqa: S311
    drawn = {picker.pick("scalar") for _ in range(200)}
    assert drawn <= {form for p in pool("scalar").train for form in expansions(p)}
    assert not picker.used_held


def test_held_out_phrasings_are_all_that_their_split_draws() -> None:
    picker = Picker(random.Random(1), held=True)  # noqa: S311
    drawn = {picker.pick("scalar") for _ in range(200)}
    assert drawn <= {form for forms in pool("scalar").held_forms for form in forms}
    assert picker.used_held
