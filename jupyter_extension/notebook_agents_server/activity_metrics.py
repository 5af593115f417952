"""Our own names for what the event log sums up to, as Prometheus wants them.

Names follow its rules: a base unit at the end, ``_total`` for what is counted. Labels have few
values: patterns of paths, models, statuses, and the tools of the deployment; the tools of people's
own servers are ``other``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from notebook_agents.core.activity import RUN_BOUNDS_S, WAIT_BOUNDS_S, Activity, Histogram

PREFIX = "notebook_agents"
SINCE = "in the event log of this home"
MOST_MODELS = 100
"""Models with a label of their own, in the order of their names."""
OTHER = "other"


def families(activity: Activity, tools: Collection[str]) -> Iterator[Metric]:
    """Every metric of ours."""
    yield from _of_requests(activity)
    yield from _of_runs(activity)
    yield from _of_models(activity)
    yield from _of_rest(activity, tools)


def _of_requests(activity: Activity) -> Iterator[Metric]:
    requests = {
        (kind.dialect, kind.method, kind.route, str(kind.status)): n
        for kind, n in activity.requests.items()
    }
    labels = ("dialect", "method", "route", "status")
    yield _counter("http_requests", f"Requests through any API {SINCE}", labels, requests.items())


def _of_runs(activity: Activity) -> Iterator[Metric]:
    ended = {(status,): n for status, n in activity.runs.items() if status != "running"}
    yield _counter("runs", f"Runs that ended {SINCE}", ("status",), ended.items())
    yield GaugeMetricFamily(
        f"{PREFIX}_runs_unfinished",
        f"Runs without an end {SINCE}: they wait, work, or await a person",
        value=activity.runs.get("running", 0),
    )
    yield _histogram(
        "run_duration_seconds",
        f"How long runs took that ended {SINCE}, with their waiting",
        activity.run_times,
        RUN_BOUNDS_S,
    )
    yield _histogram(
        "run_queue_seconds",
        f"How long runs {SINCE} waited for their conversation",
        activity.queue_times,
        WAIT_BOUNDS_S,
    )
    yield _histogram(
        "time_to_first_token_seconds",
        f"From the start of a run's first model call to its first token {SINCE}",
        activity.first_token_times,
        WAIT_BOUNDS_S,
    )


def _of_models(activity: Activity) -> Iterator[Metric]:
    names = sorted({model for _, model in activity.tokens})[:MOST_MODELS]
    tokens: Counter[tuple[str, ...]] = Counter()
    for (kind, model), n in activity.tokens.items():
        tokens[kind, _known(model, names)] += n
    yield _counter(
        "tokens", f"Tokens that models read and wrote {SINCE}", ("type", "model"), tokens.items()
    )
    costs = _by_model(activity.costs_usd, names)
    yield _counter(
        "cost_usd", f"What model calls cost {SINCE}, where known", ("model",), costs.items()
    )
    uncosted = _by_model(activity.uncosted_calls, names)
    words = f"Model calls {SINCE} whose cost nobody knows"
    yield _counter("uncosted_model_calls", words, ("model",), uncosted.items())


def _of_rest(activity: Activity, tools: Collection[str]) -> Iterator[Metric]:
    calls: Counter[tuple[str, ...]] = Counter()
    for (tool, status), n in activity.tool_calls.items():
        calls[_known(tool, tools), status] += n
    yield _counter(
        "tool_calls", f"Tool calls that ended {SINCE}", ("tool", "status"), calls.items()
    )
    attempts = {(status,): n for status, n in activity.webhook_attempts.items()}
    yield _counter(
        "webhook_attempts", f"Attempts to tell webhooks {SINCE}", ("status",), attempts.items()
    )
    yield _counter(
        "streams_closed",
        f"Sockets and streamed answers that were closed {SINCE}",
        ("transport", "reason"),
        activity.streams.items(),
    )


def _known(name: str, names: Collection[str]) -> str:
    return name if name in names else OTHER


def _by_model(figures: Mapping[str, float], names: Collection[str]) -> Mapping[tuple[str], float]:
    found: dict[tuple[str], float] = {}
    for model, figure in figures.items():
        key = (_known(model, names),)
        found[key] = found.get(key, 0) + figure
    return found


def _counter(
    name: str,
    words: str,
    labels: tuple[str, ...],
    figures: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}_{name}", words, labels=labels)
    for values, figure in sorted(figures):
        family.add_metric(values, figure)
    return family


def _histogram(
    name: str, words: str, found: Histogram, bounds_s: tuple[float, ...]
) -> HistogramMetricFamily:
    n, buckets = 0, []
    for bound in (*bounds_s, math.inf):
        n += found.counts.get(bound, 0)
        buckets.append(("+Inf" if math.isinf(bound) else str(bound), float(n)))
    return HistogramMetricFamily(f"{PREFIX}_{name}", words, buckets=buckets, sum_value=found.sum_s)
