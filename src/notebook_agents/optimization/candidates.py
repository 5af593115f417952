"""Candidates: the changes that a pool could be given, one kind of change at a time.

One pair counts as a kind of its own: a cheaper GPU is often fast enough only at a lower precision,
which saves nothing by itself, so neither would ever be found alone.

Nothing is judged here: every candidate is a setup with a name for what it changes. What does not
fit, is too slow or costs too much is found out by evaluating it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from notebook_agents.optimization.catalogue import Catalogue
from notebook_agents.optimization.pools import Pool, Setup
from notebook_agents.optimization.precisions import LOWER, TRAINABLE

Change: TypeAlias = Literal[
    "gpu_type",
    "gpu_count",
    "batch_size",
    "precision",
    "gpu_type_and_precision",
    "model_size",
    "schedule",
    "spot",
    "caching",
]
TYPE_CHANGES: frozenset[Change] = frozenset({"gpu_type", "gpu_type_and_precision"})
"""Changes to another type of GPU."""
PRECISION_CHANGES: frozenset[Change] = frozenset({"precision", "gpu_type_and_precision"})
"""Changes to another precision."""
EXCLUDES: dict[Change, tuple[Change, ...]] = {
    "gpu_type": ("gpu_count", "gpu_type_and_precision"),
    "gpu_count": ("gpu_type", "gpu_type_and_precision"),
    "precision": ("gpu_type_and_precision",),
    "gpu_type_and_precision": ("gpu_type", "gpu_count", "precision"),
    "spot": ("schedule",),
    "schedule": ("spot",),
}
"""Changes that a pool with this change is not given as well."""
MAX_PAIRED_GPUS = 12
"""Cheaper types that are tried together with a lower precision."""
BATCH_FACTORS = (2, 4, 8)
MAX_BATCH = 256
MODEL_SHARE = 0.5
"""A smaller model is tried at half the size."""
MIN_REPEATED = 0.05
"""A cache is tried where at least this share of the prompts repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One possible change of a pool."""

    change: Change
    setup: Setup


def candidates(
    pool: Pool, setup: Setup, done: frozenset[Change], catalogue: Catalogue
) -> Iterator[Candidate]:
    """Every change of a setup that is not done yet."""
    excluded = {other for change in done for other in EXCLUDES.get(change, ())}
    for candidate in _all(pool, setup, catalogue):
        if candidate.change not in done and candidate.change not in excluded:
            yield candidate


def _all(pool: Pool, setup: Setup, catalogue: Catalogue) -> Iterator[Candidate]:
    yield from _hardware(pool, setup, catalogue)
    yield from _precision(pool, setup)
    yield from _pairs(pool, setup, catalogue)
    yield from _batch(pool, setup)
    yield from _caching(pool, setup)
    yield from _terms(pool, setup, catalogue)
    if pool.params_b is not None and pool.kind != "training":
        smaller = replace(setup, model_share=setup.model_share * MODEL_SHARE)
        yield from _with_counts(pool, "model_size", smaller)


def _hardware(pool: Pool, setup: Setup, catalogue: Catalogue) -> Iterator[Candidate]:
    for n_gpus in _counts(pool, setup):
        if n_gpus != setup.n_gpus:
            yield Candidate(change="gpu_count", setup=replace(setup, n_gpus=n_gpus))
    for gpu in catalogue.gpu:
        if gpu.name != setup.gpu_type:
            for n_gpus in (*_counts(pool, setup), setup.n_gpus):
                changed = replace(setup, gpu_type=gpu.name, n_gpus=n_gpus)
                yield Candidate(change="gpu_type", setup=changed)


def _precision(pool: Pool, setup: Setup) -> Iterator[Candidate]:
    for precision in _lower(pool, setup):
        yield from _with_counts(pool, "precision", replace(setup, precision=precision))


def _lower(pool: Pool, setup: Setup) -> tuple[str, ...]:
    """Precisions that the pool's jobs could change to."""
    lower = LOWER[setup.precision]
    return tuple(name for name in lower if pool.kind != "training" or name in TRAINABLE)


def _pairs(pool: Pool, setup: Setup, catalogue: Catalogue) -> Iterator[Candidate]:
    """Cheaper GPUs at a lower precision: those with most memory bandwidth for their price."""
    cheaper = [
        gpu
        for gpu in catalogue.gpu
        if gpu.name != setup.gpu_type and gpu.on_demand_per_hour < pool.price
    ]
    cheaper.sort(key=lambda gpu: (-gpu.bandwidth_gb_s / gpu.on_demand_per_hour, gpu.name))
    n = setup.n_gpus
    counts = [n, *_halves(n), *([2 * n] if pool.kind == "inference" else [])]
    for gpu in cheaper[:MAX_PAIRED_GPUS]:
        for precision in _lower(pool, setup):
            for n_gpus in counts:
                changed = replace(setup, gpu_type=gpu.name, precision=precision, n_gpus=n_gpus)
                yield Candidate(change="gpu_type_and_precision", setup=changed)


def _batch(pool: Pool, setup: Setup) -> Iterator[Candidate]:
    """Larger batches help decoding only, and how much is known only with the tokens."""
    if pool.kind == "training" or not pool.tokens_out or pool.tokens_in is None:
        return
    for factor in BATCH_FACTORS:
        size = setup.batch_size * factor
        if size <= MAX_BATCH:
            yield from _with_counts(pool, "batch_size", replace(setup, batch_size=size))


def _caching(pool: Pool, setup: Setup) -> Iterator[Candidate]:
    if pool.kind != "training" and (pool.repeated_share or 0.0) >= MIN_REPEATED:
        yield from _with_counts(pool, "caching", replace(setup, is_cached=True))


def _terms(pool: Pool, setup: Setup, catalogue: Catalogue) -> Iterator[Candidate]:
    """Spot prices and cheaper hours are for jobs that nobody waits for."""
    if pool.kind == "inference" or pool.has_unclear_deadline:
        return
    if pool.is_interruptible:
        yield Candidate(change="spot", setup=replace(setup, is_spot=True))
    if catalogue.off_peak is not None and pool.peak_share:
        yield Candidate(change="schedule", setup=replace(setup, is_off_peak=True))


def _with_counts(pool: Pool, change: Change, setup: Setup) -> Iterator[Candidate]:
    """The change alone, and for servers also with the GPUs that it makes superfluous given back."""
    yield Candidate(change=change, setup=setup)
    if pool.kind == "inference":
        for n_gpus in _counts(pool, setup):
            if n_gpus < setup.n_gpus:
                yield Candidate(change=change, setup=replace(setup, n_gpus=n_gpus))


def _counts(pool: Pool, setup: Setup) -> tuple[int, ...]:
    """Numbers of GPUs to try: fewer always, more only for servers, where requests then wait less.

    A single job on more GPUs is not tried: how well it would scale is not in the data.
    """
    n = setup.n_gpus
    halves = _halves(n)
    if pool.kind != "inference":
        return halves
    step = max(1, n // 16)
    return tuple(dict.fromkeys((*halves, *range(step, n, step), n + 1, 2 * n)))


def _halves(n: int) -> tuple[int, ...]:
    """Powers of two below a number."""
    return tuple(2**k for k in range(n.bit_length()) if 2**k < n)
