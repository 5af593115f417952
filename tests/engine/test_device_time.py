"""What a request counts as its own of a GPU's time, and what it says of a cache."""

from __future__ import annotations

import pytest
import torch

from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateFinished, GenerateRequest, Sampling, Usage
from notebook_agents.engine.device_time import gpu_clock
from notebook_agents.engine.engine import StepEngine
from notebook_agents.engine.host import make_row
from notebook_agents.engine.model import LoadedModel
from notebook_agents.engine.runner import TransformersRunner
from notebook_agents.engine.scheduler import Emission, FifoScheduler


class Gpu:
    """A device on which every forward pass takes a second."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self, device: torch.device) -> float:
        self.now_s += 1.0
        return self.now_s


def used(engine: StepEngine, model: LoadedModel, *n_tokens: int) -> list[Usage]:
    """Ask for answers of these lengths at once; what each of them used."""
    told: list[list[Emission]] = []
    for n in n_tokens:
        told.append([])
        sampling = Sampling(temperature=0, max_tokens=n)
        request = GenerateRequest(
            model=model.info.id, messages=(user_message("hi"),), sampling=sampling
        )
        engine.add(make_row(model, request, told[-1].append))
    while engine.step():
        pass
    return [each[-1].usage for each in told if isinstance(each[-1], GenerateFinished)]


def test_alone_a_request_has_the_time_of_all_its_passes(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), TransformersRunner, Gpu())
    (usage,) = used(engine, model, 5)
    # One reads the prompt and gives the first token.
    assert usage.gpu_s == 5.0


def test_requests_that_step_together_share_the_time(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), TransformersRunner, Gpu())
    short, long = used(engine, model, 3, 6)
    # The first decodes once while the other is read, once beside it, and leaves it alone then.
    assert (short.gpu_s, long.gpu_s) == (1 + 1 + 0.5, 1 + 0.5 + 4)


def test_without_a_gpu_its_time_is_not_known(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), TransformersRunner)
    (usage,) = used(engine, model, 2)
    assert usage.gpu_s is None
    assert usage.cached_tokens == 0, "no prompt is ever read out of a cache"


def test_times_of_a_run_add_up_and_unknown_ones_stay_unknown() -> None:
    assert (Usage(gpu_s=1.5) + Usage() + Usage(gpu_s=0.25)).gpu_s == 1.75
    assert (Usage() + Usage()).gpu_s is None


@pytest.mark.gpu
def test_the_clock_of_a_gpu_waits_for_what_it_does() -> None:
    device = torch.device("cuda")
    begun = gpu_clock(device)
    square = torch.ones(4096, 4096, device=device)
    stream = torch.cuda.current_stream(device)
    for _ in range(20):
        square = square @ square
    ended = gpu_clock(device)
    assert stream.query(), "nothing is left to do"
    assert begun is not None
    assert ended is not None
    assert ended > begun
