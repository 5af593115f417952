"""Whether a model fits: what it needs of a GPU's memory, measured where the data say it.

Weights are parameters times bytes. While it answers, a decoder keeps keys and values for every
token it holds: 2 x layers x width x 2 bytes each (Pope et al. 2022, arXiv:2211.05102). Layers and
width follow from the parameters in the proportions of a 7-billion decoder of 32 layers and width
4096 without grouped heads, so the figure errs to the high side. What training needs cannot be told
from such figures: it counts as all memory the job has now, unless it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from notebook_agents.optimization.catalogue import Gpu
from notebook_agents.optimization.pools import Pool, Setup
from notebook_agents.optimization.precisions import BYTES_PER_VALUE

GIB = 2**30
OVERHEAD = 1.1
"""Workspaces and fragmentation: a tenth on top."""
FILL = 0.95
"""The share of a GPU's memory that a recommendation may fill."""
CACHE_BYTES_7B = 2 * 32 * 4096 * 2
"""Keys and values of one token in a model of 7 billion parameters, 2 bytes each."""


class Impossible(Exception):
    """A setup that cannot be, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a setup uses memory."""

    gpus_per_copy: int
    """GPUs that hold one copy of the model together."""
    used_gib: float
    """On each of them."""


def weights_gib(params_b: float, precision: str) -> float:
    """Memory of the weights of a model with ``params_b`` x 10^9 parameters."""
    return float(params_b * 1e9 * BYTES_PER_VALUE[precision] / GIB)


def cache_gib(params_b: float, n_tokens: float) -> float:
    """Memory of the keys and values of ``n_tokens`` tokens, at most."""
    return float(CACHE_BYTES_7B * (params_b / 7) ** (2 / 3) * n_tokens / GIB)


def cache_bytes_per_parameter(pool: Pool, setup: Setup) -> float:
    """Keys and values of a full batch, spread over the parameters; 0 where these are unknown."""
    if pool.params_b is None:
        return 0.0
    size = pool.params_b * setup.model_share
    n_tokens = setup.batch_size * pool.context_tokens
    return cache_gib(size, n_tokens) * GIB / (size * 1e9)


def estimate_gib(params_b: float, setup: Setup, context_tokens: int) -> float:
    """What one copy of a model needs to answer a batch of requests."""
    size = params_b * setup.model_share
    n_tokens = setup.batch_size * context_tokens
    return OVERHEAD * (weights_gib(size, setup.precision) + cache_gib(size, n_tokens))


def fit(pool: Pool, setup: Setup, now: Gpu, then: Gpu, *, fill: float = FILL) -> Fit:
    """How the pool's jobs would lie in memory; Impossible when they do not fit.

    ``now`` is the GPU of the pool's present setup, ``then`` the one of ``setup``. What does not
    need more memory than now, on GPUs that have as much, fits because it fits now.
    """
    present = _present(pool, now)
    need = _need(pool, setup, present)
    is_no_worse = (
        need <= present.used_gib * present.gpus_per_copy * (1 + 1e-9)
        and then.memory_gib >= now.memory_gib
        and setup.n_gpus % present.gpus_per_copy == 0
    )
    if is_no_worse:
        n_gpus = present.gpus_per_copy
        return Fit(gpus_per_copy=n_gpus, used_gib=need / n_gpus)
    counts = _halves(setup.n_gpus) if _is_sized(pool) else (setup.n_gpus,)
    for n_gpus in counts:
        if need <= n_gpus * then.memory_gib * fill:
            return Fit(gpus_per_copy=n_gpus, used_gib=need / n_gpus)
    raise Impossible(
        f"it needs {need:.1f} GiB, {setup.n_gpus} x {then.name} may fill"
        f" {setup.n_gpus * then.memory_gib * fill:.1f} GiB"
    )


def _is_sized(pool: Pool) -> bool:
    """Whether it is known what one copy of the model needs."""
    return pool.params_b is not None and pool.kind != "training"


def _present(pool: Pool, now: Gpu) -> Fit:
    n_gpus = pool.setup.n_gpus
    if not _is_sized(pool):
        # One copy over all GPUs that needs all they have: nothing smaller is known to be enough.
        return Fit(gpus_per_copy=n_gpus, used_gib=pool.memory_gib or now.memory_gib)
    assert pool.params_b is not None
    estimate = estimate_gib(pool.params_b, pool.setup, pool.context_tokens)
    per_copy = next((n for n in _halves(n_gpus) if n * now.memory_gib >= estimate), n_gpus)
    # It runs now, so it does not need more than there is, whatever the estimate says.
    used = pool.memory_gib or min(estimate / per_copy, now.memory_gib)
    return Fit(gpus_per_copy=per_copy, used_gib=used)


def _need(pool: Pool, setup: Setup, present: Fit) -> float:
    """GiB of one copy under another setup."""
    base = present.used_gib * present.gpus_per_copy
    if not _is_sized(pool):
        return base * max(1.0, setup.batch_size / pool.setup.batch_size)
    assert pool.params_b is not None
    size = pool.params_b * setup.model_share
    weights = weights_gib(size, setup.precision) - weights_gib(pool.params_b, pool.setup.precision)
    tokens_now = pool.setup.batch_size * pool.context_tokens
    cache_now = cache_gib(pool.params_b, tokens_now)
    cache = cache_gib(size, setup.batch_size * pool.context_tokens) - cache_now
    changed = base + OVERHEAD * (weights + max(0.0, cache))
    # The weights at least; where they already fill less than the estimate says, as much less.
    weights_now = OVERHEAD * weights_gib(pool.params_b, pool.setup.precision)
    known_share = min(1.0, base / weights_now)
    return max(changed, known_share * OVERHEAD * weights_gib(size, setup.precision))


def _halves(n: int) -> tuple[int, ...]:
    """Over how many GPUs a copy is split: powers of two that leave none over."""
    return tuple(2**k for k in range(n.bit_length()) if n % 2**k == 0)
