"""From the events of a run to spans, by OpenTelemetry's conventions for generative AI.

A span needs nothing but events, and its ids are made of theirs: told twice it is the same span. Of
what somebody wrote nothing is told, unless a deployment wants content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    CellFinished,
    CellStarted,
    Event,
    ExecutionFinished,
    ModelFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    ToolFinished,
    ToolStarted,
    WorkflowStepFinished,
    WorkflowStepStarted,
)
from notebook_agents.telemetry import attributes
from notebook_agents.telemetry.attributes import ERROR, Said, Told, Value

TOLD_TYPES = frozenset(
    {
        "run_queued",
        "run_started",
        "model_started",
        "model_finished",
        "tool_started",
        "tool_finished",
        "approval_requested",
        "approval_decided",
        "workflow_step_started",
        "workflow_step_finished",
        "run_finished",
        "execution_queued",
        "cell_started",
        "cell_finished",
        "execution_finished",
    }
)
"""Types of events that spans are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that began and ended."""

    trace_id: int
    span_id: int
    parent_id: int | None = None
    name: str
    kind: Literal["internal", "client"] = "internal"
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def error(self) -> str:
        """The type of its error; empty where it went well."""
        return str(self.attributes.get(ERROR, ""))


def group_of(event: Event) -> str:
    """What an event belongs to: a run, an execution, or a direct call of a tool."""
    if event.run_id:
        return event.run_id
    return getattr(event.body, "execution_id", "") or getattr(event.body, "call_id", "")


def is_begin(event: Event) -> bool:
    """Whether nothing of what the event belongs to came before."""
    is_direct = event.type == "tool_started" and not event.run_id
    return is_direct or event.type in ("run_queued", "execution_queued")


def is_end(event: Event) -> bool:
    """Whether nothing more comes of what the event belongs to."""
    is_direct = event.type == "tool_finished" and not event.run_id
    return is_direct or event.type in ("run_finished", "execution_finished")


def spans_of(events: Sequence[Event], told: Told) -> list[Span]:
    """The spans of all events of one run, one execution or one direct call.

    They come in the order of their beginnings, and a root before what is in it.
    """
    if not events:
        return []
    making = _Making(events, told)
    for event in events:
        making.take(event)
    return sorted(making.spans, key=lambda span: (span.start_ns, span.span_id != making.root_id))


def number_of(kind: str, id: str, *, n_bytes: int = 8) -> int:
    """An id of OpenTelemetry made of one of ours; never 0."""
    digest = hashlib.sha256(f"{kind} {id}".encode()).digest()
    return int.from_bytes(digest[:n_bytes]) or 1


def nanoseconds(at: datetime) -> int:
    """A moment since 1970, without the error of floats."""
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000


class _Making:
    """Spans that were begun, by what they are about."""

    def __init__(self, events: Sequence[Event], told: Told) -> None:
        self.spans: list[Span] = []
        self._told = told
        self._first, self._last = events[0], events[-1]
        group = group_of(self._first)
        self.root_id = number_of("root", group)
        # A run of a task's notebook is a part of the execution, and found in its trace.
        body = self._first.body
        execution = body.execution_id if isinstance(body, RunQueued) else ""
        self._trace_id = number_of("trace", execution or group, n_bytes=16)
        self._above = number_of("root", execution) if execution else None
        self._queue_ms = 0.0
        self._open: dict[str, Event] = {}

    def take(self, event: Event) -> None:
        """Go on with the next event."""
        match event.body:
            case RunStarted() as body:
                self._queue_ms = body.queue_ms
            case ModelStarted() as body:
                self._open[f"model {body.step}"] = event
            case ModelFinished() as body:
                self._end(f"model {body.step}", event, attributes.of_model(body, self._told))
            case RunFinished() as body:
                self._break_off(body.error_code or body.state)
                queued = self._first.body if isinstance(self._first.body, RunQueued) else None
                self._end_all(attributes.of_run(body, queued, self._queue_ms, self._told))
            case ExecutionFinished() as body:
                self._break_off(body.error_code or body.state)
                self._end_all(attributes.of_execution(body))
            case _:
                self._take_call(event)

    def _take_call(self, event: Event) -> None:
        match event.body:
            case ToolStarted() as body:
                self._open[f"tool {body.call_id}"] = event
            case ToolFinished() as body:
                key = f"tool {body.call_id}"
                begun = self._open.get(key)
                started = begun.body if begun and isinstance(begun.body, ToolStarted) else None
                self._end(key, event, attributes.of_tool(body, started, self._told))
            case ApprovalRequested() as body:
                self._open[f"approval {body.call_id}"] = event
            case ApprovalDecided() as body:
                key = f"approval {body.call_id}"
                if asked := self._open.get(key):  # what the policy decides was never asked
                    self._end(key, event, attributes.of_approval(asked, event, body))
            case _:
                self._take_step(event)

    def _take_step(self, event: Event) -> None:
        match event.body:
            case WorkflowStepStarted() as body:
                self._open[f"step {body.step}"] = event
            case WorkflowStepFinished() as body:
                self._end(f"step {body.step}", event, (f"step {body.step}", {}))
            case CellStarted() as body:
                self._open[f"cell {body.cell_index}"] = event
            case CellFinished() as body:
                self._end(f"cell {body.cell_index}", event, attributes.of_cell(body))
            case _:
                pass

    def _break_off(self, error_type: str) -> None:
        """End what never ended, with the error of the whole."""
        for key, begun in list(self._open.items()):
            name, said = attributes.of_begun(begun, self._told)
            self._end(key, replace(begun, ts=self._last.ts), (name, {**said, ERROR: error_type}))

    def _end(self, key: str, event: Event, said: Said) -> None:
        begun = self._open.pop(key, None)
        if not event.run_id and isinstance(event.body, ToolFinished):
            self._end_all(said)
        else:
            number = number_of("span", (begun or event).id)
            self.spans.append(self._span(number, begun, event, said))

    def _end_all(self, said: Said) -> None:
        first = self._first if is_begin(self._first) else None
        self.spans.append(self._span(self.root_id, first, self._last, said))

    def _span(self, number: int, begun: Event | None, event: Event, said: Said) -> Span:
        name, named = said
        end = nanoseconds(event.ts)
        duration_ms: float = getattr(event.body, "duration_ms", 0.0)
        start = nanoseconds(begun.ts) if begun else end - int(duration_ms * 1e6)
        return Span(
            trace_id=self._trace_id,
            span_id=number,
            parent_id=self._above if number == self.root_id else self.root_id,
            name=name,
            kind="client" if isinstance(event.body, ModelStarted | ModelFinished) else "internal",
            start_ns=start,
            end_ns=max(start, end),
            attributes={**attributes.of_place(event), **named},
        )
