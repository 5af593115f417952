"""What a change does: the cost and latency model. docs/optimization.md derives the formulas.

Only ratios are used. A job's present figures were measured; the model says by what factor they
change, so that everything a job has in common before and after (its share of peak speed, its
network, its code) cancels out. The present setup therefore has exactly the measured figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from notebook_agents.optimization.catalogue import Catalogue, Gpu
from notebook_agents.optimization.memory import (
    FILL,
    Impossible,
    cache_bytes_per_parameter,
    fit,
)
from notebook_agents.optimization.pools import Pool, Setup
from notebook_agents.optimization.precisions import BYTES_PER_VALUE
from notebook_agents.optimization.queueing import response_factor

MAX_UTILISATION = 0.80
"""Servers are not loaded above this: waiting grows without bound towards 1."""
MIN_COPIES = 2
"""Where more than one copy answers now, at least this many stay: one may fail."""
SPLIT_EFFICIENCY = 0.8
"""What is left of the speed of GPUs when a copy is split over more of them than now."""
_SURE = 0.99
"""Measured utilisation above this is taken as this: at 1 a queue has no mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Figures of a pool under a setup, for the period of the data."""

    hours: float
    """Of all its jobs together."""
    gpu_hours: float
    price: float
    """Per GPU and hour."""
    cost: float
    time_factor: float
    """Time of a job, or of the slow requests, as a multiple of now; above 1 is slower."""
    latency_p95_ms: float | None
    utilisation: float | None
    memory_gib: float
    """Used on each GPU."""


def evaluate(pool: Pool, setup: Setup, catalogue: Catalogue, *, fill: float = FILL) -> Effect:
    """The figures of a pool under a setup; Impossible says why it cannot be run so."""
    change = _Change(pool, setup, catalogue, fill)
    price = _price(pool, setup, _gpu(catalogue, setup.gpu_type), catalogue)
    if pool.kind == "inference":
        return _serving(pool, setup, price, change)
    return _job(pool, setup, price, catalogue, change)


class _Change:
    """By which factors the work of a pool changes; 1 for the present setup."""

    def __init__(self, pool: Pool, setup: Setup, catalogue: Catalogue, fill: float) -> None:
        now, then = _gpu(catalogue, pool.setup.gpu_type), _gpu(catalogue, setup.gpu_type)
        self.present = fit(pool, pool.setup, now, now)
        self.memory = fit(pool, setup, now, then, fill=fill)
        before, after = _times(pool, pool.setup, now), _times(pool, setup, then)
        share = setup.model_share
        self.occupancy = share * max(a / b for a, b in zip(after[0], before[0], strict=True))
        """Time of one copy that a request, or the whole job, takes."""
        self.response = share * max(a / b for a, b in zip(after[1], before[1], strict=True))
        """Time from the begin of a request's computation to its end."""
        split = self.memory.gpus_per_copy / self.present.gpus_per_copy
        self.occupancy /= split * (SPLIT_EFFICIENCY if split > 1 else 1.0)
        self.response /= min(split, 1.0)
        repeated = (pool.repeated_share or 0.0) if setup.is_cached else 0.0
        self.remaining = 1 - repeated
        """The share of the work that a cache of answers leaves."""


def _serving(pool: Pool, setup: Setup, price: float, change: _Change) -> Effect:
    """Requests wait for it: rented hours stay, what changes is how busy the GPUs are."""
    occupancy = change.occupancy * change.remaining
    n_before = pool.setup.n_gpus // change.present.gpus_per_copy
    n_after = setup.n_gpus // change.memory.gpus_per_copy
    if n_after < min(n_before, MIN_COPIES):
        raise Impossible(f"fewer than {MIN_COPIES} copies would be left")
    utilisation: float | None = None
    if pool.utilisation is None:
        if n_after < n_before or occupancy > 1 + 1e-9:
            raise Impossible("the data do not say how busy the GPUs are")
        factor = change.response
    else:
        busier = n_before * occupancy / n_after
        utilisation = pool.utilisation * busier
        factor = change.response * _waiting(pool, busier, n_before, n_after)
    latency = pool.latency_p95_ms
    return Effect(
        hours=pool.hours,
        gpu_hours=setup.n_gpus * pool.hours,
        price=price,
        cost=setup.n_gpus * pool.hours * price,
        time_factor=factor,
        latency_p95_ms=None if latency is None else latency * factor,
        utilisation=utilisation,
        memory_gib=change.memory.used_gib,
    )


