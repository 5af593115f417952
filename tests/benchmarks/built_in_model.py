"""How fast the built-in model answers here: our engine against ``generate()`` of transformers.

    OMP_NUM_THREADS=1 python tests/benchmarks/built_in_model.py

Everything runs on one CPU thread. The ways take turns and of each the fastest run counts, so that
other work on the machine changes the ratios little; the seconds and rates are of this machine.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from notebook_agents.core.messages import system_message, user_message
from notebook_agents.core.models import BUNDLED_MODEL, GenerateRequest
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.engine import StepEngine
from notebook_agents.engine.host import make_row
from notebook_agents.engine.model import LoadedModel, load_model
from notebook_agents.engine.remote import RemoteEngine
from notebook_agents.engine.runner import ModelRunner, TransformersRunner
from notebook_agents.engine.sampling import TokenSampler
from notebook_agents.engine.scheduler import FifoScheduler, Row
from notebook_agents.engine.small_runner import SmallRunner
from notebook_agents.tools import database_query, file_reader, list_files, python_executor

N_RUNS = 15
N_WARM = 5
REQUEST = GenerateRequest(
    model=BUNDLED_MODEL,
    messages=(
        system_message("Files: data/sales.csv(region, price, qty); notes.txt"),
        user_message("what is the mean price by region in data/sales.csv?"),
    ),
    tools=tuple(
        module.tool.spec.schema
        for module in (python_executor, database_query, file_reader, list_files)
    ),
)


@dataclass(frozen=True)
class Way:
    """One way to compute an answer."""

    name: str
    runner: Callable[[LoadedModel], ModelRunner] | None
    """None for ``generate()``."""
    is_guarded: bool = False


WAYS = (
    Way("generate()", None),
    Way("engine, modules of transformers", TransformersRunner),
    Way("engine, small runner", SmallRunner),
    Way("engine, small runner, guard rails", SmallRunner, is_guarded=True),
)


def main() -> None:
    """Print the rates and their ratios, then the time until an answer is there."""
    torch.set_num_threads(1)
    model = load_model(Catalogue().get(BUNDLED_MODEL), "cpu")
    rates = dict.fromkeys(WAYS, 0.0)
    for _ in range(N_RUNS):
        for way in WAYS:
            rates[way] = max(rates[way], rate(model, way))
    for way, found in rates.items():
        show(f"{way.name:36}{found:7.0f} tokens/s {found / rates[WAYS[0]]:6.2f}")
    preparing = min(seconds(lambda: make_row(model, REQUEST, _nobody)) for _ in range(N_RUNS))
    show(f"writing the prompt and its grammar: {1e3 * preparing:.1f} ms")
    cold, *warm = asyncio.run(first_answers())
    show(f"first answer: {cold:.2f} s cold, {min(warm):.3f} s once loaded")


def rate(model: LoadedModel, way: Way) -> float:
    """Tokens per second of one answer, its prompt being read included."""
    row = make_row(model, REQUEST, _nobody)
    if not way.is_guarded:
        row.sampler = TokenSampler(model.defaults, model.device)
    started = time.perf_counter()
    n_tokens = _generated(model, row) if way.runner is None else _stepped(way.runner, row)
    return n_tokens / (time.perf_counter() - started)


def _generated(model: LoadedModel, row: Row) -> int:
    ids = torch.tensor([row.prompt_ids])
    with torch.inference_mode():
        out = model.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=row.max_tokens
        )
    return len(out[0]) - len(row.prompt_ids)


def _stepped(runner: Callable[[LoadedModel], ModelRunner], row: Row) -> int:
    engine = StepEngine(FifoScheduler(), runner)
    engine.add(row)
    while engine.step():
        pass
    return len(row.tokens)


async def first_answers() -> list[float]:
    """Seconds to whole answers of a worker that has to be started first."""
    with tempfile.TemporaryDirectory() as folder:
        engine = RemoteEngine(EngineConfig(run_dir=Path(folder), threads=1))
        try:
            return [await _answered(engine) for _ in range(1 + N_WARM)]
        finally:
            await engine.aclose()


async def _answered(engine: RemoteEngine) -> float:
    started = time.perf_counter()
    async for _ in engine.generate(REQUEST):
        pass
    return time.perf_counter() - started


def seconds(step: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def show(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _nobody(_chunk: object) -> None:
    pass


if __name__ == "__main__":
    main()
