"""The cost and latency model, against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from notebook_agents.optimization.catalogue import Catalogue
from notebook_agents.optimization.effects import evaluate
from notebook_agents.optimization.memory import Impossible, cache_gib, estimate_gib, weights_gib
from notebook_agents.optimization.pools import Pool, Setup, params_of
from notebook_agents.optimization.queueing import erlang_c, response_factor

from .conftest import Look

TRAINING = {"gpu_type": "A100-80GB", "n_gpus": 2, "hours": 100, "kind": "training",
            "precision": "bf16", "utilisation": 0.8, "price_per_gpu_hour": 3.0,
            "interruptible": "true", "memory_gib": 60}  # fmt: skip
SERVING = {"gpu_type": "A100-80GB", "n_gpus": 4, "hours": 730, "kind": "inference",
           "precision": "fp16", "utilisation": 0.2, "latency_p95_ms": 400, "params_b": 7,
           "context_tokens": 1000, "tokens_in": 1000, "tokens_out": 100, "batch_size": 1,
           "price_per_gpu_hour": 3.0}  # fmt: skip


def the_pool(look: Look, **row: Any) -> Pool:
    (pool,) = look([row]).pools
    return pool


def test_waiting_of_one_server_is_the_load(look: Look) -> None:
    # M/M/1: the chance to wait is the load; the mean answer takes 1 / (1 - load).
    assert erlang_c(1, 0.5) == pytest.approx(0.5)
    assert response_factor(1, 0.5) == pytest.approx(2.0)


def test_waiting_of_two_servers() -> None:
    # Erlang C for c = 2, a = 1: (1/2 * 2) / (1 + 1 + 1) = 1/3; answer = 1 + (1/3) / (2 - 1).
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert response_factor(2, 1.0) == pytest.approx(4 / 3)
    with pytest.raises(ValueError, match="more than 2 servers"):
        erlang_c(2, 2.0)


def test_memory_of_a_seven_billion_model() -> None:
    # 7e9 x 2 bytes = 14e9 bytes = 13.04 GiB; 1000 tokens x 0.5 MiB = 500 MiB = 0.488 GiB.
    assert weights_gib(7, "fp16") == pytest.approx(13.0385, abs=1e-3)
    assert cache_gib(7, 1000) == pytest.approx(0.48828, abs=1e-4)
    setup = Setup(gpu_type="L4", n_gpus=1, precision="fp16", batch_size=1)
    assert estimate_gib(7, setup, 1000) == pytest.approx(1.1 * (13.0385 + 0.48828), abs=1e-3)


@pytest.mark.parametrize(
    ("model", "params"),
    [("llama-3-70b", 70), ("mixtral-8x7B-instruct", 56), ("qwen2.5-0.5b", 0.5), ("bert", None),
     ("gpt-4bit", None)],
)  # fmt: skip
def test_the_size_of_a_model_is_read_from_its_name(model: str, params: float | None) -> None:
    assert params_of(model) == params


TOO_LARGE = SERVING | {"gpu_type": "L4", "params_b": 72}
"""It runs, so it fits, whatever the estimate says."""


@pytest.mark.parametrize("row", [TRAINING, SERVING, TOO_LARGE, {"gpu_type": "T4", "hours": 3}])
def test_the_present_setup_has_the_measured_figures(
    look: Look, catalogue: Catalogue, row: dict[str, Any]
) -> None:
    pool = the_pool(look, **row)
    effect = evaluate(pool, pool.setup, catalogue)
    assert effect.time_factor == 1.0
    assert effect.cost == pytest.approx(pool.cost)
    assert (effect.latency_p95_ms, effect.hours) == (pool.latency_p95_ms, pool.hours)


def test_a_training_job_moves_to_a_faster_gpu(look: Look, catalogue: Catalogue) -> None:
    # Busy 80 h of 100 h; the H100 computes bf16 989/312 times as fast: 20 + 80 x 312/989 = 45.24 h.
    # Cost: 2 GPUs x 45.24 h x 6.90 = 624.29, before 2 x 100 x 3.00 = 600.
    pool = the_pool(look, **TRAINING)
    effect = evaluate(pool, replace(pool.setup, gpu_type="H100-80GB"), catalogue)
    hours = 20 + 80 * 312 / 989
    assert effect.hours == pytest.approx(hours)
    assert effect.cost == pytest.approx(2 * hours * 6.90)
    assert effect.utilisation == pytest.approx((hours - 20) / hours)


def test_spot_costs_less_and_does_a_tenth_again(look: Look, catalogue: Catalogue) -> None:
    # 2 x 100 h x 1.1 x 1.40 = 308 instead of 600.
    pool = the_pool(look, **TRAINING)
    effect = evaluate(pool, replace(pool.setup, is_spot=True), catalogue)
    assert effect.cost == pytest.approx(308.0)
    assert effect.time_factor == pytest.approx(1.1)


def test_serving_on_fewer_gpus_waits_longer(look: Look, catalogue: Catalogue) -> None:
    # 4 servers at 0.2: load 0.8. On 2 servers: 0.4 each, R = 1 + C(2, 0.8) / 1.2.
    # C(2, 0.8): B = (0.32) / (1 + 0.8 + 0.32) = 0.150943; C = B / (1 - 0.4 (1 - B)) = 0.228571.
    pool = the_pool(look, **SERVING)
    effect = evaluate(pool, replace(pool.setup, n_gpus=2), catalogue)
    after = 1 + 0.228571 / 1.2
    # C(4, 0.8) = (0.8^4/24) (4/3.2) / (1 + .8 + .32 + .085333 + 0.017067 x 1.25) = 0.0095808.
    before = 1 + 0.0095808 / 3.2
    assert effect.latency_p95_ms == pytest.approx(400 * after / before, rel=1e-4)
    assert effect.utilisation == pytest.approx(0.4)
    assert effect.cost == pytest.approx(2 * 730 * 3.0)


def test_decoding_is_bound_by_memory_and_prompts_by_computing(
    look: Look, catalogue: Catalogue
) -> None:
    # Per parameter on the A100: prompt 2 x 1000 / 312e12; a step reads 2 bytes and its share of
    # 1000 cached tokens (524288 bytes x 1000 / 7e9 = 0.0749 bytes) at 2039 GB/s.
    pool = the_pool(look, **SERVING)
    cache = 524288 * 1000 / 7e9
    before = 2000 / 312e12 + 100 * (2 + cache) / 2.039e12
    after = 2000 / 989e12 + 100 * (2 + cache) / 3.35e12
    setup = replace(pool.setup, gpu_type="H100-80GB")
    effect = evaluate(pool, setup, catalogue)
    waiting = response_factor(4, 0.8 * after / before) / response_factor(4, 0.8)
    assert effect.time_factor == pytest.approx(after / before * waiting)


def test_a_larger_batch_shares_the_reading(look: Look, catalogue: Catalogue) -> None:
    row = SERVING | {"kind": "batch", "latency_p95_ms": "", "utilisation": 1, "n_gpus": 1}
    pool = the_pool(look, **row)
    cache = 524288 * 1000 / 7e9
    before = 2000 / 312e12 + 100 * (2 + cache) / 2.039e12
    after = 2000 / 312e12 + 100 / 4 * (2 + 4 * cache) / 2.039e12
    effect = evaluate(pool, replace(pool.setup, batch_size=4), catalogue)
    assert effect.time_factor == pytest.approx(after / before)


def test_repeated_prompts_are_measured_and_their_work_saved(
    look: Look, catalogue: Catalogue
) -> None:
    # 4 rows, 2 different prompts: half repeats. All busy: half the hours.
    row = {"gpu_type": "L4", "hours": 10, "kind": "batch", "utilisation": 1}
    rows = [row | {"prompt_hash": name} for name in ("a", "b", "a", "a")]
    (pool,) = look(rows).pools
    assert pool.repeated_share == 0.5
    assert evaluate(pool, replace(pool.setup, is_cached=True), catalogue).hours == 20.0


def test_cheaper_hours_save_what_is_outside_of_them(look: Look, catalogue: Catalogue) -> None:
    # The cheaper hours are 20 to 6: the job at 9 moves, the one at 21 is there already.
    row = {"gpu_type": "L4", "hours": 5, "kind": "batch", "price_per_gpu_hour": 1.0}
    rows = [row | {"started_at": f"2026-03-01T{hour:02}:00:00Z"} for hour in (9, 21)]
    (pool,) = look(rows).pools
    assert pool.peak_share == 0.5
    effect = evaluate(pool, replace(pool.setup, is_off_peak=True), catalogue)
    assert effect.cost == pytest.approx(10 * (1 - 0.10 * 0.5))


def test_what_does_not_fit_is_impossible(look: Look, catalogue: Catalogue) -> None:
    training = the_pool(look, **TRAINING)
    with pytest.raises(Impossible, match=r"it needs 120\.0 GiB, 2 x L4 may fill 41\.8 GiB"):
        evaluate(training, replace(training.setup, gpu_type="L4"), catalogue)
    serving = the_pool(look, **SERVING | {"params_b": 70, "n_gpus": 8})
    with pytest.raises(Impossible, match="it needs"):
        evaluate(serving, replace(serving.setup, n_gpus=1), catalogue)


def test_unknown_memory_counts_as_all_there_is(look: Look, catalogue: Catalogue) -> None:
    pool = the_pool(look, gpu_type="A100-80GB", hours=10)
    with pytest.raises(Impossible, match=r"it needs 79\.0 GiB"):
        evaluate(pool, replace(pool.setup, gpu_type="A100-40GB"), catalogue)
    assert evaluate(pool, replace(pool.setup, gpu_type="H100-80GB"), catalogue).time_factor < 1


def test_unknown_utilisation_gives_no_gpus_back(look: Look, catalogue: Catalogue) -> None:
    pool = the_pool(look, **SERVING | {"utilisation": ""})
    with pytest.raises(Impossible, match="do not say how busy"):
        evaluate(pool, replace(pool.setup, n_gpus=2), catalogue)


def test_gpus_are_not_overloaded_and_one_copy_may_fail(look: Look, catalogue: Catalogue) -> None:
    busy = the_pool(look, **SERVING | {"utilisation": 0.5})
    with pytest.raises(Impossible, match="busy 100% of the time, at most 80%"):
        evaluate(busy, replace(busy.setup, n_gpus=2), catalogue)
    idle = the_pool(look, **SERVING | {"utilisation": 0.01})
    with pytest.raises(Impossible, match="fewer than 2 copies"):
        evaluate(idle, replace(idle.setup, n_gpus=1), catalogue)


def test_monthly_figures_are_scaled_by_the_period(look: Look) -> None:
    row = {"gpu_type": "L4", "hours": 24, "price_per_gpu_hour": 1.0}
    rows = [row | {"started_at": f"2026-03-{day:02}T00:00:00Z"} for day in range(1, 11)]
    found = look(rows)
    assert (found.period_hours, found.is_period_known) == (240.0, True)
    assert math.isclose(found.pools[0].cost * found.per_month, 240 * 730 / 240)
    assert look([row]).period_hours == 730.0
    assert look([row], period_hours=48).per_month == 730 / 48
