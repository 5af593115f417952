"""What a run is in spans: names of the conventions, ids that stay, and no content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.telemetry.conftest import ANN, events_of, start

from notebook_agents.core.content_fields import content_fields
from notebook_agents.core.core import Core
from notebook_agents.core.event_columns import EVENT_COLUMNS
from notebook_agents.core.events import (
    CellFinished,
    CellStarted,
    Event,
    EventBody,
    ExecutionFinished,
    ExecutionQueued,
    ModelFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    ToolFinished,
    ToolStarted,
)
from notebook_agents.core.models import Usage
from notebook_agents.core.policy import MODES
from notebook_agents.core.runs import ApprovalDecision
from notebook_agents.telemetry.attributes import Told
from notebook_agents.telemetry.measures import BOUNDS, Histograms, measured
from notebook_agents.telemetry.spans import Span, spans_of
from notebook_agents.testing import FakeClock, ScriptedTools, call

MakeCore = Callable[..., Core]
TOLD = Told(agent="Analyst", providers={"notebook-agents/tiny": "notebook-agents"})
SECRET_WORDS = ("my question", "import this", "ran import", "all done")


def run_code(code: str) -> str:
    """Run code."""
    return f"ran {code}"


def tools(effect: str = "read") -> ScriptedTools:
    return ScriptedTools({"live": run_code}, effects={"live": effect})  # type: ignore[dict-item]


async def events(make_core: MakeCore, *script: Any, effect: str = "read") -> list[Event]:
    core = make_core(
        *(script or (call("live", code="import this"), "all done")), tools=tools(effect)
    )
    run = await start(core, policy=MODES["full"])
    found = await events_of(core, run)
    await core.aclose()
    return found


def by_name(spans: list[Span]) -> dict[str, Span]:
    return {span.name: span for span in spans}


async def test_a_run_is_an_agent_with_model_and_tool_calls_in_it(make_core: MakeCore) -> None:
    spans = spans_of(await events(make_core), TOLD)
    model = spans[0].attributes["gen_ai.request.model"]
    root, first, tool, second = spans
    assert [span.name for span in spans] == [
        "invoke_agent Analyst",
        f"chat {model}",
        "execute_tool live",
        f"chat {model}",
    ]
    assert root.parent_id is None
    assert {span.parent_id for span in (first, tool, second)} == {root.span_id}
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert all(root.start_ns <= span.start_ns <= span.end_ns <= root.end_ns for span in spans)
    assert [span.kind for span in spans] == ["internal", "client", "internal", "client"]


async def test_attributes_are_those_of_the_conventions(make_core: MakeCore) -> None:
    found = await events(make_core)
    root, first, tool, _ = spans_of(found, TOLD)
    common = {
        "gen_ai.conversation.id": found[0].conversation_id,
        "gen_ai.agent.id": found[0].agent_id,
        "user.id": "ann",
        "na.run.id": found[0].run_id,
    }
    for span in (root, first, tool):
        assert common.items() <= span.attributes.items()
    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert root.attributes["gen_ai.agent.name"] == "Analyst"
    assert first.attributes["gen_ai.operation.name"] == "chat"
    assert first.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert first.attributes["gen_ai.usage.output_tokens"] > 0  # type: ignore[operator]
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    assert tool.attributes["gen_ai.tool.name"] == "live"
    assert tool.attributes["gen_ai.tool.type"] == "function"
    assert "gen_ai.tool.call.id" in tool.attributes


async def test_names_are_those_of_the_table_of_columns_or_known_ones(make_core: MakeCore) -> None:
    known = {column.otel for column in EVENT_COLUMNS} | {
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.agent.name",
        "gen_ai.tool.type",
    }
    for span in spans_of(await events(make_core), TOLD):
        assert {n for n in span.attributes if not n.startswith("na.")} <= known


async def test_nothing_that_somebody_wrote_is_told_unless_wanted(make_core: MakeCore) -> None:
    found = await events(make_core)
    plain = repr(spans_of(found, TOLD))
    assert not any(words in plain for words in SECRET_WORDS)
    wanted = repr(spans_of(found, replace(TOLD, has_content=True)))
    assert [words in wanted for words in SECRET_WORDS] == [False, True, True, True]
    assert "gen_ai.output.messages" in wanted
    assert "gen_ai.tool.call.arguments" in wanted
    assert "text" in content_fields("model_finished")


async def test_the_same_events_are_the_same_spans(make_core: MakeCore) -> None:
    found = await events(make_core)
    assert spans_of(found, TOLD) == spans_of(found, TOLD)
    ids = [span.span_id for span in spans_of(found, TOLD)]
    assert len(set(ids)) == len(ids)


async def test_the_wait_for_a_person_is_a_span(make_core: MakeCore) -> None:
    clock = FakeClock()
    core = make_core(call("live", code="x"), "done", tools=tools("write"), clock=clock)
    run = await start(core, policy=MODES["ask"])
    waiting = await core.runs.wait(ANN, run.id)
    clock.advance(60)
    [entry] = waiting.pending
    await core.runs.decide(
        ANN, run.id, [ApprovalDecision(call_id=entry.call.call_id, is_approved=True)]
    )
    await core.runs.wait(ANN, run.id)
    span = by_name(spans_of(await events_of(core, run), TOLD))["approval live"]
    assert span.attributes["na.approval_wait_ms"] >= 60_000  # type: ignore[operator]
    assert span.attributes["na.approval.is_approved"] is True
    assert span.seconds >= 60
    await core.aclose()


class Log:
    """Events of one run or execution, a second apart."""

    def __init__(self, first: Event, run_id: str = "r") -> None:
        self.first, self.run_id = first, run_id
        self.events: list[Event] = []

    def add(self, *bodies: EventBody) -> list[Event]:
        for body in bodies:
            n = len(self.events) + 1
            ts = self.first.ts + timedelta(seconds=n)
            event = replace(self.first, id=f"e{n}", run_id=self.run_id, run_seq=n, ts=ts, body=body)
            self.events.append(event)
        return self.events


@pytest.fixture
def any_event() -> Event:
    return Event(
        id="e0",
        ts=datetime(2026, 1, 1, tzinfo=UTC),
        conversation_id="c",
        agent_id="a",
        user_id="ann",
        body=RunQueued(model="m"),
    )


def test_what_never_ended_ends_with_the_error_of_the_run(any_event: Event) -> None:
    found = Log(any_event).add(
        RunQueued(model="m"),
        ModelStarted(step=1, model="m"),
        ToolStarted(call_id="c", name="live"),
        RunFinished(state="interrupted", error_code="interrupted"),
    )
    root, model, tool = spans_of(found, TOLD)
    assert [span.error for span in (root, model, tool)] == ["interrupted"] * 3
    assert model.end_ns == tool.end_ns == root.end_ns
    assert model.kind == "client"


def test_a_failed_tool_has_the_type_of_its_error(any_event: Event) -> None:
    found = Log(any_event).add(
        RunQueued(model="m"),
        ToolStarted(call_id="c", name="live"),
        ToolFinished(call_id="c", name="live", status="failed", error_type="ValueError"),
        ToolFinished(call_id="d", name="live", status="denied", duration_ms=500),
        RunFinished(state="succeeded"),
    )
    root, failed, denied = spans_of(found, TOLD)
    assert (root.error, failed.error, denied.error) == ("", "ValueError", "denied")
    assert denied.seconds == 0.5


def test_an_execution_is_a_workflow_with_its_cells(any_event: Event) -> None:
    found = Log(any_event, run_id="").add(
        ExecutionQueued(execution_id="e", task_id="t", seq=1),
        CellStarted(
            execution_id="e", seq=2, cell_index=0, n_cells=1, n_code_cells=1, source="s = 1"
        ),
        CellFinished(execution_id="e", seq=3, cell_index=0, status="failed", error_type="KeyError"),
        ExecutionFinished(execution_id="e", task_id="t", seq=4, state="failed"),
    )
    root, cell = spans_of(found, TOLD)
    assert (root.name, root.error) == ("invoke_workflow t", "failed")
    assert (cell.name, cell.error, cell.parent_id) == ("cell 0", "KeyError", root.span_id)
    assert "s = 1" not in repr([root, cell])


def test_a_run_of_a_tasks_notebook_is_in_the_trace_of_its_execution(any_event: Event) -> None:
    execution = Log(any_event, run_id="").add(
        ExecutionQueued(execution_id="e", task_id="t", seq=1),
        ExecutionFinished(execution_id="e", task_id="t", seq=2, state="succeeded"),
    )
    usage = Usage(input_tokens=9, cached_tokens=4, reasoning_tokens=0, gpu_s=0.5)
    run = Log(any_event).add(
        RunQueued(model="m", execution_id="e", task_id="t"),
        ModelStarted(step=1, model="m"),
        ModelFinished(step=1, model="m", usage=usage),
        RunFinished(state="succeeded", usage=usage),
    )
    [root] = spans_of(execution, TOLD)
    above, model = spans_of(run, TOLD)
    assert above.trace_id == model.trace_id == root.trace_id
    assert (above.parent_id, model.parent_id) == (root.span_id, above.span_id)
    assert (above.attributes["na.execution.id"], above.attributes["na.task.id"]) == ("e", "t")
    told = {name: model.attributes[name] for name in model.attributes if "usage" in name}
    assert told["gen_ai.usage.cache_read.input_tokens"] == 4
    assert told["gen_ai.usage.reasoning.output_tokens"] == 0
    assert model.attributes["na.gpu_seconds"] == 0.5
    (alone, _) = spans_of([replace(e, run_id="q") for e in run[1:]], TOLD)
    assert alone.trace_id != root.trace_id, "of a run whose beginning is gone nobody knows"


def test_a_direct_call_of_a_tool_stands_alone(any_event: Event) -> None:
    found = Log(any_event, run_id="").add(
        ToolStarted(call_id="c", name="live"),
        ToolFinished(call_id="c", name="live", status="succeeded"),
    )
    [span] = spans_of(found, TOLD)
    assert (span.name, span.parent_id, span.seconds) == ("execute_tool live", None, 1.0)


async def test_durations_and_tokens_are_counted_by_kind_and_model(make_core: MakeCore) -> None:
    spans = spans_of(await events(make_core), TOLD)
    names = [name for span in spans for name, _, _ in measured(span)]
    assert names.count("gen_ai.client.operation.duration") == 2
    assert names.count("gen_ai.client.token.usage") == 4
    assert names.count("gen_ai.execute_tool.duration") == 1
    assert names.count("gen_ai.invoke_agent.duration") == 1
    for span in spans:
        for _, _, dimensions in measured(span):
            assert not {"user.id", "na.run.id", "gen_ai.conversation.id"} & set(dict(dimensions))


def test_a_bound_belongs_to_the_bucket_below_it(any_event: Event) -> None:
    histograms = Histograms()
    found = Log(any_event, run_id="").add(
        ToolStarted(call_id="c", name="live"),
        ToolFinished(call_id="c", name="live", status="succeeded"),
    )
    [span] = spans_of(found, TOLD)
    for seconds in (0.0, 0.01, 0.011, 1000.0):
        histograms.count([replace(span, end_ns=span.start_ns + int(seconds * 1e9))])
    [series] = histograms.series.values()
    assert (series.counts[0], series.counts[1], series.counts[-1], series.n) == (2, 1, 1, 4)
    assert (series.least, series.most) == (0.0, 1000.0)
    assert len(series.counts) == len(BOUNDS["gen_ai.execute_tool.duration"]) + 1
