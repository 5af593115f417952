"""Spans and histograms over OTLP (protobuf over HTTP), with OpenTelemetry's own exporter.

The only file that knows OpenTelemetry's SDK. The SDK's settings of the environment hold here too,
such as ``OTEL_EXPORTER_OTLP_HEADERS``, ``…_CERTIFICATE`` and ``OTEL_RESOURCE_ATTRIBUTES``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from notebook_agents.telemetry.measures import MEASURES, Histograms, Measure, Series
from notebook_agents.telemetry.spans import Span, nanoseconds

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

Outcome: TypeAlias = Literal["taken", "refused", "too_large", "failed"]
"""``refused``: sent again it would be refused again; ``too_large``: a part of it may be taken;
``failed``: it may be taken later."""
SCOPE = InstrumentationScope("notebook_agents")
SERVICE = "notebook-agents"
TIMEOUT_S = 10.0
KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}
PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
    }
)
"""Answers after which the same may be taken later, once an address or a header was mended."""


class Collector:
    """A collector at one address; its methods block and are called on threads."""

    def __init__(self, endpoint: str, version: str) -> None:
        """Empty ``endpoint`` is what the environment says."""
        _hush()
        self._session = _Session()
        self._session.hooks["response"].append(self._remember)
        self._status = 0
        root = endpoint.rstrip("/")
        shared: dict[str, Any] = {"session": self._session}
        self._spans = OTLPSpanExporter(f"{root}/v1/traces" if root else None, **shared)
        self._metrics = OTLPMetricExporter(f"{root}/v1/metrics" if root else None, **shared)
        # What the environment says of the service comes before what is said here.
        named = Resource({"service.name": SERVICE, "service.version": version})
        said = {k: v for k, v in Resource.create().attributes.items() if not _is_unknown(k, v)}
        self._resource = named.merge(Resource(said))

    def send_spans(self, spans: Sequence[Span]) -> Outcome:
        """Tell of spans; tries again for a while by itself."""
        self._begin()
        made = [self._made(span) for span in spans]
        return self._outcome(is_taken=self._spans.export(made) is SpanExportResult.SUCCESS)

    def send_histograms(self, histograms: Histograms, since: datetime) -> Outcome:
        """Tell all sums since a moment."""
        self._begin()
        times = (nanoseconds(since), time.time_ns())
        metrics = [made for measure in MEASURES if (made := _metric(measure, histograms, times))]
        if not metrics:
            return "taken"
        scoped = ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url="")
        data = MetricsData([ResourceMetrics(self._resource, [scoped], "")])
        return self._outcome(is_taken=self._metrics.export(data) is MetricExportResult.SUCCESS)

    def problem(self) -> str:
        """What the last answer was, in words without address and headers."""
        return f"it answered {self._status}" if self._status else "it could not be reached"

    def close(self) -> None:
        """End what is being tried."""
        self._spans.shutdown()  # type: ignore[no-untyped-call]
        self._metrics.shutdown()
        self._session.close()

    def _begin(self) -> None:
        self._status = self._session.n_sent = 0

    def _remember(self, response: requests.Response, **_: Any) -> None:
        self._status = response.status_code

    def _outcome(self, *, is_taken: bool) -> Outcome:
        if is_taken:
            return "taken"
        if self._status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or not self._session.n_sent:
            return "too_large"  # the SDK does not even try with more than its own limit
        is_final = HTTPStatus.BAD_REQUEST <= self._status < HTTPStatus.INTERNAL_SERVER_ERROR
        return "refused" if is_final and self._status not in PASSING else "failed"

    def _made(self, span: Span) -> ReadableSpan:
        parent = _context(span.trace_id, span.parent_id) if span.parent_id else None
        status = Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET)
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=parent,
            resource=self._resource,
            attributes=_values(span.attributes),
            kind=KINDS[span.kind],
            status=status,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=SCOPE,
        )


class _Session(requests.Session):
    """Counts what it is to send."""

    n_sent = 0

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """Send it, and count it also where that fails."""
        self.n_sent += 1
        return super().request(*args, **options)


def _hush() -> None:
    """Keep the exporters' own words to themselves: they may show headers, with each try."""
    for exporter in (OTLPSpanExporter, OTLPMetricExporter):
        logging.getLogger(exporter.__module__).disabled = True


def _is_unknown(name: str, value: AttributeValue) -> bool:
    return name == "service.name" and str(value).startswith("unknown_service")


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags.get_default())


def _values(attributes: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Attributes that can be encoded whatever is in a text; one that cannot would hold up all."""
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in attributes.items()
    }


def _metric(measure: Measure, histograms: Histograms, times: tuple[int, int]) -> Metric | None:
    points = [
        _point(measure, dict(dimensions), series, times)
        for (name, dimensions), series in histograms.series.items()
        if name == measure.name
    ]
    if not points:
        return None
    data = Histogram(points, AggregationTemporality.CUMULATIVE)
    return Metric(name=measure.name, description=measure.about, unit=measure.unit, data=data)


def _point(
    measure: Measure, dimensions: Mapping[str, str], series: Series, times: tuple[int, int]
) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=dimensions,
        start_time_unix_nano=times[0],
        time_unix_nano=times[1],
        count=series.n,
        sum=series.total,
        bucket_counts=series.counts,
        explicit_bounds=measure.bounds,
        min=series.least,
        max=series.most,
    )
