"""What is seen beside runs: requests, streams, letters, the engine, budgets, scores, versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.analytics.recorded import Recorded, asked, at

from notebook_agents.core.events import (
    BudgetSet,
    EngineSampled,
    RequestsServed,
    RunFinished,
    RunQueued,
    ScoreRecorded,
    StreamClosed,
    WebhookAttempted,
)


def letter(delivery: str, attempt: int, status: Any, **told: Any) -> WebhookAttempted:
    """An attempt at a letter of the webhook ``w``."""
    return WebhookAttempted(
        webhook_id="w",
        delivery_id=delivery,
        event_type="run_finished",
        host="example.org",
        attempt=attempt,
        status=status,
        **told,
    )


def test_v_webhooks_counts_letters_and_their_attempts(log: Recorded) -> None:
    again = at(1).isoformat()
    log.tell(0, letter("d1", 1, "retrying", http_status=500, latency_ms=10, next_try_at=again))
    log.tell(1, letter("d1", 2, "delivered", http_status=200, latency_ms=30))
    log.tell(2, letter("d2", 1, "retrying", error_type="timeout", latency_ms=20,
                       next_try_at=at(3).isoformat()))  # fmt: skip
    log.tell(1.5, letter("d3", 1, "failed", http_status=410), user_id="ann")
    log.tell(9, letter("d9", 1, "delivered"), user_id="bob")
    columns = (
        "host, event_type, deliveries, attempts, delivered, dead_lettered, waiting, p50_ms,"
        " last_status, last_http_status, last_error, next_try_at, last_attempt"
    )
    assert log.rows(f"SELECT {columns} FROM v_webhooks", "ann") == [
        ("example.org", "run_finished", 3, 4, 1, 1, 1, 15.0, "retrying", 410, "timeout", at(3),
         at(2))
    ]  # fmt: skip


def test_v_streams_tells_what_each_was_sent_and_who_went_away(log: Recorded) -> None:
    gone = StreamClosed(
        stream_id="s1",
        transport="websocket",
        route="/ws",
        n_events=7,
        n_dropped=1,
        is_resumed=True,
        max_lag_ms=12.5,
        duration_ms=1_800_000,
        reason="client_gone",
    )
    log.tell(1, gone, dialect="tektra")
    log.tell(2, StreamClosed(stream_id="s2", transport="sse"), dialect="agent_c", user_id="bob")
    columns = (
        "stream_id, opened_at, closed_at, events, dropped, is_resumed, max_lag_ms, client_gone_at"
    )
    assert log.rows(f"SELECT {columns} FROM v_streams") == [
        ("s1", at(0.5), at(1), 7, 1, True, 12.5, at(1)),
        ("s2", at(2), at(2), 0, 0, False, 0.0, None),
    ]
    assert log.rows("SELECT dialect FROM v_streams", "bob") == [("agent_c",)]


def served(status: int, *durations_ms: float, route: str = "/v1/agents") -> RequestsServed:
    """As many requests as there are durations."""
    return RequestsServed(
        method="GET", route=route, status=status, n=len(durations_ms), durations_ms=durations_ms
    )


def test_v_api_sums_requests_and_has_percentiles_of_all_of_them(log: Recorded) -> None:
    log.tell(0, served(200, 1, 2), served(429, 1), served(401, 1), dialect="tektra")
    log.tell(1, served(200, 9), dialect="tektra", user_id="bob")
    log.tell(1, served(200, 4, route="/api/agents"), dialect="aimos")
    columns = "dialect, route, status, requests, p50_ms, rate_limited, auth_failures"
    sql = f"SELECT {columns} FROM v_api ORDER BY dialect DESC, status"
    assert log.rows(sql) == [
        ("tektra", "/v1/agents", 200, 3, 2.0, 0, 0),
        ("tektra", "/v1/agents", 401, 1, 1.0, 0, 1),
        ("tektra", "/v1/agents", 429, 1, 1.0, 1, 0),
        ("aimos", "/api/agents", 200, 1, 4.0, 0, 0),
    ]
    assert log.rows("SELECT sum(requests), max(p95_ms) FROM v_api", "bob") == [(1, 9.0)]


def test_v_gpu_ts_weighs_by_time_and_leaves_unknown_what_is_not_told(log: Recorded) -> None:
    gpu: dict[str, Any] = {"device": "cuda:0", "memory_total_bytes": 80, "kv_total_bytes": 40}
    log.tell(0, EngineSampled(period_s=30, utilization_percent=100, n_tokens=600, batch_mean=4,
                              memory_used_bytes=20, energy_wh=1.5, n_waiting=2, **gpu))  # fmt: skip
    log.tell(0.5, EngineSampled(period_s=90, utilization_percent=20, n_tokens=0, batch_mean=0,
                                memory_used_bytes=30, energy_wh=0.5, **gpu))  # fmt: skip
    log.tell(1, EngineSampled(device="cpu", period_s=30, n_tokens=60))
    log.run("r", *asked(queue_ms=250.0), hours=0.2)
    columns = (
        "device, samples, utilization_percent, memory_used_bytes, batch_mean, kv_used_bytes,"
        " tokens, tokens_per_s, tokens_per_gpu_s, max_waiting, energy_wh, queue_wait_p95_ms"
    )
    assert log.rows(f"SELECT {columns} FROM v_gpu_ts") == [
        ("cuda:0", 2, 40.0, 30, 4.0, None, 600, 5.0, 12.5, 2, 2.0, 250.0),
        ("cpu", 1, None, None, None, None, 60, 2.0, None, 0, None, None),
    ]


def test_v_budget_says_what_was_spent_and_does_not_take_unknown_for_nothing(log: Recorded) -> None:
    log.tell(-48, BudgetSet(period="day", limit_usd=9.0))
    log.tell(-1, BudgetSet(period="day", limit_usd=2.0), BudgetSet(period="month", limit_usd=50.0))
    log.run("r1", *asked(cost=1.5))
    log.run("r2", *asked(1, cost=1.5), *asked(2), hours=1)
    log.tell(-1, BudgetSet(period="day", limit_usd=2.0), user_id="bob")
    log.run("of-bob", *asked(), user_id="bob")
    log.tell(-1, BudgetSet(period="day", limit_usd=2.0), user_id="cid")
    log.tell(0, BudgetSet(period="day", limit_usd=None), user_id="cid")
    log.run("of-cid", *asked(cost=5.0), user_id="cid")
    columns = "limit_usd, spent_usd, projected_usd, pct, is_over, uncosted_calls"
    sql = f"SELECT {columns} FROM v_budget WHERE period = 'day' AND begins = '2026-11-21'"
    if datetime.now(UTC).date() > at(0).date():
        assert log.rows(sql, "ann") == [(2.0, 3.0, 3.0, 150.0, True, 1)]
        assert log.rows(sql, "bob") == [(2.0, None, None, None, None, 1)]
    assert log.rows("SELECT * FROM v_budget", "cid") == []
    month = "SELECT limit_usd, spent_usd FROM v_budget WHERE period = 'month' ORDER BY begins"
    assert log.rows(month, "ann")[0] == (50.0, 3.0)


def test_v_budget_has_the_period_that_goes_on_before_anything_is_spent(log: Recorded) -> None:
    log.tell(-48, BudgetSet(period="day", limit_usd=2.0))
    columns = "spent_usd, projected_usd, pct, is_over, uncosted_calls"
    assert log.rows(f"SELECT {columns} FROM v_budget") == [(0.0, 0.0, 0.0, False, 0)]


def score(value: float, version: str, *, is_passed: bool | None = None) -> ScoreRecorded:
    """A judgement over an answer to the set ``qa``."""
    return ScoreRecorded(
        dataset="qa",
        dataset_version="1",
        scorer="exact",
        value=value,
        is_passed=is_passed,
        agent_version=version,
    )


def test_v_evals_compares_with_the_version_that_was_scored_first(log: Recorded) -> None:
    log.tell(0, score(0.0, "v2", is_passed=False), score(1.0, "v2", is_passed=True), agent_id="a")
    log.tell(1, score(1.0, "v1", is_passed=True), score(0.8, "v1"), agent_id="a")
    log.tell(2, score(0.1, "v9"), agent_id="other")
    columns = "agent_id, agent_version, n, mean, p10, pass_rate, delta_vs_baseline"
    assert log.rows(f"SELECT {columns} FROM v_evals WHERE dataset = 'qa'") == [
        ("a", "v2", 2, 0.5, 0.1, 0.5, 0.0),
        ("a", "v1", 2, 0.9, 0.82, 1.0, 0.4),
        ("other", "v9", 1, 0.1, 0.1, None, 0.0),
    ]


def ran(log: Recorded, version: str, hours: float, *figures: tuple[float, bool]) -> None:
    """Runs of a version: how many milliseconds each took, and whether it succeeded."""
    for number, (ms, is_good) in enumerate(figures):
        end = RunFinished(state="succeeded" if is_good else "failed", duration_ms=ms)
        log.tell(hours, RunQueued(model="m", agent_version=version), end,
                 run_id=f"{version}-{number}", agent_id="a")  # fmt: skip


def test_v_ab_has_newcombes_interval_for_rates(log: Recorded) -> None:
    """The first example of his paper: 56 of 70 against 48 of 80."""
    ran(log, "old", 0, *((1, number < 48) for number in range(80)))
    ran(log, "new", 1, *((1, number < 56) for number in range(70)))
    columns = "version_a, version_b, n_a, n_b, mean_a, mean_b, difference, low, high, method"
    (row,) = log.rows(f"SELECT {columns} FROM v_ab WHERE metric = 'success_rate'")
    assert row[:7] == ("old", "new", 80, 70, 0.6, 0.8, 0.2)
    assert row[7:9] == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert row[9] == "Newcombe"


def test_v_ab_has_welchs_interval_for_means(log: Recorded) -> None:
    """Two samples whose statistics are known: t is 2.455356 at 24.9885 degrees of freedom."""
    old = (27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4)
    new = (27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4)
    ran(log, "old", 0, *((ms, True) for ms in old))
    ran(log, "new", 1, *((ms, True) for ms in new))
    columns = "difference, low, high, method"
    (row,) = log.rows(f"SELECT {columns} FROM v_ab WHERE metric = 'duration_ms'")
    difference = 2.166667
    half = 2.064 * difference / 2.455356  # the quantile at 24 degrees
    assert row[:3] == pytest.approx((difference, difference - half, difference + half), abs=1e-4)
    assert row[3] == "Welch"


def test_v_ab_has_no_interval_for_a_single_run_and_no_cost_that_is_not_known(log: Recorded) -> None:
    ran(log, "old", 0, (10, True), (20, True))
    ran(log, "new", 1, (40, True))
    rows = log.rows("SELECT metric, n_a, n_b, difference, low, high FROM v_ab")
    assert ("duration_ms", 2, 1, 25.0, None, None) in rows
    assert "cost_usd" not in {row[0] for row in rows}
    assert log.rows("SELECT * FROM v_ab", "bob") == []
