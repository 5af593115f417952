"""What Prometheus is told, in its own terms; one per server.

The numbers join those of Jupyter in the registry of the process while the server runs, so that one
page shows both. Requests are counted by the pattern of their path, never by the path itself: a
path is a stranger's text, and each would be a series of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


SESSIONS_API = "agent_api"
"""The dialect whose document names ``api_requests_total`` and ``sessions_total``; the requests to
patterns of all others are AIMOS's ``aimos_requests_total``."""


def _today() -> date:
    return datetime.now(UTC).date()


class Meters(Collector):
    """Counts requests, and knows some figures of the system."""

    def __init__(self, today: Callable[[], date] = _today) -> None:
        self.n_active_agents = 0
        self.health_score = 0.0
        """Between 0 and 1."""
        self.sessions: Mapping[str, int] = {}
        """How many conversations are in each state."""
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._today = today
        self._day = today()
        self._n_of_day = 0
        self._is_public = False

    def count(self, method: str, endpoint: str, dialect: str = "") -> None:
        """Count a request to a pattern of paths."""
        if method in VERBS:
            self._requests[dialect, method, endpoint] += 1
            self._n_of_day = self.n_today + 1

    @property
    def n_today(self) -> int:
        """Requests that this process counted since midnight in UTC."""
        if self._day != (day := self._today()):
            self._day, self._n_of_day = day, 0
        return self._n_of_day

    def publish(self) -> None:
        """Join the registry of the process."""
        if not self._is_public:
            REGISTRY.register(self)
            self._is_public = True

    def withdraw(self) -> None:
        """Leave the registry of the process."""
        if self._is_public:
            REGISTRY.unregister(self)
            self._is_public = False

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: another server of this process may have the same names."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        yield from self._aimos()
        yield from self._sessions()

    def _aimos(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "aimos_requests", "Total HTTP requests", labels=("method", "endpoint")
        )
        totals: Counter[tuple[str, str]] = Counter()
        for (dialect, method, endpoint), n in self._requests.items():
            if dialect != SESSIONS_API:
                totals[method, endpoint] += n
        for labels, n in sorted(totals.items()):
            requests.add_metric(labels, n)
        yield requests
        yield GaugeMetricFamily(
            "aimos_active_agents", "Number of active agents", value=self.n_active_agents
        )
        yield GaugeMetricFamily(
            "aimos_system_health_score", "Overall system health score", value=self.health_score
        )

    def _sessions(self) -> Iterator[Metric]:
        # The document types it a counter although it can fall; a scrape finds what is there.
        sessions = CounterMetricFamily("sessions", "Total number of sessions", labels=("status",))
        for state, n in sorted(self.sessions.items()):
            sessions.add_metric((state,), n)
        yield sessions
        requests = CounterMetricFamily(
            "api_requests", "Total API requests", labels=("method", "path")
        )
        for (dialect, method, path), n in sorted(self._requests.items()):
            if dialect == SESSIONS_API:
                requests.add_metric((method, path), n)
        yield requests

    def text(self) -> bytes:
        """AIMOS's metrics alone, as Prometheus reads them."""
        return _text(self._aimos())

    def session_text(self) -> bytes:
        """The metrics of sessions and the requests to their API alone."""
        return _text(self._sessions())


class _Some(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _text(metrics: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Some(metrics))
    return generate_latest(registry)
