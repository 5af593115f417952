"""What Prometheus is told, in its own terms; one per server.

What is counted is counted from the event log, for all servers of a home since the log began.

The numbers join those of Jupyter in the registry of the process while the server runs, so that one
page shows both. Requests are counted by the pattern of their path, never by the path itself: a
path is a stranger's text, and each would be a series of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from notebook_agents.core.activity import Activity
from notebook_agents_server.activity_metrics import families

SESSIONS_API = "agent_api"
"""The dialect whose document names ``api_requests_total`` and ``sessions_total``."""
SYSTEM_API = "aimos"
"""The one whose document names ``aimos_requests_total``."""


class Meters(Collector):
    """The figures of the moment at which somebody last asked."""

    def __init__(self) -> None:
        self.n_active_agents = 0
        self.health_score = 0.0
        """Between 0 and 1."""
        self.sessions: Mapping[str, int] = {}
        """How many conversations are in each state."""
        self.activity = Activity()
        """What the event log sums up to."""
        self.tools: Collection[str] = ()
        """Of the deployment; others are people's own, and their names no labels."""
        self.n_lost = 0
        """Observations that could not be recorded."""
        self.n_unread = 0
        """Attempts to sum up the event log that failed."""
        self._is_public = False

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
        yield from families(self.activity, self.tools)
        lost = CounterMetricFamily(
            "notebook_agents_observations_lost",
            "Attempts of this process to record what it does that failed, as on a full disk",
        )
        lost.add_metric((), self.n_lost)
        yield lost
        unread = CounterMetricFamily(
            "notebook_agents_figures_failed",
            "Attempts of this process to sum up the event log that failed; its sums are older then",
        )
        unread.add_metric((), self.n_unread)
        yield unread

    def _requests(self, dialect: str) -> list[tuple[tuple[str, str], int]]:
        found: Counter[tuple[str, str]] = Counter()
        for kind, n in self.activity.requests.items():
            if kind.dialect == dialect:
                found[kind.method, kind.route] += n
        return sorted(found.items())

    def _aimos(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "aimos_requests", "Total HTTP requests", labels=("method", "endpoint")
        )
        for labels, n in self._requests(SYSTEM_API):
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
        for labels, n in self._requests(SESSIONS_API):
            requests.add_metric(labels, n)
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
