"""How much went in and came out, whose GPU time it was, and what a run is a part of."""

from __future__ import annotations

from typing import Any

import pytest
from tests.analytics.recorded import Recorded

from notebook_agents.core.checkpoint_events import Rating
from notebook_agents.core.events import (
    AnswerRated,
    ModelFinished,
    RequestsServed,
    RunFinished,
    RunQueued,
    ToolFinished,
    ToolStarted,
)
from notebook_agents.core.models import Usage
from notebook_agents.core.states import FinalState


def test_v_tools_counts_the_bytes_of_arguments_and_results(log: Recorded) -> None:
    for number, code in enumerate(("1", "é" * 3)):
        call = f"c{number}"
        log.tell(
            number,
            ToolStarted(call_id=call, name="python", arguments={"code": code}),
            ToolFinished(call_id=call, name="python", status="succeeded", content=code * 2),
            run_id="r",
        )
    log.tell(3, ToolStarted(call_id="c9", name="other", arguments={}), run_id="r")
    # {"code":"1"} and {"code":"ééé"} as UTF-8; what has not ended is in no figure yet.
    assert log.rows("SELECT tool, calls, bytes_in, bytes_out, mean_bytes FROM v_tools") == [
        ("python", 2, 12 + 17, 2 + 12, 7.0)
    ]


def test_v_api_sums_bytes_and_does_not_take_unknown_for_nothing(log: Recorded) -> None:
    told: dict[str, Any] = {"method": "POST", "route": "/v1/agents"}
    log.tell(0, RequestsServed(status=201, n=2, request_bytes=20, response_bytes=300, **told))
    log.tell(1, RequestsServed(status=201, n=1, request_bytes=5, response_bytes=0, **told))
    log.tell(2, RequestsServed(status=404, n=1, **told))
    assert log.rows("SELECT status, bytes_in, bytes_out FROM v_api ORDER BY status") == [
        (201, 25, 300),
        (404, None, None),
    ]


def test_v_runs_sums_the_time_of_the_gpu_once(log: Recorded) -> None:
    used = (Usage(gpu_s=0.5), Usage(gpu_s=0.25))
    steps = [
        ModelFinished(step=step, model="m", usage=usage) for step, usage in enumerate(used, start=1)
    ]
    log.tell(0, RunQueued(model="m"), *steps, run_id="on-gpu")
    log.tell(0, RunFinished(state="succeeded", usage=used[0] + used[1]), run_id="on-gpu")
    log.run("elsewhere", ModelFinished(step=1, model="m", usage=Usage(cached_tokens=0)))
    assert log.rows("SELECT run_id, gpu_s, cached_tokens FROM v_runs ORDER BY run_id") == [
        ("elsewhere", None, 0),
        ("on-gpu", 0.75, None),
    ]
    assert log.rows("SELECT gpu_s FROM v_model_calls WHERE run_id = 'on-gpu' ORDER BY step") == [
        (0.5,),
        (0.25,),
    ]


def test_v_runs_names_the_execution_and_the_task_that_asked(log: Recorded) -> None:
    log.tell(0, RunQueued(model="m", execution_id="e", task_id="t"), run_id="r")
    log.run("of-a-person")
    assert log.rows("SELECT run_id, execution_id, task_id FROM v_runs ORDER BY run_id") == [
        ("of-a-person", None, None),
        ("r", "e", "t"),
    ]


def test_v_conversations_counts_forks_in_which_something_ran_and_messages(log: Recorded) -> None:
    for hours, count in ((0, 2), (1, 4), (2, None)):
        end = RunFinished(state="succeeded", message_count=count)
        common = {"run_id": f"r{hours}", "conversation_id": "c"}
        log.tell(hours, RunQueued(model="m"), end, **common)
    for number, fork in enumerate(("f1", "f1", "f2")):
        queued = RunQueued(model="m", forked_from="c")
        log.tell(3, queued, run_id=f"f{number}", conversation_id=fork)
    told = log.rows(
        "SELECT conversation_id, messages, forks FROM v_conversations ORDER BY conversation_id"
    )
    assert told == [("c", 4, 2), ("f1", None, 0), ("f2", None, 0)]


@pytest.mark.parametrize(
    ("state", "ratings", "resolution"),
    [
        ("succeeded", (), "answered"),
        ("succeeded", ("good", "bad"), "unresolved"),
        ("failed", ("bad", "good"), "resolved"),
        ("succeeded", ("bad", "none"), "answered"),
        ("timed_out", (), "unresolved"),
        ("cancelled", (), "abandoned"),
        (None, (), "open"),
    ],
)
def test_a_conversation_is_resolved_as_a_person_says_of_its_last_answer(
    log: Recorded, state: FinalState | None, ratings: tuple[Rating, ...], resolution: str
) -> None:
    log.run("first", conversation_id="c")
    log.tell(1, AnswerRated(rating="bad"), run_id="first", conversation_id="c")
    log.run("last", hours=2, state=state, conversation_id="c")
    for hours, rating in enumerate(ratings, start=3):
        log.tell(hours, AnswerRated(rating=rating), run_id="last", conversation_id="c")
    assert log.rows("SELECT runs, resolution FROM v_conversations") == [(2, resolution)]
