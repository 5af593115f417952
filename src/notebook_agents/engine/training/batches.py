"""Turns fresh conversations into batches of tokens.

Data is made in rounds. A round has a seed of its own, so that what training sees depends on the
seed of the plan and never on the speed of a machine; no conversation is repeated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.tokenizer import encode, letter_pieces

Batch = tuple[Tensor, Tensor]
"""Tokens and targets [batch, sequence]; a place without a target holds `NO_TARGET`."""
_Group = list[tuple[list[int], list[bool]]]
NO_TARGET = -100
FIRST_ROUNDS_COPY, LATER_ROUNDS_COPY = 0.4, 0.05
"""Share of copy exercises while copying is learnt, and afterwards."""


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """Which conversations are made and how they are packed."""

    seed: int
    start: int
    """How often the run was started before; every start sees data of its own."""
    process: int
    """The number of the training process that reads the batches."""
    batch_tokens: int
    round_size: int
    """Conversations made, sorted by length and packed at a time."""
    round_batches: int
    """Batches of a round: too many are thrown away, too few are halved; 0 takes what there is.

    Processes that train together so begin each round together, and in a round their batches are
    about as long at each step: none waits for the others.
    """
    copy_rounds: int
    """Rounds with many copy exercises at the beginning of a run."""
    longest: int
    """Longer conversations are left out, in tokens."""
    step: int
    """Sequences are padded to a multiple of this, so that a GPU sees few shapes."""


class Batches(IterableDataset[Batch]):
    """An endless source of batches; each worker process makes rounds of its own."""

    def __init__(self, plan: DataPlan, tokenizer: str) -> None:
        super().__init__()
        self._plan = plan
        self._tokenizer = tokenizer

    def __iter__(self) -> Iterator[Batch]:
        plan, tokenizer = self._plan, Tokenizer.from_str(self._tokenizer)
        worker = get_worker_info()
        who, count = (worker.id, worker.num_workers) if worker else (0, 1)
        number = who
        while True:
            yield from _round(plan, tokenizer, number)
            number += count


def load_batches(plan: DataPlan, tokenizer: Tokenizer, workers: int) -> Iterator[Batch]:
    """Iterate over batches that are made here, or by worker processes where `workers` > 0."""
    source = Batches(plan, tokenizer.to_str())
    if not workers:
        return iter(source)
    return iter(DataLoader(source, batch_size=None, num_workers=workers, prefetch_factor=8))


def _round(plan: DataPlan, tokenizer: Tokenizer, number: int) -> Iterator[Batch]:
    seed = f"{plan.seed}/{plan.start}/{plan.process}/{number}"
    generator = Generator(seed, pieces=letter_pieces(tokenizer))
    is_first = plan.start == 0 and number < plan.copy_rounds
    share = FIRST_ROUNDS_COPY if is_first else LATER_ROUNDS_COPY
    made: _Group = []
    while len(made) < plan.round_size:
        copying = generator.rng.random() < share
        conversation = generator.copy_exercise() if copying else generator.conversation()
        pair = encode(tokenizer, conversation)
        if len(pair[0]) <= plan.longest:
            made.append(pair)
    made.sort(key=lambda pair: len(pair[0]))
    groups = _exactly(plan.round_batches, list(_groups(made, plan)), generator.rng)
    random.Random(f"{plan.seed}/{plan.start}/{number}").shuffle(groups)  # noqa: S311
    for group in groups:
        yield _padded(group, plan.step)


def _exactly(count: int, groups: list[_Group], rng: random.Random) -> list[_Group]:
    if not count:
        return groups
    for _ in range(count - len(groups)):
        place = max(range(len(groups)), key=lambda i: len(groups[i]))
        half = max(1, len(groups[place]) // 2)
        groups[place : place + 1] = [groups[place][:half], groups[place][half:]]
    kept = sorted(rng.sample(range(len(groups)), count))
    return [groups[place] for place in kept]


def _groups(made: _Group, plan: DataPlan) -> Iterator[_Group]:
    group: _Group = []
    for pair in made:
        if group and (len(group) + 1) * _length(len(pair[0]), plan.step) > plan.batch_tokens:
            yield group
            group = []
        group.append(pair)
    yield group


def _length(length: int, step: int) -> int:
    return -(-length // step) * step


def _padded(group: _Group, step: int) -> Batch:
    longest = _length(max(len(ids) for ids, _ in group) - 1, step)
    tokens = torch.zeros(len(group), longest, dtype=torch.long)
    targets = torch.full((len(group), longest), NO_TARGET)
    for row, (ids, written) in enumerate(group):
        found = torch.tensor(ids)
        tokens[row, : len(ids) - 1] = found[:-1]
        kept = torch.where(torch.tensor(written[1:]), found[1:], NO_TARGET)
        targets[row, : len(ids) - 1] = kept
    return tokens, targets
