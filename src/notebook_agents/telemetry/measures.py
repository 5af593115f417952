"""Histograms over spans, with the names and the buckets of OpenTelemetry's conventions.

They count from the moment a log was first told of and are kept with the place up to which it was
read. So a process that is killed and begins again tells the same sums, never one too many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_agents.telemetry.attributes import ERROR, OPERATION, OTEL, PROVIDER, WORKFLOW_NAME

if TYPE_CHECKING:
    from notebook_agents.telemetry.spans import Span

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Bounds of the conventions for times."""
TOKENS = tuple(4**n for n in range(14))
"""And for counts of tokens: from 1 to 67,108,864."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One histogram of the conventions."""

    name: str
    unit: str
    about: str
    bounds: tuple[float, ...] = SECONDS


MEASURES = (
    Measure(
        name="gen_ai.client.token.usage",
        unit="{token}",
        about="Number of input and output tokens used.",
        bounds=TOKENS,
    ),
    Measure(name="gen_ai.client.operation.duration", unit="s", about="GenAI operation duration."),
    Measure(
        name="gen_ai.client.operation.time_to_first_chunk",
        unit="s",
        about="Time to receive the first chunk.",
    ),
    Measure(name="gen_ai.execute_tool.duration", unit="s", about="Duration of a tool call."),
    Measure(name="gen_ai.invoke_agent.duration", unit="s", about="Duration of a run."),
    Measure(name="gen_ai.workflow.duration", unit="s", about="Duration of a workflow or a task."),
)
BOUNDS = {measure.name: measure.bounds for measure in MEASURES}
DURATIONS = {
    "chat": "gen_ai.client.operation.duration",
    "execute_tool": "gen_ai.execute_tool.duration",
    "invoke_agent": "gen_ai.invoke_agent.duration",
    "invoke_workflow": "gen_ai.workflow.duration",
}
"""By the kind of a span, what its duration counts for."""
DIMENSIONS = (OPERATION, PROVIDER, OTEL["model"], OTEL["tool_name"], WORKFLOW_NAME, ERROR)
"""Attributes by which the histograms are told apart: few values each, and nobody's ids."""
MAX_SERIES = 2000
"""Beyond this, further ones are counted together: names of models and tools can be anybody's."""
Dimensions = tuple[tuple[str, str], ...]
OVERFLOW: Dimensions = (("otel.metric.overflow", "true"),)


@dataclass(slots=True, kw_only=True)
class Series:
    """A histogram for one combination of attributes."""

    counts: list[int]
    """By bucket; one more than there are bounds."""
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    @property
    def n(self) -> int:
        """How many values."""
        return sum(self.counts)

    def add(self, value: float, bounds: tuple[float, ...]) -> None:
        """Count a value; a bound belongs to the bucket below it."""
        self.counts[bisect_left(bounds, value)] += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)


@dataclass(slots=True)
class Histograms:
    """All of them, by name and attributes."""

    series: dict[tuple[str, Dimensions], Series] = field(default_factory=dict)
    changed: set[tuple[str, Dimensions]] = field(default_factory=set)
    """Since they were kept."""

    def count(self, spans: Iterable[Span]) -> None:
        """Take spans in."""
        for span in spans:
            for name, value, dimensions in measured(span):
                key = (name, dimensions)
                if key not in self.series and len(self.series) >= MAX_SERIES:
                    key = (name, OVERFLOW)
                bounds = BOUNDS[name]
                found = self.series.setdefault(key, Series(counts=[0] * (len(bounds) + 1)))
                found.add(value, bounds)
                self.changed.add(key)


def measured(span: Span) -> Iterator[tuple[str, float, Dimensions]]:
    """What a span counts for: the name of the histogram, the value, the attributes."""
    said = span.attributes
    operation = str(said.get(OPERATION, ""))
    if operation not in DURATIONS:
        return
    dimensions = tuple((name, str(said[name])) for name in DIMENSIONS if name in said)
    yield DURATIONS[operation], span.seconds, dimensions
    if operation == "chat":
        yield from _of_model(said, dimensions)


def _of_model(
    said: Mapping[str, Any], dimensions: Dimensions
) -> Iterator[tuple[str, float, Dimensions]]:
    for kind in ("input", "output"):
        if (n := said.get(OTEL[f"{kind}_tokens"])) is not None:
            yield "gen_ai.client.token.usage", n, (*dimensions, ("gen_ai.token.type", kind))
    if (seconds := said.get(OTEL["ttft_ms"])) is not None:
        yield "gen_ai.client.operation.time_to_first_chunk", seconds, dimensions
