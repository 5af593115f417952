"""What Prometheus is told, in its own terms; one per server.

The numbers join those of Jupyter in the registry of the process while the server runs, so that one
page shows both. Requests are counted by the pattern of their path, never by the path itself: a
path is a stranger's text, and each would be a series of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters(Collector):
    """Counts requests, and knows two figures of the system."""

    def __init__(self) -> None:
        self.n_active_agents = 0
        self.health_score = 0.0
        """Between 0 and 1."""
        self._requests: Counter[tuple[str, str]] = Counter()
        self._is_public = False

    def count(self, method: str, endpoint: str) -> None:
        """Count a request to a pattern of paths."""
        if method in VERBS:
            self._requests[method, endpoint] += 1

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
        requests = CounterMetricFamily(
            "aimos_requests", "Total HTTP requests", labels=("method", "endpoint")
        )
        for labels, n in sorted(self._requests.items()):
            requests.add_metric(labels, n)
        yield requests
        yield GaugeMetricFamily(
            "aimos_active_agents", "Number of active agents", value=self.n_active_agents
        )
        yield GaugeMetricFamily(
            "aimos_system_health_score", "Overall system health score", value=self.health_score
        )

    def text(self) -> bytes:
        """These metrics alone, as Prometheus reads them."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)
