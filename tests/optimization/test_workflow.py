"""The workflow as a run: steps, result, words, cancelling, and nobody else's data."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import aclosing
from typing import Any

import pytest

from notebook_agents.core.errors import EngineUnavailable, InvalidRequest, NotFound
from notebook_agents.core.events import Warned, WorkflowStepFinished, WorkflowStepStarted
from notebook_agents.optimization.report import is_faithful, report_text

from .conftest import ANN, BEN, Bench

STEPS = ["triage", "data", "optimization", "actions", "report"]
IDLE = {"job_id": "chat", "gpu_type": "H100-80GB", "n_gpus": 8, "hours": 720, "kind": "inference",
        "model": "llama-3-8b", "precision": "fp16", "utilisation": 0.1, "latency_p95_ms": 300,
        "tokens_in": 10**9, "tokens_out": 10**8, "price_per_gpu_hour": 7}  # fmt: skip


async def test_each_step_is_told_with_its_progress(bench: Bench) -> None:
    run = await bench.finish(workload_id="wl-example", priority="cost")
    assert run.state == "succeeded", run.error_message
    bodies = [event.body for event in await bench.events(run)]
    begun = [body for body in bodies if isinstance(body, WorkflowStepStarted)]
    ended = [body for body in bodies if isinstance(body, WorkflowStepFinished)]
    assert [(body.step, body.progress) for body in begun] == list(
        zip(STEPS, (0, 20, 40, 60, 80), strict=True)
    )
    assert [body.progress for body in ended] == [20, 40, 60, 80, 100]
    assert all([*(body.message for body in begun), *(body.message for body in ended)])


async def test_the_result_is_computed_and_the_same_each_time(bench: Bench) -> None:
    first = await bench.finish(workload_id="wl-example", priority="cost")
    second = await bench.finish(workload_id="example", priority="cost")
    assert first.result == second.result
    result = first.result
    assert {"recommendations", "supply_config", "metrics", "actions"} <= set(result)
    change = sum(entry["cost_change_per_month"] for entry in result["recommendations"])
    before, after = (
        result["metrics"][name]["cost_per_month"] for name in ("baseline", "projected")
    )
    assert after - before == pytest.approx(change, abs=0.1)
    told = [entry["recommendation"] for entry in result["actions"]]
    assert sorted(told) == sorted(entry["id"] for entry in result["recommendations"])
    assert all(entry["verify"] and entry["rollback"] for entry in result["actions"])


@pytest.mark.parametrize("words", ["Save 99% now!", "Do R1.", ""])
async def test_words_with_other_numbers_or_without_a_recommendation_are_not_kept(
    bench: Bench, words: str
) -> None:
    bench.engine.script = [words]
    run = await bench.finish(workload_id="wl-example", priority="cost")
    assert run.result["report_by"] == "rule"
    assert run.text == report_text(run.result)
    bodies = [event.body for event in await bench.events(run)]
    assert [body.code for body in bodies if isinstance(body, Warned)] == ["report_by_rule"]


async def test_faithful_words_of_the_model_are_the_answer(bench: Bench) -> None:
    await bench.register([IDLE])
    example = (await bench.finish(workload_id="mine", priority="cost")).result
    told = [f"{e['id']}: {e['action']} for {e['cost_change']}." for e in example["recommendations"]]
    bench.engine.script = ["Good news. " + " ".join(told)]
    run = await bench.finish(workload_id="mine", priority="cost")
    assert run.result["report_by"] == "model"
    assert run.text.startswith("Good news.")
    assert is_faithful(run.text, run.result)
    assert not is_faithful(run.text.replace(told[0], ""), run.result)


async def test_without_an_engine_the_report_is_made_by_rule(bench: Bench) -> None:
    bench.engine.script = [EngineUnavailable("the worker is gone")]
    run = await bench.finish(workload_id="wl-example", priority="cost")
    assert (run.state, run.result["report_by"]) == ("succeeded", "rule")


async def test_without_support_everything_is_empty_with_a_reason(bench: Bench) -> None:
    await bench.register([{"gpu_type": "TPU-v9", "hours": 3}], "unknown")
    await bench.register([{"gpu_type": "L4", "hours": 3, "kind": "inference"}], "silent")
    for name, words in (("unknown", "'TPU-v9') is missing in the price catalogue"),
                        ("silent", "evaluated changes brings enough")):  # fmt: skip
        run = await bench.finish(workload_id=name, priority="cost", constraints=["latency"])
        result = run.result
        assert words in result["reason"]
        if counts := [int(n) for n in re.findall(r"(?:: |; )(\d+) ", result["reason"])]:
            (total,) = re.findall(r"None of (\d+) evaluated", result["reason"])
            assert sum(counts) == int(total)
        assert result["reason"] in run.text
        assert (result["recommendations"], result["supply_config"]) == ([], {})
        assert (result["metrics"], result["actions"]) == ({}, [])


async def test_without_recorded_runs_the_reason_says_so(bench: Bench) -> None:
    empty = await bench.finish(workload_id="recorded", actor=BEN)
    assert empty.result["reason"] == "There are no recorded model steps of yours yet."


async def test_without_a_name_the_newest_workload_is_taken(bench: Bench) -> None:
    await bench.register([IDLE], "older")
    await bench.register([IDLE], "newer")
    run = await bench.finish(priority="cost")
    assert run.result["workload"]["name"] == "newer"
    said = "The request names no workload, so"
    assert run.result["notes"][0] == f"{said} the newest one was taken."
    nothing = await bench.finish(priority="cost", actor=BEN)
    assert nothing.result["workload"]["id"] == "recorded"
    assert nothing.result["notes"][0] == f"{said} recorded runs were taken."


async def test_wrong_requests_start_no_run(bench: Bench) -> None:
    await bench.register([IDLE])
    with pytest.raises(NotFound):
        await bench.start(workload_id="mine", actor=BEN)
    with pytest.raises(InvalidRequest, match="no GPU type 'B999'"):
        await bench.start(workload_id="mine", constraints=["gpu_type=B999"])
    bench.home.mkdir(exist_ok=True)
    catalogue = bench.home / "price_catalogue.toml"
    await asyncio.to_thread(catalogue.write_text, "currency = 3")
    with pytest.raises(InvalidRequest, match=r"price catalogue 'price_catalogue\.toml'"):
        await bench.start(workload_id="mine")


async def test_a_run_begins_and_is_stopped_while_all_threads_for_tables_are_busy(
    bench: Bench,
) -> None:
    gate = threading.Event()
    others = [
        bench.core.spawn(bench.tables.worker.run(lambda _: gate.wait(60)), name="another's work")
        for _ in range(2)
    ]
    try:
        run = await bench.start(workload_id="wl-example")
        async with aclosing(bench.core.runs.events(ANN, run.id)) as events:
            bodies = (event.body async for event in events)
            first = await anext(b async for b in bodies if isinstance(b, WorkflowStepStarted))
        assert (first.step, first.progress) == ("triage", 0)
        assert (await bench.core.runs.cancel(ANN, run.id)).state == "cancelled"
        assert not gate.is_set()
    finally:
        gate.set()
        await asyncio.gather(*others)


async def test_an_edited_catalogue_acts_at_the_next_request(bench: Bench) -> None:
    await bench.register([{"gpu_type": "Mine", "hours": 10}])
    text = (
        'currency = "EUR"\npriced_on = 2026-01-01\n[[gpu]]\nname = "Mine"\nmemory_gib = 8\n'
        "bandwidth_gb_s = 100\non_demand_per_hour = 2\ntflops = { fp16 = 10 }\n"
    )
    await asyncio.to_thread((bench.home / "price_catalogue.toml").write_text, text)
    run = await bench.finish(workload_id="mine")
    assert run.result["baseline"]["currency"] == "EUR"
    assert run.result["baseline"]["cost_per_month"] == 20.0


async def test_a_run_is_cancelled_between_its_steps(bench: Bench) -> None:
    run = await bench.start(workload_id="wl-example")
    stopped = await bench.core.runs.cancel(ANN, run.id)
    assert stopped.state == "cancelled"
    again = await bench.finish(workload_id="wl-example", priority="cost")
    assert again.state == "succeeded"


def test_numbers_of_a_report_are_compared_as_numbers() -> None:
    result: dict[str, Any] = {
        "workload": {"name": "w", "n_rows": 3},
        "recommendations": [],
        "reason": "It costs 1200.50 now.",
        "notes": [],
    }
    assert is_faithful("Nothing: 1,200.5 for 3 jobs.", result) is False
    assert is_faithful("Nothing: 1,200.5 it is.", result) is True


@pytest.mark.parametrize(
    ("words", "is_kept"),
    [("R1 changes the cost by 0%.", True), ("R1 changes the cost by 10%.", False),
     ("R1 changes the cost by +0%.", False), ("R10 changes the cost by 0%.", False),
     ("Take H100-80GB GPUs, cost 0%.", True), ("Take xH100-80GB, cost 0%.", False)],
)  # fmt: skip
def test_a_figure_inside_another_one_does_not_count(words: str, is_kept: bool) -> None:
    entry = {"id": "R1", "action": "Switch R10", "impact": "10%", "cost_change": "0%",
             "risks": [], "category": "gpu_type",
             "after": {"gpu_type": "H100-80GB", "precision": "fp8"}}  # fmt: skip
    figures = {"cost_per_month": 1.0, "currency": "USD", "latency_p95_ms": None}
    result: dict[str, Any] = {
        "workload": {"name": "H100-80GB", "n_rows": 3},
        "request": {"priority": "cost"},
        "recommendations": [entry],
        "metrics": {"baseline": figures, "projected": figures, "change": {}},
        "notes": [],
    }
    assert is_faithful(words, result) is is_kept
