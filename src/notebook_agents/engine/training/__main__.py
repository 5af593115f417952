"""Command line of the training: generate, train, export, evaluate, card.

`python -m notebook_agents.engine.training train --output run` makes the model on two CPU cores,
`… train --plan gpu --output run` a larger one on a GPU.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from datetime import date
from itertools import islice
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("notebook_agents").setLevel(logging.INFO)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    options.run_command(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m notebook_agents.engine.training",
                                     description="Make the bundled model.")  # fmt: skip
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--seed", type=int, default=20261121, help="seed of data and weights")
    shared.add_argument("--threads", type=int, default=1, help="CPU threads")
    shared.add_argument("--output", type=Path, required=True, help="folder to write into")
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", parents=[shared], help="write conversations as text")
    generate.set_defaults(run_command=_generate)
    generate.add_argument("--split", default="train", help="train, vocabulary or templates")
    generate.add_argument("--count", type=int, default=100, help="number of conversations")
    train = commands.add_parser("train", parents=[shared], help="train from nothing or go on")
    train.set_defaults(run_command=_train)
    train.add_argument("--plan", default="cpu", choices=("cpu", "gpu"),
                       help="1.4 million parameters on two cores, 7 million on a GPU")  # fmt: skip
    train.add_argument("--minutes", type=float, help="time of the whole run; else the plan's")
    train.add_argument("--processes", type=int, help="processes that train together on a CPU")
    train.add_argument("--data-workers", type=int, help="processes that only make data")
    train.add_argument("--device", help="torch device, such as cpu or cuda")
    train.add_argument("--start", type=Path,
                       help="exported model to go on from; give it a seed of its own")  # fmt: skip
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    export = commands.add_parser("export", parents=[shared], help="write a transformers folder")
    export.set_defaults(run_command=_export)
    export.add_argument("--run", type=Path, required=True, help="folder of a training run")
    evaluate = commands.add_parser("evaluate", parents=[shared], help="measure the shipped model")
    evaluate.set_defaults(run_command=_evaluate)
    evaluate.add_argument("--model", type=Path, default=None,
                          help="folder for the exact matches; else the shipped one")  # fmt: skip
    evaluate.add_argument("--executed", type=int, default=500, help="conversations per split")
    evaluate.add_argument("--forced", type=int, default=1000, help="exact-match items per split")
    card = commands.add_parser("card", help="write the model card of an exported folder")
    card.set_defaults(run_command=_card, threads=1)
    card.add_argument("--model", type=Path, required=True, help="exported model folder")
    card.add_argument("--evaluation", type=Path, required=True, help="folder of the evaluation")
    card.add_argument("--day", type=date.fromisoformat, required=True, help="day of the training")
    card.add_argument("--hardware", default="two CPU cores", help="what the training ran on")
    card.add_argument("--note", default="", help="what a reader should know about the run")
    return parser


def _generate(options: argparse.Namespace) -> None:
    from notebook_agents.engine.training.conversation import render
    from notebook_agents.engine.training.generator import Generator

    options.output.mkdir(parents=True, exist_ok=True)
    made = islice(Generator(options.seed, options.split), options.count)
    texts = ["".join(piece for piece, _ in render(conversation)) for conversation in made]
    target = options.output / f"{options.split}.txt"
    target.write_text("\n".join(texts), encoding="utf-8")


def _train(options: argparse.Namespace) -> None:
    from notebook_agents.engine.training.trainer import adapted, train

    names = ("minutes", "seed", "start", "threads", "processes", "data_workers", "device")
    changes = {name: getattr(options, name) for name in names}
    train(adapted(options.plan, options.output, **changes), resume=options.resume)


def _export(options: argparse.Namespace) -> None:
    from notebook_agents.engine.training.export import export

    export(options.run, options.output)


def _evaluate(options: argparse.Namespace) -> None:
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
