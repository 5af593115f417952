"""What a run of the trainer does, as it is asked for and as it was recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.engine.training.generator import VERSION

CHECKPOINT = "checkpoint.pt"
RECORD = "training.json"
SEED = 20261121
"""The seed of data and weights where none is named."""
FLAGS = ("minutes", "seed", "start", "threads", "processes", "data_workers", "device")
"""The settings that the command line can change, each by the flag of its name."""
MAY_CHANGE = "minutes"
"""The one that a run that goes on may be given anew."""


@dataclass(frozen=True)
class TrainingPlan:
    """What a run of the trainer does."""

    folder: Path
    minutes: float
    seed: int = 0
    start: Path | None = None
    """An exported model whose weights and tokenizer the run begins with; None begins with nothing.

    Another seed than that model's own gives it conversations that it has not seen.
    """
    device: str = "cpu"
    processes: int = 1
    """Processes that train together, on a CPU."""
    threads: int = 1
    """Threads of each process."""
    data_workers: int = 0
    """Processes that only make data, for a GPU."""
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 384
    batch_tokens: int = 4096
    """Tokens of one step of one process, padding included."""
    matrix_rate: float = 0.02
    other_rate: float = 4e-3
    warm_up: int = 30
    """Steps until the learning rate is full."""
    flat_until: float = 0.3
    """The share of the time after which the learning rate falls to nearly nothing."""
    round_size: int = 400
    round_batches: int = 28
    copy_rounds: int = 30
    """Rounds with many copy exercises at the beginning, for a model that begins with nothing."""
    longest: int = 1100
    """Longer conversations are left out, in tokens."""
    length_step: int = 1
    compiled: bool = False
    """Compile the layers, where there is a C++ compiler; takes about a minute at the start."""
    checkpoint_seconds: float = 60.0


CPU_PLAN = TrainingPlan(
    Path("run"),
    minutes=90.0,
    seed=SEED,
    processes=2,
    width=160,
    heads=5,
    hidden=448,
    batch_tokens=3072,
    matrix_rate=0.016,
    other_rate=3.2e-3,
    flat_until=0.15,
    round_batches=37,
    compiled=True,
)
"""About 1.4 million parameters on two cores: the plan by which the shipped weights are made."""
GPU_PLAN = TrainingPlan(
    Path("run"),
    minutes=7.0,
    seed=SEED,
    device="cuda",
    data_workers=12,
    width=256,
    layers=8,
    heads=8,
    hidden=768,
    batch_tokens=131_072,
    matrix_rate=0.015,
    other_rate=2e-3,
    warm_up=100,
    round_size=4096,
    round_batches=0,
    copy_rounds=12,
    length_step=64,
)
"""About 7 million parameters in less than ten minutes of one data-centre GPU."""
PLANS = {"cpu": CPU_PLAN, "gpu": GPU_PLAN}


def adapted(name: str, folder: Path, changes: Mapping[str, Any]) -> TrainingPlan:
    """A named plan with some of its settings changed; None leaves a setting as it is."""
    wanted = {key: value for key, value in changes.items() if value is not None}
    return replace(PLANS[name], folder=folder, **wanted)


def resumed(name: str | None, folder: Path, changes: Mapping[str, Any]) -> TrainingPlan:
    """The plan with which a run was begun; of its settings only the time may be another one.

    A named plan has to be that of the run; None asks nothing.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    begun = _recorded(record["plan"], folder)
    version = record.get("generator", "unknown")
    if version != VERSION:
        raise InvalidRequest(
            f"the run in {str(folder)!r} reads version {version} of the data, and this "
            f"is version {VERSION}: begin another run in another folder"
        )
    same = {key: getattr(begun, key) for key in FLAGS}
    if name is not None and adapted(name, folder, same) != begun:
        raise _differs("--plan", name, "another one", folder)
    for key, value in changes.items():
        if value not in (None, getattr(begun, key)) and key != MAY_CHANGE:
            raise _differs(f"--{key.replace('_', '-')}", value, getattr(begun, key), folder)
    plan = replace(begun, minutes=changes.get(MAY_CHANGE) or begun.minutes)
    n_minutes = record["progress"]["seconds"] / 60
    if n_minutes >= plan.minutes:
        raise InvalidRequest(
            f"the run in {str(folder)!r} has had {n_minutes:.1f} of {plan.minutes:g} minutes: "
            "give it more with --minutes"
        )
    return plan


def plan_as_data(plan: TrainingPlan) -> dict[str, Any]:
    """A plan for its record, which tells nothing of where the folders are."""
    start = plan.start.name if plan.start else None
    return {**asdict(plan), "folder": plan.folder.name, "start": start}


def _recorded(data: Mapping[str, Any], folder: Path) -> TrainingPlan:
    unknown = data.keys() - {field.name for field in fields(TrainingPlan)}
    if unknown:
        raise InvalidRequest(
            f"the run in {str(folder)!r} was begun by another version, with {sorted(unknown)}: "
            "begin another run in another folder"
        )
    start = Path(data["start"]) if data.get("start") else None
    return TrainingPlan(**{**data, "folder": folder, "start": start})


def _differs(flag: str, wanted: object, found: object, folder: Path) -> InvalidRequest:
    return InvalidRequest(
        f"{flag} {wanted} cannot be resumed with: the run in {str(folder)!r} was begun with "
        f"{found}; leave {flag} out, or begin another run in another folder"
    )
