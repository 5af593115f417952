"""What was done since the log began, in sums: what Prometheus and administrators are told.

They are counted from the log and not in a process, so they hold for all servers of a home, survive
their restarts, and fall only when events are removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

RUN_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds of the buckets of how long runs took; a last one is without end."""
WAIT_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The same of waiting: for a turn, and for the first token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKind:
    """What requests are counted by; never the path itself, which is a stranger's text."""

    dialect: str
    method: str
    route: str
    """The pattern of the path."""
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How often a time was how long."""

    counts: Mapping[float, int] = field(default_factory=dict)
    """By the upper bound of a bucket, those in it alone; beyond the last bound, by infinity."""
    sum_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Sums over the whole log."""

    requests: Mapping[RequestKind, int] = field(default_factory=dict)
    n_requests_today: int = 0
    """Since midnight in UTC, through any API."""
    runs: Mapping[str, int] = field(default_factory=dict)
    """By status; ``running`` are those without an end."""
    run_times: Histogram = field(default_factory=Histogram)
    queue_times: Histogram = field(default_factory=Histogram)
    first_token_times: Histogram = field(default_factory=Histogram)
    tokens: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By kind (``input``, ``output``) and model."""
    costs_usd: Mapping[str, float] = field(default_factory=dict)
    """By model, as far as it is known."""
    uncosted_calls: Mapping[str, int] = field(default_factory=dict)
    """Calls of models whose cost nobody knows."""
    tool_calls: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By tool and status."""
    webhook_attempts: Mapping[str, int] = field(default_factory=dict)
    """By how they ended."""
    streams: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Closed ones, by transport and reason."""

    def with_requests(self, further: Mapping[RequestKind, int]) -> Activity:
        """These with requests of today that are not in the log yet."""
        requests = Counter(self.requests)
        requests.update(further)
        n_today = self.n_requests_today + sum(further.values())
        return replace(self, requests=requests, n_requests_today=n_today)
