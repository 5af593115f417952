"""The constraints: which options may not be recommended, and why not."""

from __future__ import annotations

from collections.abc import Callable

from notebook_agents.optimization.candidates import PRECISION_CHANGES, TYPE_CHANGES
from notebook_agents.optimization.catalogue import Catalogue
from notebook_agents.optimization.options import Option
from notebook_agents.optimization.pools import Pool
from notebook_agents.optimization.requests import Limits, Priority, Wish

TOLERANCE: dict[Priority, float] = {"cost": 1.25, "balanced": 1.10, "performance": 1.0}
"""How much longer a job or the slow requests may take, as a multiple of now."""
HOURS_TO_OFF_PEAK = 24.0
"""A job that is moved to the next cheaper hours may end up to this much later."""
_SAME = 1 + 1e-9


def obstacle(pool: Pool, option: Option, wish: Wish, catalogue: Catalogue) -> str:
    """What forbids an option, in words for people; empty when nothing does."""
    for check in (_time, _latency, _deadline, _memory, _free, _kept):
        if problem := check(pool, option, wish, catalogue):
            return problem
    return ""


def _time(pool: Pool, option: Option, wish: Wish, _catalogue: Catalogue) -> str:  # noqa: ARG001
    if option.after.time_factor > TOLERANCE[wish.priority] * _SAME:
        return f"are too slow for the priority {wish.priority}"
    return ""


def _latency(pool: Pool, option: Option, wish: Wish, _catalogue: Catalogue) -> str:
    limits, before, after = wish.limits, option.before, option.after
    if limits.latency_ms is None and not limits.keeps_latency:
        return ""
    if after.latency_p95_ms is None or before.latency_p95_ms is None:
        is_slower = pool.kind == "inference" and after.time_factor > _SAME
        return "are slower where the data have no latency" if is_slower else ""
    now = pool.latency_p95_ms or 0.0
    if limits.keeps_latency and after.latency_p95_ms > now * _SAME:
        return "raise the latency"
    # Where the limit is broken already, a change must at least not make it worse.
    if limits.latency_ms is not None and after.latency_p95_ms > limits.latency_ms:
        if after.latency_p95_ms > before.latency_p95_ms * _SAME:
            return "break the latency limit"
        if before.latency_p95_ms <= limits.latency_ms:
            return "break the latency limit"
    return ""


def _deadline(pool: Pool, option: Option, _wish: Wish, catalogue: Catalogue) -> str:
    factor = option.after.time_factor
    is_late = pool.deadline_factor is not None and factor > max(1.0, pool.deadline_factor) * _SAME
    if is_late or (pool.has_unclear_deadline and factor > _SAME):
        return "miss a deadline"
    if not option.after_setup.is_off_peak:
        return ""
    longest = pool.longest_hours * factor
    if catalogue.off_peak is None or longest > catalogue.off_peak.n_hours * _SAME:
        return "do not end within the cheaper hours"
    later = HOURS_TO_OFF_PEAK + max(0.0, pool.longest_hours * (factor - 1))
    if pool.slack_hours is not None and pool.slack_hours < later:
        return "miss a deadline"
    return ""


def _memory(_pool: Pool, option: Option, wish: Wish, _catalogue: Catalogue) -> str:
    limit, before, after = wish.limits.memory_gib, option.before, option.after
    if limit is not None and after.memory_gib > max(limit, before.memory_gib) * _SAME:
        return "use too much GPU memory"
    return ""


def _free(_pool: Pool, option: Option, _wish: Wish, _catalogue: Catalogue) -> str:
    """Whether it costs money where none is paid: no percentage says how much dearer that is."""
    if option.before.cost == 0 < option.after.cost:
        return "cost money where the data say that none is paid"
    return ""


def _kept(_pool: Pool, option: Option, wish: Wish, catalogue: Catalogue) -> str:
    """Whether it changes what must stay."""
    limits = wish.limits
    rules: tuple[tuple[bool, str, Callable[[], bool]], ...] = (
        (limits.keeps_precision, "change precision or model",
         lambda: option.change in PRECISION_CHANGES | {"model_size"}),
        (limits.no_spot, "use spot capacity", lambda: option.change == "spot"),
        (limits.keeps_schedule, "change the schedule", lambda: option.change == "schedule"),
        (limits.keeps_gpu_type, "change the GPU type", lambda: option.change in TYPE_CHANGES),
        (bool(limits.gpu_types), "use GPU types that are not allowed",
         lambda: option.change in TYPE_CHANGES and not _is_allowed(option, limits, catalogue)),
    )  # fmt: skip
    return next((problem for applies, problem, is_so in rules if applies and is_so()), "")


def _is_allowed(option: Option, limits: Limits, catalogue: Catalogue) -> bool:
    known = [catalogue.find(name) for name in limits.gpu_types]
    return option.after_setup.gpu_type in {gpu.name for gpu in known if gpu is not None}
