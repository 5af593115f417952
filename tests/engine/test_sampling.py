"""Choosing tokens, compared with transformers' own logits processors."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    GenerationConfig,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.models import Sampling
from notebook_agents.engine.sampling import SamplingPlan, TokenSampler, defaults_of, plan_sampling

CPU = torch.device("cpu")
PROMPT = [3, 9, 9, 20]


def logits(seed: int, n_tokens: int = 50) -> torch.Tensor:
    return torch.randn(n_tokens, generator=torch.Generator().manual_seed(seed)) * 3


def reference(plan: SamplingPlan, scores: torch.Tensor) -> torch.Tensor:
    """The probabilities after transformers' steps, in the order of ``generate()``."""
    ids, row = torch.tensor([PROMPT]), scores[None]
    row = RepetitionPenaltyLogitsProcessor(plan.repetition_penalty)(ids, row)
    row = TemperatureLogitsWarper(plan.temperature)(ids, row)
    row = TopKLogitsWarper(plan.top_k)(ids, row)
    found: torch.Tensor = TopPLogitsWarper(plan.top_p)(ids, row).softmax(-1)[0]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_draws_follow_the_same_probabilities_as_generate(seed: int) -> None:
    plan = SamplingPlan(temperature=0.8, top_p=0.9, top_k=12, repetition_penalty=1.3, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    expected = int(torch.multinomial(reference(plan, logits(seed)), 1, generator=generator))
    assert TokenSampler(plan, CPU, PROMPT).choose(logits(seed)) == expected


def test_greedy_takes_the_largest() -> None:
    assert TokenSampler(SamplingPlan(), CPU).choose(logits(1)) == int(logits(1).argmax())


def test_a_repetition_penalty_counts_the_prompt_and_the_answer() -> None:
    sampler = TokenSampler(SamplingPlan(repetition_penalty=100.0), CPU, [0])
    scores = torch.tensor([9.0, 8.0, 7.0])
    assert [sampler.choose(scores) for _ in range(2)] == [1, 2]


def test_a_seed_gives_the_same_draws_and_the_global_seed_is_left_alone() -> None:
    plan = SamplingPlan(temperature=1.0, seed=5)
    state = torch.get_rng_state()
    first, second = (TokenSampler(plan, CPU) for _ in range(2))
    assert [first.choose(logits(i)) for i in range(20)] == [
        second.choose(logits(i)) for i in range(20)
    ]
    assert torch.equal(torch.get_rng_state(), state)


def test_what_the_caller_leaves_open_comes_from_the_checkpoint() -> None:
    config = GenerationConfig(do_sample=True, temperature=0.7, top_p=0.8, top_k=20)
    plan = plan_sampling(Sampling(top_k=5), defaults_of(config))
    assert (plan.temperature, plan.top_p, plan.top_k) == (0.7, 0.8, 5)


def test_a_checkpoint_without_sampling_is_greedy() -> None:
    assert defaults_of(GenerationConfig()) == SamplingPlan()


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=-0.1),
        Sampling(temperature=float("nan")),
        Sampling(top_p=0.0),
        Sampling(top_p=1.1),
        Sampling(top_k=-1),
        Sampling(max_tokens=0),
        Sampling(stop=("",)),
    ],
)
def test_numbers_out_of_range_are_refused(sampling: Sampling) -> None:
    with pytest.raises(InvalidRequest) as error:
        plan_sampling(sampling, SamplingPlan())
    assert error.value.details["field"] in {"temperature", "top_p", "top_k", "max_tokens", "stop"}


class Only:
    """A constraint that always allows the same tokens and notes what was accepted."""

    def __init__(self, *allowed: int) -> None:
        self.allowed = allowed
        self.accepted: list[int] = []

    def accept(self, token: int) -> bool:
        self.accepted += [token] if token in self.allowed else []
        return token in self.allowed

    def mask(self) -> torch.Tensor:
        mask = torch.zeros(50, dtype=torch.bool)
        mask[list(self.allowed)] = True
        return mask


def test_greedy_takes_the_largest_that_is_allowed() -> None:
    scores = logits(1)
    best, _, third = scores.argsort(descending=True)[:3].tolist()
    only = Only(third, int(scores.argmin()))
    assert TokenSampler(SamplingPlan(), CPU, (), only).choose(scores) == third
    free = Only(best, third)
    assert TokenSampler(SamplingPlan(), CPU, (), free).choose(scores) == best
    assert (only.accepted, free.accepted) == ([third], [best])


def test_draws_among_allowed_tokens_keep_their_proportions() -> None:
    only, scores = Only(4, 8, 15), logits(3) / 3
    sampler = TokenSampler(SamplingPlan(temperature=1.0, seed=1), CPU, (), only)
    n_draws = 6000
    drawn = torch.bincount(torch.tensor([sampler.choose(scores) for _ in range(n_draws)]))
    expected = scores[[4, 8, 15]].softmax(-1)
    assert torch.allclose(drawn[[4, 8, 15]] / n_draws, expected, atol=0.025)


def test_a_narrow_top_k_never_stands_in_the_way_of_a_constraint() -> None:
    scores = logits(5)
    last = int(scores.argmin())
    plan = SamplingPlan(temperature=0.5, top_k=1, top_p=0.1, seed=2)
    assert TokenSampler(plan, CPU, (), Only(last)).choose(scores) == last
