"""What the commands refuse before they write anything: folders and devices that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.engine.training.plan import CHECKPOINT, RECORD, TrainingPlan
from notebook_agents.engine.training.tokenizer import check_sentences, load_tokenizer

TOKENIZER = "tokenizer.json"
EXPORTED = ("config.json", "model.safetensors", TOKENIZER)
MEASURED = (*EXPORTED, RECORD)
"""What the card of a model is written from, beside the evaluation."""
RUN = (CHECKPOINT, RECORD, TOKENIZER)


def need_files(flag: str, folder: Path, names: tuple[str, ...], what: str) -> None:
    """Refuse a folder that is not what it is given for."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InvalidRequest(f"{flag} {str(folder)!r} is not {what}: it has no {missing[0]}")


def need_no_run(folder: Path) -> None:
    """Refuse to begin where a run was begun before."""
    if (folder / CHECKPOINT).exists():
        raise InvalidRequest(
            f"{str(folder)!r} holds a run: go on with it by --resume, or name another folder by "
            "--output"
        )
    if (folder / TOKENIZER).exists():
        raise InvalidRequest(
            f"{str(folder)!r} holds a run that has no checkpoint, so that --resume cannot go on "
            "with it: remove it, or name another folder by --output"
        )


def need_run(folder: Path) -> None:
    """Refuse to go on where there is nothing to go on with."""
    need_files("--output", folder, RUN, "a run that can be resumed")
    check_sentences(load_tokenizer(folder))


def need_start(start: Path, plan: TrainingPlan) -> None:
    """Refuse to begin with a model that is not there or is of another size."""
    need_files("--start", start, EXPORTED, "an exported model")
    config = json.loads((start / "config.json").read_text(encoding="utf-8"))
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    found = [config.get(name) for name in names]
    wanted = [plan.width, plan.layers, plan.heads, plan.hidden]
    if found != wanted:
        raise InvalidRequest(
            f"--start {str(start)!r} has the sizes {found} and the plan {wanted}: choose the "
            "--plan by which that model was made"
        )
    check_sentences(load_tokenizer(start))


def need_device(plan: TrainingPlan) -> None:
    """Refuse a device that this machine has not."""
    import torch

    try:
        device = torch.device(plan.device)
    except RuntimeError as error:
        raise InvalidRequest(f"--device {plan.device!r} is unknown: name cpu or cuda") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InvalidRequest(
            f"--device {plan.device!r} needs a GPU that torch can use, and there is none: train "
            "with --plan cpu"
        )
    if device.type != "cpu" and plan.processes > 1:
        raise InvalidRequest("--processes is for a CPU: leave it out, or train with --device cpu")
