"""An option: a candidate of a pool with its figures before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass

from notebook_agents.optimization.candidates import PRECISION_CHANGES, Change
from notebook_agents.optimization.effects import Effect
from notebook_agents.optimization.pools import Setup
from notebook_agents.optimization.requests import Priority

WEIGHTS: dict[Priority, tuple[float, float]] = {
    "cost": (1.0, 0.1),
    "balanced": (0.5, 0.5),
    "performance": (0.25, 1.0),
}
"""How much the logarithms of cost and of time count."""
RISK: dict[Change, int] = {
    "gpu_count": 1, "schedule": 1, "batch_size": 1, "gpu_type": 2, "caching": 2, "spot": 2,
    "precision": 3, "gpu_type_and_precision": 4, "model_size": 5,
}  # fmt: skip
"""1 is easily undone and changes no answer, 5 changes every answer."""
OTHER_VENDOR_RISK = 2
"""On top, where the software has to move to another vendor's GPUs."""
INT4_RISK = 2
"""On top, where weights are kept in 4 bits."""
RISK_WEIGHT = 0.05
"""A change of one more grade of risk must bring this much more."""
MIN_SCORE = 0.02
MIN_SAVING = 0.01
MIN_SPEEDUP = 0.05
MAX_BALANCED_COST = 1.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A possible change of a pool."""

    pool: int
    """Place of the pool in the survey."""
    change: Change
    before_setup: Setup
    after_setup: Setup
    before: Effect
    after: Effect
    is_other_vendor: bool = False
    """Whether the GPUs are of another vendor than before."""

    @property
    def risk(self) -> int:
        """From 1, hardly any, to 7."""
        is_int4 = self.change in PRECISION_CHANGES and self.after_setup.precision == "int4"
        more = INT4_RISK * is_int4 + OTHER_VENDOR_RISK * self.is_other_vendor
        return RISK[self.change] + more

    @property
    def cost_ratio(self) -> float:
        """Cost after as a multiple of before."""
        return self.after.cost / self.before.cost if self.before.cost else 1.0

    @property
    def time_ratio(self) -> float:
        """Time after as a multiple of before; above 1 is slower."""
        return self.after.time_factor / self.before.time_factor

    @property
    def saving(self) -> float:
        """Of the period of the data."""
        return self.before.cost - self.after.cost

    def score(self, priority: Priority) -> float:
        """How much better it is, as a logarithm; risk counts against it."""
        cost, time = WEIGHTS[priority]
        gain = -cost * math.log(max(self.cost_ratio, 1e-6)) - time * math.log(self.time_ratio)
        return gain - RISK_WEIGHT * self.risk

    def why_not(self, priority: Priority) -> str:
        """What it lacks to be worth anybody's while, in words for people; empty when nothing is."""
        if priority == "cost" and self.cost_ratio > 1 - MIN_SAVING:
            return f"save less than {MIN_SAVING:.0%}"
        if priority == "performance" and self.time_ratio > 1 - MIN_SPEEDUP:
            return f"save less than {MIN_SPEEDUP:.0%} of the time"
        if priority == "balanced" and self.cost_ratio > MAX_BALANCED_COST:
            return f"cost more than {MAX_BALANCED_COST - 1:.0%} more"
        if self.score(priority) < MIN_SCORE:
            return "bring too little for their risk"
        return ""

    def rank(self, priority: Priority) -> tuple[object, ...]:
        """Sorts the better option first; a change of more money counts more. Ties are settled."""
        weight = max(self.before.cost, 1e-9)
        return (
            round(-self.score(priority) * weight, 9),
            self.pool,
            self.risk,
            str(self.after_setup),
        )


def pareto(options: list[Option]) -> list[Option]:
    """Those for which no other costs less, takes less time and risks less."""

    def figures(option: Option) -> tuple[float, float, int]:
        return option.after.cost, option.after.time_factor, option.risk

    def is_beaten(mine: tuple[float, float, int], other: tuple[float, float, int]) -> bool:
        return other != mine and all(a <= b for a, b in zip(other, mine, strict=True))

    all_figures = {figures(option) for option in options}
    return [
        option
        for option in options
        if not any(is_beaten(figures(option), other) for other in all_figures)
    ]
