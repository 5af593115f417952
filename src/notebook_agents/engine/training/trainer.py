"""Trains the model on fresh conversations for a given time on a few threads.

The learning rate follows the elapsed time, so the decay completes however fast the machine is. A
checkpoint is written every minute; a resumed run goes on with the time it had left.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.model import Linear, Shape, TinyModel
from notebook_agents.engine.training.optimizer import Optimizer
from notebook_agents.engine.training.tokenizer import (
    encode,
    letter_pieces,
    load_tokenizer,
    train_tokenizer,
)  # fmt: skip

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
RECORD = "training.json"
_POOL = 384
"""Conversations sorted by length at a time."""


@dataclass(frozen=True)
class TrainingPlan:
    """What a run of the trainer does."""

    folder: Path
    minutes: float
    seed: int = 0
    threads: int = 1
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 384
    batch_tokens: int = 4096
    matrix_rate: float = 0.02
    other_rate: float = 4e-3
    flat_until: float = 0.3
    longest: int = 1100
    """Longer conversations are left out, in tokens."""
    checkpoint_seconds: float = 60.0


@dataclass
class Progress:
    """How far a run is; saved with every checkpoint."""

    seconds: float = 0.0
    steps: int = 0
    tokens: int = 0
    targets: int = 0
    rounds: int = 0
    loss: float = 7.0
    log: list[dict[str, float]] = field(default_factory=list)


def train(plan: TrainingPlan, *, resume: bool = False) -> None:
    """Train, or go on training, and leave the last checkpoint in the folder."""
    torch.set_num_threads(plan.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    plan.folder.mkdir(parents=True, exist_ok=True)
    if not (plan.folder / "tokenizer.json").exists():
        train_tokenizer(plan.seed).save(str(plan.folder / "tokenizer.json"))
    tokenizer = load_tokenizer(plan.folder)
    shape = Shape(
        tokenizer.get_vocab_size(), plan.width, plan.layers, plan.heads, hidden=plan.hidden
    )
    model = TinyModel(shape, torch.Generator().manual_seed(plan.seed))
    optimizer = Optimizer(model, matrix_rate=plan.matrix_rate, other_rate=plan.other_rate)
    progress = Progress()
    if resume:
        progress = _load(plan.folder, model, optimizer)
    Linear.fast = True
    try:
        _run(plan, model, optimizer, tokenizer, progress)
    finally:
        Linear.fast = False


def rate_scale(done: float, steps: int, flat_until: float) -> float:
    """The share of the full learning rate after the share `done` of the time."""
    warm_up = min(1.0, (steps + 1) / 30)
    if done <= flat_until:
        return warm_up
    return warm_up * max(0.02, 1 - 0.98 * (done - flat_until) / (1 - flat_until))


def batches(
    plan: TrainingPlan, tokenizer: Tokenizer, progress: Progress
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield tokens and targets [batch, sequence], padded; a place without a target is -100."""
    pieces = letter_pieces(tokenizer)
    limit = plan.minutes * 60
    while True:
        progress.rounds += 1
        generator = Generator(plan.seed * 1_000_003 + progress.rounds, pieces=pieces)
        share = 0.4 if progress.seconds < 0.08 * limit else 0.05
        made: list[tuple[list[int], list[bool]]] = []
        while len(made) < _POOL:
            copying = generator.rng.random() < share
            conversation = generator.copy_exercise() if copying else generator.conversation()
            pair = encode(tokenizer, conversation)
            if len(pair[0]) <= plan.longest:
                made.append(pair)
        made.sort(key=lambda pair: len(pair[0]))
        groups = list(_groups(made, plan.batch_tokens))
        generator.rng.shuffle(groups)
        yield from map(_padded, groups)


def _groups(
    made: list[tuple[list[int], list[bool]]], n_tokens: int
) -> Iterator[list[tuple[list[int], list[bool]]]]:
    group: list[tuple[list[int], list[bool]]] = []
    for pair in made:
        if group and (len(group) + 1) * len(pair[0]) > n_tokens:
            yield group
            group = []
        group.append(pair)
    yield group


def _padded(group: list[tuple[list[int], list[bool]]]) -> tuple[Tensor, Tensor]:
    longest = max(len(ids) for ids, _ in group)
    tokens = torch.zeros(len(group), longest - 1, dtype=torch.long)
    targets = torch.full((len(group), longest - 1), -100)
    for row, (ids, written) in enumerate(group):
        found = torch.tensor(ids)
        tokens[row, : len(ids) - 1] = found[:-1]
        kept = torch.where(torch.tensor(written[1:]), found[1:], -100)
        targets[row, : len(ids) - 1] = kept
    return tokens, targets


def _run(
    plan: TrainingPlan,
    model: TinyModel,
    optimizer: Optimizer,
    tokenizer: Tokenizer,
    progress: Progress,
) -> None:
    limit = plan.minutes * 60
    begin, saved = time.monotonic() - progress.seconds, progress.seconds
    for tokens, targets in batches(plan, tokenizer, progress):
        scale = rate_scale(progress.seconds / limit, progress.steps, plan.flat_until)
        loss = _step(model, optimizer, (tokens, targets), scale)
        progress.steps += 1
        progress.tokens += tokens.numel()
        progress.targets += int((targets >= 0).sum())
        progress.loss += 0.02 * (loss - progress.loss)
        progress.seconds = time.monotonic() - begin
        is_done = progress.seconds >= limit
        if is_done or progress.seconds - saved >= plan.checkpoint_seconds:
            saved = progress.seconds
            _save(plan, model, optimizer, progress)
        if is_done:
            return


def _step(
    model: TinyModel, optimizer: Optimizer, batch: tuple[Tensor, Tensor], scale: float
) -> float:
    tokens, targets = batch
    wanted = targets >= 0
    loss = functional.cross_entropy(model(tokens, wanted), targets[wanted])
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step(scale)
    return loss.item()


def _save(plan: TrainingPlan, model: TinyModel, optimizer: Optimizer, progress: Progress) -> None:
    point = {"minutes": round(progress.seconds / 60, 2), "tokens": progress.tokens,
             "loss": round(progress.loss, 5)}  # fmt: skip
    progress.log.append(point)
    logger.info("minute %(minutes)s: %(tokens)s tokens, loss %(loss)s", point)
    state = {"model": model.state_dict(), "optimizer": optimizer.state(),
             "progress": asdict(progress), "shape": asdict(model.shape)}  # fmt: skip
    partial = plan.folder / (CHECKPOINT + ".part")
    torch.save(state, partial)
    partial.replace(plan.folder / CHECKPOINT)
    record = {"plan": {**asdict(plan), "folder": plan.folder.name}, "progress": asdict(progress)}
    (plan.folder / RECORD).write_text(json.dumps(record, indent=1))


def _load(folder: Path, model: TinyModel, optimizer: Optimizer) -> Progress:
    state = torch.load(folder / CHECKPOINT, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load(state["optimizer"])
    return Progress(**state["progress"])
