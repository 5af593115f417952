"""Command line of the training: generate, train, export, evaluate, card.

`python -m notebook_agents.engine.training train --output run` makes the model on two CPU cores,
`… train --plan gpu --output run` a larger one on a GPU; `… train --resume --output run` goes on.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import shlex
import sys
from collections.abc import Callable
from datetime import date
from itertools import islice
from pathlib import Path

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.engine.training import checks
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.engine.training.plan import (
    CHECKPOINT,
    FLAGS,
    PLANS,
    SEED,
    adapted,
    resumed,
)

PROGRAM = "python -m notebook_agents.engine.training"
INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what cannot be done ends the process with one line and exit code 2."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("notebook_agents").setLevel(logging.INFO)
    os.environ["OMP_NUM_THREADS"] = str(options.threads or 1)
    try:
        options.run_command(options)
    except InvalidRequest as error:
        parser.exit(2, f"{PROGRAM} {options.command}: error: {error}\n")
    except KeyboardInterrupt:
        parser.exit(INTERRUPTED, f"\ninterrupted{_way_on(options)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Make the bundled model.")
    commands = parser.add_subparsers(dest="command", required=True)
    shared = _shared(SEED, 1)
    generate = commands.add_parser("generate", parents=[shared], help="write conversations as text")
    generate.set_defaults(run_command=_generate)
    generate.add_argument("--split", default="train", choices=SPLITS, help="which phrasings")
    generate.add_argument("--count", type=_at_least(1), default=100, help="of conversations")
    # What was not given is None: a run that goes on keeps to its record.
    train = commands.add_parser("train", parents=[_shared()], help="train from nothing or go on")
    train.set_defaults(run_command=_train)
    _add_training(train)
    export = commands.add_parser("export", parents=[shared], help="write a transformers folder")
    export.set_defaults(run_command=_export)
    export.add_argument("--run", type=Path, required=True, help="folder of a training run")
    evaluate = commands.add_parser("evaluate", parents=[shared], help="measure the shipped model")
    evaluate.set_defaults(run_command=_evaluate)
    evaluate.add_argument("--model", type=Path, default=None,
                          help="folder for the exact matches; else the shipped one")  # fmt: skip
    evaluate.add_argument("--executed", type=_at_least(1), default=500,
                          help="conversations per split")  # fmt: skip
    evaluate.add_argument("--forced", type=_at_least(0), default=1000,
                          help="exact-match items per split; 0 leaves them out")  # fmt: skip
    card = commands.add_parser("card", help="write the model card of an exported folder")
    card.set_defaults(run_command=_card, threads=1)
    card.add_argument("--model", type=Path, required=True, help="exported model folder")
    card.add_argument("--evaluation", type=Path, required=True, help="folder of the evaluation")
    card.add_argument("--day", type=date.fromisoformat, required=True, help="day of the training")
    card.add_argument("--hardware", default="two CPU cores", help="what the training ran on")
    card.add_argument("--note", default="", help="what a reader should know about the run")
    return parser


def _shared(seed: int | None = None, threads: int | None = None) -> argparse.ArgumentParser:
    """The flags that commands share, with the defaults of those that have some."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--seed", type=_at_least(0), default=seed,
                        help=f"seed of data and weights; else {SEED}")  # fmt: skip
    shared.add_argument("--threads", type=_at_least(1), default=threads,
                        help="CPU threads of each process; else 1")  # fmt: skip
    shared.add_argument("--output", type=_place, required=True, help="folder to write into")
    return shared


def _add_training(train: argparse.ArgumentParser) -> None:
    train.add_argument("--plan", choices=tuple(PLANS),
                       help="1.4 million parameters on two cores (cpu), or 7 million")  # fmt: skip
    train.add_argument("--minutes", type=_minutes,
                       help="time of the whole run; else the plan's or the run's")  # fmt: skip
    train.add_argument("--processes", type=_at_least(1),
                       help="processes that train together on a CPU")  # fmt: skip
    train.add_argument("--data-workers", type=_at_least(0), help="processes that only make data")
    train.add_argument("--device", help="torch device, such as cpu or cuda")
    begin = train.add_mutually_exclusive_group()
    begin.add_argument("--start", type=Path,
                       help="exported model to go on from; give it a seed of its own")  # fmt: skip
    begin.add_argument("--resume", action="store_true",
                       help="go on from the last checkpoint, by the plan of the run")  # fmt: skip


def _at_least(least: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        number = int(text)
        if not least <= number < 2**63:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least {least}")
        return number

    return whole_number


def _minutes(text: str) -> float:
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text} is not a time of more than 0 minutes")
    return number


def _place(text: str) -> Path:
    place = Path(text)
    if place.exists() and not place.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a file, not a folder")
    return place


def _generate(options: argparse.Namespace) -> None:
    from notebook_agents.engine.training.conversation import render

    options.output.mkdir(parents=True, exist_ok=True)
    made = islice(Generator(options.seed, options.split), options.count)
    texts = ["".join(piece for piece, _ in render(conversation)) for conversation in made]
    target = options.output / f"{options.split}.txt"
    target.write_text("\n".join(texts), encoding="utf-8")


def _train(options: argparse.Namespace) -> None:
    changes = {name: getattr(options, name) for name in FLAGS}
    if options.resume:
        checks.need_run(options.output)
        plan = resumed(options.plan, options.output, changes)
    else:
        checks.need_no_run(options.output)
        plan = adapted(options.plan or "cpu", options.output, changes)
        if plan.start is not None:
            checks.need_start(plan.start, plan)
    os.environ["OMP_NUM_THREADS"] = str(plan.threads)
    checks.need_device(plan)
    from notebook_agents.engine.training.trainer import train

    train(plan, resume=options.resume)


def _way_on(options: argparse.Namespace) -> str:
    """What to do after an interrupt."""
    if options.command != "train":
        return ""
    if not (options.output / CHECKPOINT).exists():
        return " before the first checkpoint; to begin again, name a new folder by --output"
    command = [*shlex.split(PROGRAM), "train", "--resume", "--output", str(options.output)]
    return f"; to go on: {shlex.join(command)}"


def _export(options: argparse.Namespace) -> None:
    checks.need_files("--run", options.run, checks.RUN, "a training run")
    from notebook_agents.engine.training.export import export

    export(options.run, options.output)


def _evaluate(options: argparse.Namespace) -> None:
    if options.model is not None:
        checks.need_files("--model", options.model, checks.EXPORTED, "an exported model")
    from notebook_agents.engine.training.evaluate import EvaluationPlan, evaluate
    from notebook_agents.engine.training.export import BUNDLED

    plan = EvaluationPlan(
        options.model or BUNDLED,
        options.output,
        options.forced,
        options.executed,
        threads=options.threads,
    )
    report = evaluate(plan)
    logging.getLogger(__name__).info("%s", report.markdown())


def _card(options: argparse.Namespace) -> None:
    checks.need_files("--model", options.model, checks.MEASURED, "an exported model")
    found = ("evaluation.json", "evaluation.md")
    checks.need_files("--evaluation", options.evaluation, found, "an evaluation")
    from notebook_agents.engine.training.card import write_card

    write_card(
        options.model,
        options.evaluation,
        day=options.day,
        hardware=options.hardware,
        note=options.note,
    )


if __name__ == "__main__":
    sys.exit(main())