def _waiting(pool: Pool, busier: float, n_before: int, n_after: int) -> float:
    """By what factor answers take longer because of the queue, in the busiest row's hours."""
    now = pool.highest_utilisation or 0.0
    then = now * busier
    if then > max(MAX_UTILISATION, now) * (1 + 1e-9):
        raise Impossible(
            f"the GPUs would be busy {then:.0%} of the time, at most {MAX_UTILISATION:.0%} is"
            " recommended"
        )
    after = response_factor(n_after, min(then, _SURE) * n_after)
    return after / response_factor(n_before, min(now, _SURE) * n_before)


def _job(pool: Pool, setup: Setup, price: float, catalogue: Catalogue, change: _Change) -> Effect:
    """It runs to its end: the busy part of its time changes, the idle part stays (Amdahl 1967)."""
    busy = 1.0 if pool.utilisation is None else pool.utilisation
    n_before = pool.setup.n_gpus / change.present.gpus_per_copy
    n_after = setup.n_gpus / change.memory.gpus_per_copy
    busy_after = busy * change.occupancy * change.remaining * n_before / n_after
    computing = (1 - busy) + busy_after
    factor = computing * (1 + catalogue.spot_rework if setup.is_spot else 1.0)
    hours = pool.hours * factor
    latency = pool.latency_p95_ms
    return Effect(
        hours=hours,
        gpu_hours=setup.n_gpus * hours,
        price=price,
        cost=setup.n_gpus * hours * price,
        time_factor=factor,
        latency_p95_ms=None if latency is None else latency * change.response,
        utilisation=None if pool.utilisation is None else busy_after / computing,
        memory_gib=change.memory.used_gib,
    )


def _times(pool: Pool, setup: Setup, gpu: Gpu) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What occupancy and response take, per parameter; the slower of several bounds counts.

    The roofline (Williams et al. 2009): a step of decoding reads every weight once for the whole
    batch, and the keys and values of each request, and multiplies each weight for each request,
    whichever takes longer; a prompt is all multiplying.
    Without tokens either bound may hold, so both are given.
    """
    speed, bandwidth = _speed(pool, setup, gpu), gpu.bandwidth
    reading = BYTES_PER_VALUE[setup.precision] / bandwidth
    cache = cache_bytes_per_parameter(pool, setup) / bandwidth
    if pool.kind == "training":
        return (1 / speed,), (1 / speed,)
    if pool.tokens_in is None or pool.tokens_out is None or not pool.n_tokens:
        return (1 / speed, reading), (1 / speed, reading)
    step = max(reading + cache, 2 * setup.batch_size / speed)
    prompt = 2 * pool.tokens_in / speed
    occupancy = prompt + pool.tokens_out / setup.batch_size * step
    return (occupancy,), (prompt + pool.tokens_out * step,)


def _speed(pool: Pool, setup: Setup, gpu: Gpu) -> float:
    found = gpu.speed(setup.precision)
    if found is None and (setup.gpu_type, setup.precision) == (
        pool.setup.gpu_type,
        pool.setup.precision,
    ):
        # It runs, whatever the catalogue says: unpacked to what the GPU computes in.
        found = gpu.speed("fp16") or gpu.speed("fp32") or max(gpu.tflops.values()) * 1e12
    if found is None:
        raise Impossible(f"{gpu.name} does not compute in {setup.precision}")
    return found


def _price(pool: Pool, setup: Setup, gpu: Gpu, catalogue: Catalogue) -> float:
    """Per GPU and hour: what is paid now as long as GPU and terms stay, else the catalogue's."""
    if setup.is_spot:
        if gpu.spot_per_hour is None:
            raise Impossible(f"the catalogue has no spot price of {gpu.name}")
        return gpu.spot_per_hour
    stays = setup.gpu_type == pool.setup.gpu_type
    price = pool.price if stays else gpu.on_demand_per_hour
    if setup.is_off_peak:
        if catalogue.off_peak is None or pool.peak_share is None:
            raise Impossible("the cheaper hours, or when the jobs begin, are not known")
        return price * (1 - catalogue.off_peak.discount * pool.peak_share)
    return price


def _gpu(catalogue: Catalogue, name: str) -> Gpu:
    found = catalogue.find(name)
    assert found is not None, f"{name!r} is not in the catalogue"
    return found
