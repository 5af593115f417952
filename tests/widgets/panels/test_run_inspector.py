"""The run inspector shows one run from its events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from notebook_agents.core.errors import NotFound
from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    EventBody,
    ModelFinished,
    RunFinished,
    RunQueued,
    RunStarted,
    ToolFinished,
)
from notebook_agents.dashboards.inspection import timeline, verdict
from notebook_agents.dashboards.run_phases import spans, totals
from notebook_agents.magics.errors import AgentError
from notebook_agents.testing import call
from notebook_agents.widgets.run_inspector import RunInspector

if TYPE_CHECKING:
    from tests.widgets.panels.panel_shell import PanelShell

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def at(ms: float, body: EventBody) -> Event:
    return Event(id=str(ms), ts=BEGAN + timedelta(milliseconds=ms), body=body)


EVENTS = [
    at(0, RunQueued(model="m")),
    at(100, RunStarted(queue_ms=100)),
    at(1100, ModelFinished(step=1, model="m", queue_ms=50, ttft_ms=150, decode_ms=300,
                           duration_ms=1000)),
    at(1100, ApprovalRequested(call_id="c", name="shell")),
    at(6100, ApprovalDecided(call_id="c", is_approved=True)),
    at(6300, ToolFinished(call_id="c", name="shell", status="succeeded", duration_ms=200)),
]  # fmt: skip


def test_each_phase_is_measured_from_the_events() -> None:
    assert {phase: round(ms) for phase, ms in totals(EVENTS).items()} == {
        "person": 5000, "load": 500, "decode": 300, "tools": 200, "prefill": 150, "queue": 150
    }  # fmt: skip
    assert spans([]) == []


def test_what_no_phase_tells_of_is_other_and_shares_are_of_the_whole_run() -> None:
    ended = [*EVENTS, at(16300, RunFinished(state="succeeded", duration_ms=16300))]
    sums = totals(ended)
    assert (next(iter(sums)), round(sums["other"]), round(sum(sums.values()))) == (
        "other", 10_000, 16_300
    )  # fmt: skip
    assert verdict(ended) == "Most of the time went into other work: 10.000 s (61%)."
    assert "other" not in totals([*EVENTS, at(6300, RunFinished(state="succeeded"))])


def test_the_timeline_has_one_colour_and_pattern_for_each_phase() -> None:
    traces = timeline(spans(EVENTS))["data"]
    assert [trace["name"] for trace in traces] == [
        "queue", "load", "prefill", "decode", "tools", "person"
    ]  # fmt: skip
    looks = {(t["marker"]["color"], t["marker"]["pattern"]["shape"]) for t in traces}
    assert len(looks) == 6
    person = traces[-1]
    assert (person["base"], person["x"], person["y"]) == ([1.1], [5.0], ["shell allowed"])


def test_the_slider_plays_the_transcript_up_to_an_event(panels: PanelShell) -> None:
    panels.engine.script += [call("python_executor", code="6*7"), "It is 42."]
    answer = panels.run("%agent six times seven")
    inspector = answer.inspect()
    assert inspector.run.id == answer.run_id
    last = inspector.transcript.outputs[0]["data"]["text/markdown"]
    assert "It is 42." in last
    started = next(n for n, e in enumerate(inspector.events, 1) if e.type == "tool_started")
    inspector.slider.value = started
    then = inspector.transcript.outputs[0]["data"]["text/markdown"]
    assert "It is 42." not in then
    assert "Running python" in then
    assert f"Event {started} of {len(inspector.events)}" in inspector.told_at.value
    assert inspector.timeline.figure["data"]
    assert "python_executor" in inspector.timeline.label
    inspector.slider.value = 0
    assert "nothing yet" in inspector.told_at.value


def test_the_dominant_phase_is_named(panels: PanelShell) -> None:
    panels.run("%agent hi")
    inspector = panels.run("%agent inspect")
    assert "Most of the time went into" in inspector.verdict.value
    assert "Most of the time went into" in inspector.as_text()
    assert "run_finished" in inspector.as_html()


def test_a_run_is_found_by_the_beginning_of_its_id(panels: PanelShell) -> None:
    answer = panels.run("%agent hi")
    assert panels.run(f"%agent inspect {answer.run_id}").run.id == answer.run_id
    with pytest.raises(NotFound):
        RunInspector(panels.session, "nothere")


def test_without_a_run_it_says_what_to_do(panels: PanelShell) -> None:
    with pytest.raises(AgentError, match="ask something"):
        panels.run("%agent inspect")
