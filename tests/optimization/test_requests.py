"""What is wanted, from parameters and from words."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.optimization.requests import Limits, parse_wish


@pytest.mark.parametrize(
    ("message", "priority"),
    [
        ("Optimize my AI workload for cost efficiency", "cost"),
        ("Optimize my GPU workload", "balanced"),
        ("make it faster", "performance"),
        ("cheaper and faster please", "balanced"),
        ("cut cost but keep latency under 300 ms", "cost"),
        ("keep latency under 300 ms", "performance"),
    ],
)
def test_the_priority_is_read_from_words(message: str, priority: str) -> None:
    assert parse_wish(message, {}).priority == priority


def test_parameters_win_over_the_message() -> None:
    wish = parse_wish("save money, budget 500", {"priority": "performance", "budget": 10000})
    assert (wish.priority, wish.budget) == ("performance", 10000.0)
    assert wish.origins == {"priority": "parameters", "budget": "parameters"}


@pytest.mark.parametrize(
    ("message", "budget", "latency_ms"),
    [
        ("our budget is $12,500 and latency must stay under 300 ms", 12500.0, 300.0),
        ("at most 8k usd", 8000.0, None),
        ("p95 below 1.5 seconds, no spot", None, 1500.0),
        ("train 3 models on 8 GPUs", None, None),
        ("stay in budget, latency under 300 ms", None, 300.0),
        ("we have budget and 8 GPUs", None, None),
        ("budget: 10k per month", 10_000.0, None),
        ("the budget is 1,200.50.", 1200.5, None),
    ],
)
def test_amounts_are_read_from_words(
    message: str, budget: float | None, latency_ms: float | None
) -> None:
    wish = parse_wish(message, {})
    assert (wish.budget, wish.limits.latency_ms) == (budget, latency_ms)
    assert wish.limits.no_spot == ("no spot" in message)


@pytest.mark.parametrize(
    ("constraints", "limits"),
    [
        (["gpu_memory", "latency"], Limits(keeps_latency=True, keeps_memory_free=True)),
        (["latency<=0.5s"], Limits(latency_ms=500.0)),
        (["Latency P95 MS <= 250"], Limits(latency_ms=250.0)),
        ({"latency_p95_ms": 250, "gpu_memory": 40}, Limits(latency_ms=250.0, memory_gib=40.0)),
        ("quality", Limits(keeps_precision=True)),
        (["gpu_type=L4, A100", "availability"], Limits(gpu_types=("L4", "A100"), no_spot=True)),
    ],
)
def test_constraints(constraints: Any, limits: Limits) -> None:
    assert parse_wish("", {"constraints": constraints}).limits == limits


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        ({"priority": "beauty"}, "parameters.priority", "one of cost, performance, balanced"),
        ({"budget": -1}, "parameters.budget", "a number above 0"),
        ({"budget": True}, "parameters.budget", "a number above 0"),
        ({"budget": float("nan")}, "parameters.budget", "a number above 0"),
        ({"constraints": ["carbon"]}, "parameters.constraints", "known: latency"),
        ({"constraints": ["latency<=soon"]}, "parameters.constraints", "'latency<=soon'"),
        ({"constraints": [3]}, "parameters.constraints", "not understood"),
        ({"speed": 1}, "parameters.speed", "known: workload_id, priority"),
        ({"workload_id": 7}, "workload_id", "id or name"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_wish("", parameters)
    assert caught.value.details["field"] == field
    assert words in caught.value.message
