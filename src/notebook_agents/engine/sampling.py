"""Choosing the next token of one request, with that request's own random numbers.

The order of the steps is that of transformers' ``generate()``: repetition penalty, temperature,
top-k, top-p. A request's draws depend on its seed and its logits alone, never on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.models import Sampling
from notebook_agents.engine.grammar import Constraint

_SMALLEST_P = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """Every choice made; ``temperature`` 0 is greedy, ``top_k`` 0 and ``top_p`` 1 are off."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None


class Sampler(Protocol):
    """Chooses tokens for one request."""

    def choose(self, logits: Tensor) -> int:
        """The next token id from logits ``[vocab]``; called once per token of the answer."""
        ...


def defaults_of(generation_config: Any) -> SamplingPlan:
    """What a checkpoint's ``generation_config.json`` asks for."""
    samples = bool(generation_config.do_sample)
    return SamplingPlan(
        temperature=_or(generation_config.temperature, 1.0) if samples else 0.0,
        top_p=_or(generation_config.top_p, 1.0) if samples else 1.0,
        top_k=int(_or(generation_config.top_k, 0)) if samples else 0,
        repetition_penalty=_or(generation_config.repetition_penalty, 1.0),
    )


def plan_sampling(sampling: Sampling, defaults: SamplingPlan) -> SamplingPlan:
    """Fill what the caller left open; InvalidRequest names a number out of range."""
    _check(sampling)
    return SamplingPlan(
        temperature=defaults.temperature if sampling.temperature is None else sampling.temperature,
        top_p=defaults.top_p if sampling.top_p is None else sampling.top_p,
        top_k=defaults.top_k if sampling.top_k is None else sampling.top_k,
        repetition_penalty=defaults.repetition_penalty,
        seed=sampling.seed,
    )


class TokenSampler:
    """The Sampler of the reference engine: one generator, plain tensor operations."""

    def __init__(
        self,
        plan: SamplingPlan,
        device: torch.device,
        prompt_ids: Iterable[int] = (),
        constraint: Constraint | None = None,
    ) -> None:
        self._plan = plan
        self._constraint = constraint
        self._seen = set(prompt_ids)
        self._generator: torch.Generator | None = None
        if plan.temperature > 0:
            self._generator = torch.Generator(device=device)
            if plan.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(plan.seed)

    def choose(self, logits: Tensor) -> int:
        """Greedy without a generator, else one draw."""
        scores = logits.to(torch.float32)
        if self._plan.repetition_penalty != 1.0:
            scores = _penalised(scores, self._seen, self._plan.repetition_penalty)
        token = self._allowed(scores)
        self._seen.add(token)
        return token

    def _allowed(self, scores: Tensor) -> int:
        """One draw, and a second one among the allowed tokens when the first was none of them.

        Without top-k and top-p that is the distribution over the allowed tokens, and a mask is
        only made where the model and the constraint disagree.
        """
        token = self._drawn(scores)
        if self._constraint is None or self._constraint.accept(token):
            return token
        allowed = self._constraint.mask().to(scores.device)
        token = self._drawn(scores[: len(allowed)].masked_fill(~allowed, -torch.inf))
        self._constraint.accept(token)
        return token

    def _drawn(self, scores: Tensor) -> int:
        if self._generator is None:
            return int(scores.argmax())
        scores = _top_p(_top_k(scores / self._plan.temperature, self._plan.top_k), self._plan.top_p)
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._generator))


def _penalised(scores: Tensor, seen: Iterable[int], penalty: float) -> Tensor:
    ids = torch.tensor(list(seen), device=scores.device)
    found = scores[ids]
    return scores.index_put((ids,), torch.where(found < 0, found * penalty, found / penalty))


def _top_k(scores: Tensor, k: int) -> Tensor:
    if k <= 0 or k >= scores.shape[-1]:
        return scores
    return scores.masked_fill(scores < scores.topk(k).values[-1], -torch.inf)


def _top_p(scores: Tensor, p: float) -> Tensor:
    if p >= 1.0:
        return scores
    ordered, order = scores.sort()
    is_removed = ordered.softmax(-1).cumsum(-1) <= 1 - p
    is_removed[-1] = False
    return scores.masked_fill(
        torch.zeros_like(is_removed).scatter(0, order, is_removed), -torch.inf
    )


def _check(sampling: Sampling) -> None:
    bounds: tuple[tuple[str, float | None, float, float], ...] = (
        ("temperature", sampling.temperature, 0, 100),
        ("top_p", sampling.top_p, _SMALLEST_P, 1),
        ("top_k", sampling.top_k, 0, 2**31),
        ("seed", sampling.seed, -(2**63), 2**64 - 1),
        ("max_tokens", sampling.max_tokens, 1, 2**31),
    )
    for field, value, lowest, highest in bounds:
        if value is not None and not lowest <= value <= highest:
            raise InvalidRequest(
                f"{field} is {value!r}, expected {lowest} to {highest}", field=field
            )
    if not all(sampling.stop):
        raise InvalidRequest("a stop string is empty", field="stop")


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
