"""Trains the model on fresh conversations for a given time, on CPU cores or on one GPU.

The learning rate follows the elapsed time, so the decay completes however fast the machine is. A
checkpoint is written every minute; a resumed run goes on with the time it had left.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.multiprocessing.spawn import ProcessContext, spawn
from torch.nn import functional

from notebook_agents.engine.training.batches import NO_TARGET, Batch, DataPlan, load_batches
from notebook_agents.engine.training.generator import VERSION
from notebook_agents.engine.training.model import Layer, Linear, Shape, TinyModel, fastest_type
from notebook_agents.engine.training.optimizer import Optimizer
from notebook_agents.engine.training.plan import CHECKPOINT, RECORD, TrainingPlan, plan_as_data
from notebook_agents.engine.training.team import Team, make_teams
from notebook_agents.engine.training.tokenizer import load_tokenizer, train_tokenizer

logger = logging.getLogger(__name__)

GRACE_S = 2.0
"""How long an interrupted process may take to end by itself."""


@dataclass
class Progress:
    """How far a run is; saved with every checkpoint."""

    seconds: float = 0.0
    starts: int = 0
    steps: int = 0
    tokens: int = 0
    """Tokens read, padding not counted."""
    targets: int = 0
    loss: float = 7.0
    log: list[dict[str, float]] = field(default_factory=list)


def train(plan: TrainingPlan, *, resume: bool = False) -> None:
    """Train, or go on training, and leave the last checkpoint in the folder."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    plan.folder.mkdir(parents=True, exist_ok=True)
    if plan.start is not None and not resume:
        shutil.copy(plan.start / "tokenizer.json", plan.folder)
    elif not (plan.folder / "tokenizer.json").exists():
        train_tokenizer(plan.seed).save(str(plan.folder / "tokenizer.json"))
    n_weights = sum(w.numel() for w in _model(plan).parameters())
    teams = make_teams(plan.processes, n_weights)
    if len(teams) == 1:
        _work(0, plan, teams, resume)
    else:
        _together(spawn(_work, (plan, teams, resume), len(teams), join=False))  # type: ignore[no-untyped-call]


def _together(started: ProcessContext) -> None:
    """Wait for all processes; an interrupt ends them."""
    try:
        while not started.join():
            pass
    except KeyboardInterrupt:
        for process in started.processes:
            # A terminal interrupts all processes, which then clean up; others only this one.
            process.join(GRACE_S)
            process.terminate()
        raise


def rate_scale(done: float, steps: int, plan: TrainingPlan) -> float:
    """The share of the full learning rate after the share `done` of the time."""
    warm_up = min(1.0, (steps + 1) / plan.warm_up)
    if done <= plan.flat_until:
        return warm_up
    return warm_up * max(0.02, 1 - 0.98 * (done - plan.flat_until) / (1 - plan.flat_until))


def _work(rank: int, plan: TrainingPlan, teams: list[Team], resume: bool) -> None:
    """One process: its own data, the same weights as the others."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("notebook_agents").setLevel(logging.INFO)
    torch.set_num_threads(plan.threads)
    model = _model(plan).to(plan.device)
    rates = {"matrix_rate": plan.matrix_rate, "other_rate": plan.other_rate}
    optimizer = Optimizer(model, **rates)
    progress = Progress()
    if resume:
        progress = _load(plan, model, optimizer)
    elif plan.start is not None:
        model.load_state_dict(load_file(plan.start / "model.safetensors", plan.device))
    _keep_memory()
    Linear.working = fastest_type(plan.device)
    Layer.compiled = plan.compiled and shutil.which("g++") is not None
    try:
        _run(plan, teams[rank], (model, optimizer), progress)
    finally:
        Linear.working, Layer.compiled = torch.float32, False


def _keep_memory() -> None:
    """Let the C library keep freed memory for the next step instead of giving it back each time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, map_threshold = -1, -3
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(map_threshold, 2**25)


def _model(plan: TrainingPlan) -> TinyModel:
    n_entries = _tokenizer(plan).get_vocab_size()
    shape = Shape(n_entries, plan.width, plan.layers, plan.heads, hidden=plan.hidden)
    return TinyModel(shape, torch.Generator().manual_seed(plan.seed))


def _tokenizer(plan: TrainingPlan) -> Tokenizer:
    return load_tokenizer(plan.folder)


def _run(
    plan: TrainingPlan, team: Team, parts: tuple[TinyModel, Optimizer], progress: Progress
) -> None:
    if team.rank == 0:
        _record(plan, progress)
    limit = plan.minutes * 60
    begin, saved = time.monotonic() - progress.seconds, progress.seconds
    data = DataPlan(
        seed=plan.seed,
        start=progress.starts,
        process=team.rank,
        batch_tokens=plan.batch_tokens,
        round_size=plan.round_size,
        round_batches=plan.round_batches,
        copy_rounds=0 if plan.start else plan.copy_rounds,
        longest=plan.longest,
        step=plan.length_step,
    )
    progress.starts += 1
    for batch in load_batches(data, _tokenizer(plan), plan.data_workers):
        scale = rate_scale(progress.seconds / limit, progress.steps, plan)
        loss = _gradient(parts[0], batch, plan.device)
        progress.seconds = team.average(parts[0], time.monotonic() - begin)
        parts[1].step(scale)
        _count(progress, batch, loss, team.size)
        is_done = progress.seconds >= limit
        if is_done or progress.seconds - saved >= plan.checkpoint_seconds:
            saved = progress.seconds
            if team.rank == 0:
                _save(plan, parts, progress)
        if is_done:
            return


def _gradient(model: TinyModel, batch: Batch, device: str) -> Tensor:
    tokens, targets = (part.to(device, non_blocking=True) for part in batch)
    wanted = targets != NO_TARGET
    loss = functional.cross_entropy(model(tokens, wanted), targets[wanted])
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def _count(progress: Progress, batch: Batch, loss: Tensor, processes: int) -> None:
    tokens, targets = batch
    progress.steps += 1
    progress.tokens += processes * int(tokens.count_nonzero())
    progress.targets += processes * int((targets != NO_TARGET).sum())
    progress.loss += 0.02 * (loss.item() - progress.loss)


def _save(plan: TrainingPlan, parts: tuple[TinyModel, Optimizer], progress: Progress) -> None:
    model, optimizer = parts
    point = {"minutes": round(progress.seconds / 60, 2), "tokens": progress.tokens,
             "loss": round(progress.loss, 5)}  # fmt: skip
    progress.log.append(point)
    logger.info("minute %(minutes)s: %(tokens)s tokens, loss %(loss)s", point)
    state = {"model": model.state_dict(), "optimizer": optimizer.state(),
             "progress": asdict(progress), "shape": asdict(model.shape)}  # fmt: skip
    partial = plan.folder / (CHECKPOINT + ".part")
    torch.save(state, partial)
    partial.replace(plan.folder / CHECKPOINT)
    _record(plan, progress)


def _record(plan: TrainingPlan, progress: Progress) -> None:
    """Write what the run is, and what data and arithmetic its last start used."""
    record = {
        "plan": plan_as_data(plan),
        "generator": VERSION,
        "dtype": str(fastest_type(plan.device)).removeprefix("torch."),
        "torch": torch.__version__,
        "progress": asdict(progress),
    }
    partial = plan.folder / (RECORD + ".part")
    partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    partial.replace(plan.folder / RECORD)


def _load(plan: TrainingPlan, model: TinyModel, optimizer: Optimizer) -> Progress:
    state = torch.load(plan.folder / CHECKPOINT, map_location=plan.device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load(state["optimizer"])
    return Progress(**state["progress"])
