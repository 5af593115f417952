"""One run, looked into: its stretches of time on one clock, in words, and its events in rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from notebook_agents.dashboards.figures import PHASES, frame, literal, series
from notebook_agents.dashboards.run_phases import dominant, offset_ms, totals

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.runs import Run
    from notebook_agents.dashboards.run_phases import Span

MAX_ABOUT = 120
"""Characters of what is told of one event."""


def timeline(found: Sequence[Span]) -> dict[str, Any]:
    """Spans as bars on one clock, one colour for each phase: a plotly figure as JSON."""
    data = []
    for number, phase in enumerate(PHASES):
        mine = [span for span in found if span.phase == phase]
        if mine:
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": phase,
                    "base": [round(span.start_ms / 1000, 4) for span in mine],
                    "x": [round(span.duration_ms / 1000, 4) for span in mine],
                    "y": [span.name for span in mine],
                    "marker": series(number),
                }
            )
    names = list(dict.fromkeys(span.name for span in found))
    layout = frame("seconds since the run was accepted", is_flat=True, height=120 + 24 * len(names))
    layout["barmode"] = "overlay"
    layout["yaxis"] |= {"categoryorder": "array", "categoryarray": names}
    figure: dict[str, Any] = literal({"data": data, "layout": layout})
    return figure


def verdict(events: Sequence[Event]) -> str:
    """The phase that took most of the time, in a sentence; empty where no time was measured."""
    sums = totals(events)
    if not sums:
        return ""
    phase, longest = next(iter(sums.items()))
    return dominant(phase, f"{longest / 1000:.3f} s ({longest / sum(sums.values()):.0%})")


def words(run: Run, events: Sequence[Event]) -> str:
    """In a sentence: how the run ended and which phase took most of its time."""
    ended = f"{run.state} after {run.duration_ms / 1000:.2f} s" if run.is_final else run.state
    begun = f"{run.created_at:%Y-%m-%d %H:%M:%S %Z}"
    told = f"{run.model} · {ended} · {begun} · {len(events)} events"
    if run.error_message:
        told += f" · {run.error_message}"
    said = verdict(events)
    return f"{told}. {said}" if said else told


def event_rows(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Each event with its number, its time after the first, and the first thing it has to say."""
    return [
        {
            "event": number,
            "seconds": round(offset_ms(event, events[0].ts) / 1000, 3),
            "type": event.type,
            "about": _about(event),
        }
        for number, event in enumerate(events, start=1)
    ]


def _about(event: Event) -> str:
    """The first thing that a body has to say of itself."""
    body: Any = event.body
    parts = [getattr(body, name, "") for name in ("name", "model", "status", "state", "reason")]
    parts += [getattr(body, name, "") for name in ("text", "message", "content", "error_message")]
    told = " · ".join(" ".join(str(part).split()) for part in parts if part)
    return told if len(told) <= MAX_ABOUT else f"{told[: MAX_ABOUT - 1]}…"
