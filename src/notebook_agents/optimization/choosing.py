"""Choosing: which candidates become recommendations.

One change after the other, always the one that helps the whole workload most, until none helps.
Each is evaluated on top of those before it, so that their effects add up, and every constraint is
asked of the setup that results. Same data and same wish give the same choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from notebook_agents.optimization.candidates import Candidate, Change, candidates
from notebook_agents.optimization.catalogue import Catalogue
from notebook_agents.optimization.effects import Effect, evaluate
from notebook_agents.optimization.limits import obstacle
from notebook_agents.optimization.memory import FILL, Impossible
from notebook_agents.optimization.options import Option, pareto
from notebook_agents.optimization.pools import Setup, Survey
from notebook_agents.optimization.requests import Priority, Wish

MAX_RECOMMENDATIONS = 20
MAX_PER_POOL = 3
MAX_ALTERNATIVES = 10
MAX_COST_FACTOR: dict[Priority, float] = {"cost": 1.0, "balanced": 1.1, "performance": 1.5}
"""What the whole workload may cost, as a multiple of now, where no budget is given."""
FREE_MEMORY = 0.90
"""What may be filled where the constraint ``gpu_memory`` asks for room."""
_SAME = 1 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, and what becomes of every pool."""

    steps: tuple[Option, ...]
    baseline: tuple[Effect, ...]
    """By pool."""
    projected: tuple[Effect, ...]
    setups: tuple[Setup, ...]
    alternatives: tuple[Option, ...] = ()
    """Good options of the present setups that were not chosen."""
    n_evaluated: int = 0
    obstacles: Mapping[str, int] = field(default_factory=dict)
    """Why candidates of the present setups may not be, most frequent first.

    Where nothing was chosen, every evaluated candidate is in one of the counts.
    """
    is_over_budget: bool = False


def choose(
    survey: Survey, wish: Wish, catalogue: Catalogue, *, look: Callable[[], None] = lambda: None
) -> Choice:
    """The recommendations for a workload; ``look`` is called often and may raise to stop it."""
    return _Chooser(survey, wish, catalogue, look).run()


class _Chooser:
    def __init__(
        self, survey: Survey, wish: Wish, catalogue: Catalogue, look: Callable[[], None]
    ) -> None:
        self._pools = survey.pools
        self._wish, self._catalogue, self._look = wish, catalogue, look
        self._fill = FREE_MEMORY if wish.limits.keeps_memory_free else FILL
        self._setups = [pool.setup for pool in self._pools]
        self._baseline = [evaluate(pool, pool.setup, catalogue) for pool in self._pools]
        self._effects = list(self._baseline)
        self._done: list[frozenset[Change]] = [frozenset() for _ in self._pools]
        self._found: dict[int, list[Option]] = {}
        self._obstacles: Counter[str] = Counter()
        self._n_evaluated = 0
        self._other_cost = survey.left_out_cost
        self._cap = MAX_COST_FACTOR[wish.priority] * self._total()
        if wish.budget is not None:
            self._cap = wish.budget / survey.per_month

    def run(self) -> Choice:
        first = [option for n in range(len(self._pools)) for option in self._options(n)]
        steps: list[Option] = []
        while len(steps) < MAX_RECOMMENDATIONS and (best := self._best()) is not None:
            steps.append(best)
            self._take(best)
        return Choice(
            steps=tuple(steps),
            baseline=tuple(self._baseline),
            projected=tuple(self._effects),
            setups=tuple(self._setups),
            alternatives=tuple(_alternatives(first, steps)),
            n_evaluated=self._n_evaluated,
            obstacles=self._all_obstacles(first, steps),
            is_over_budget=self._wish.budget is not None and self._is_over(self._total()),
        )

    def _total(self) -> float:
        return self._other_cost + sum(effect.cost for effect in self._effects)

    def _is_over(self, total: float) -> bool:
        return total > self._cap * _SAME

    def _best(self) -> Option | None:
        """The option that helps the whole workload most, if one helps enough."""
        total, priority = self._total(), self._priority()
        wanted = [
            option
            for n in range(len(self._pools))
            if len(self._done[n]) < MAX_PER_POOL
            for option in self._options(n)
            if not self._why_not(option, priority, total)
        ]
        return min(wanted, key=lambda option: option.rank(priority), default=None)

    def _priority(self) -> Priority:
        # Too dear as it is: whatever else is wanted, it must become cheaper first.
        return "cost" if self._is_over(self._total()) else self._wish.priority

    def _why_not(self, option: Option, priority: Priority, total: float) -> str:
        """Why a possible option is not wanted; empty when it is."""
        if option.change == "model_size" and not self._wish.allows_smaller_model:
            return "need allow_smaller_model"
        if problem := option.why_not(priority):
            return problem
        if not self._is_over(total) and self._is_over(total - option.saving):
            return "cost more than they may"
        return ""

    def _all_obstacles(self, first: Sequence[Option], steps: Sequence[Option]) -> dict[str, int]:
        """With what speaks against possible options, where nothing at all was chosen."""
        found = Counter(self._obstacles)
        if not steps:
            priority, total = self._priority(), self._total()
            found.update(self._why_not(option, priority, total) for option in first)
        return dict(found.most_common())

    def _take(self, option: Option) -> None:
        n = option.pool
        self._setups[n], self._effects[n] = option.after_setup, option.after
        self._done[n] |= {option.change}
        del self._found[n]

    def _options(self, n: int) -> list[Option]:
        """The possible changes of a pool as it is now, evaluated once."""
        if n not in self._found:
            self._found[n] = list(self._evaluated(n))
        return self._found[n]

    def _evaluated(self, n: int) -> Iterator[Option]:
        pool, is_first = self._pools[n], not self._done[n]
        for candidate in candidates(pool, self._setups[n], self._done[n], self._catalogue):
            self._look()
            self._n_evaluated += 1
            try:
                option = self._option(n, candidate)
                problem = obstacle(pool, option, self._wish, self._catalogue)
            except Impossible:
                problem = "do not fit the GPUs or overload them"
            if not problem:
                yield option
            elif is_first:
                self._obstacles[problem] += 1

    def _option(self, n: int, candidate: Candidate) -> Option:
        after = evaluate(self._pools[n], candidate.setup, self._catalogue, fill=self._fill)
        return Option(
            pool=n,
            change=candidate.change,
            before_setup=self._setups[n],
            after_setup=candidate.setup,
            before=self._effects[n],
            after=after,
            is_other_vendor=self._vendor(self._setups[n]) != self._vendor(candidate.setup),
        )

    def _vendor(self, setup: Setup) -> str:
        gpu = self._catalogue.find(setup.gpu_type)
        return gpu.vendor if gpu is not None else ""


def _alternatives(first: Sequence[Option], steps: Sequence[Option]) -> list[Option]:
    """Options of the present setups that no other beats, without those that were chosen."""
    chosen = {(step.pool, step.change) for step in steps}
    good = []
    for n in sorted({option.pool for option in first}):
        better = [
            option
            for option in first
            if option.pool == n and (option.cost_ratio < 0.99 or option.time_ratio < 0.99)
        ]
        good += [option for option in pareto(better) if (n, option.change) not in chosen]
    best: dict[tuple[int, str], Option] = {}
    for option in sorted(good, key=lambda option: option.rank("balanced")):
        best.setdefault((option.pool, option.change), option)
    return list(best.values())[:MAX_ALTERNATIVES]
