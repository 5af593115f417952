"""Where the time of one run went, from its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    ModelFinished,
    RunFinished,
    RunStarted,
    ToolFinished,
)

if TYPE_CHECKING:
    from notebook_agents.core.events import Event

OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of time of a run."""

    phase: str
    """One of `figures.PHASES`; what is left of the whole run is `OTHER`."""
    name: str
    start_ms: float
    """Since the first event."""
    duration_ms: float


def spans(events: Sequence[Event]) -> list[Span]:
    """What the run did when, in order; only stretches that took any time."""
    if not events:
        return []
    found = [span for span in _spans(events) if span.duration_ms > 0]
    return sorted(found, key=lambda span: span.start_ms)


def totals(events: Sequence[Event]) -> dict[str, float]:
    """Milliseconds by phase, the longest first; of a run that ended at least the whole run.

    Tools that work at the same time count each. What no phase tells of is other: writing down,
    saving for undo, ways between processes. The view ``v_run_phases`` tells the same.
    """
    sums: dict[str, float] = {}
    for phase, duration in _durations(spans(events)):
        sums[phase] = sums.get(phase, 0.0) + duration
    whole = sum(event.body.duration_ms for event in events if isinstance(event.body, RunFinished))
    if (rest := whole - sum(sums.values())) > 0:
        sums[OTHER] = rest
    return dict(sorted(sums.items(), key=lambda each: -each[1]))


def dominant(phase: str, amount: str) -> str:
    """That most of a time went there, in a sentence."""
    return f"Most of the time went into {'other work' if phase == OTHER else phase}: {amount}."


def offset_ms(event: Event, began: datetime) -> float:
    """How long after a moment it happened."""
    return (event.ts - began).total_seconds() * 1000


def _durations(found: Sequence[Span]) -> Iterator[tuple[str, float]]:
    """Of each span by its phase; a person who is asked several things at once waits once."""
    waits: dict[float, float] = {}
    for span in found:
        if span.phase == "person":
            longest = waits.get(span.start_ms, 0.0)
            waits[span.start_ms] = max(longest, span.duration_ms)
        else:
            yield span.phase, span.duration_ms
    for duration in waits.values():
        yield "person", duration


def _spans(events: Sequence[Event]) -> Iterator[Span]:
    began = events[0].ts
    asked: dict[str, tuple[str, float]] = {}
    for event in events:
        at = offset_ms(event, began)
        match event.body:
            case RunStarted() as body:
                # A run is created a little before its first event, from which the clock goes.
                start = max(0.0, at - body.queue_ms)
                yield Span(phase="queue", name="queue", start_ms=start, duration_ms=body.queue_ms)
            case ModelFinished() as body:
                yield from _model(body, at)
            case ToolFinished() as body:
                start = max(0.0, at - body.duration_ms)
                yield Span(
                    phase="tools", name=body.name, start_ms=start, duration_ms=body.duration_ms
                )
            case ApprovalRequested() as body:
                asked[body.call_id] = (body.name, at)
            case ApprovalDecided() as body if body.call_id in asked:
                name, start = asked.pop(body.call_id)
                word = "allowed" if body.is_approved else "denied"
                label = f"{name} {word}"
                yield Span(phase="person", name=label, start_ms=start, duration_ms=at - start)
            case RunFinished():
                for name, start in asked.values():
                    label = f"{name} unanswered"
                    yield Span(phase="person", name=label, start_ms=start, duration_ms=at - start)


def _model(body: ModelFinished, at: float) -> Iterator[Span]:
    """The parts of a model step, one after another up to its end."""
    rest = body.duration_ms - body.queue_ms - body.ttft_ms - body.decode_ms
    parts = {
        "queue": body.queue_ms,
        "load": max(0.0, rest),
        "prefill": body.ttft_ms,
        "decode": body.decode_ms,
    }
    start = at - sum(parts.values())
    for phase, duration in parts.items():
        label = f"step {body.step}: {phase}"
        yield Span(phase=phase, name=label, start_ms=max(0.0, start), duration_ms=duration)
        start += duration
