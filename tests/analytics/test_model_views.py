"""What models cost, how fast they answer and how much they read, to the number."""

from __future__ import annotations

from datetime import date

from tests.analytics.recorded import Recorded, asked, at

from notebook_agents.core.events import ModelStarted
from notebook_agents.core.states import FinalState

COST = "SELECT {} FROM v_cost ORDER BY day, user_id, model"


def test_a_call_that_was_broken_off_is_a_row_with_an_unknown_end(log: Recorded) -> None:
    log.run("r", *asked(1, duration_ms=7), ModelStarted(step=2, model="m"), state="failed")
    log.run("never-ended", ModelStarted(step=1, model="m"), state=None)
    sql = "SELECT run_id, step, ended, output_tokens, cost_usd, duration_ms FROM v_model_calls"
    assert log.rows(f"{sql} ORDER BY run_id, step") == [
        ("never-ended", 1, None, None, None, None),
        ("r", 1, at(0), 5, None, 7.0),
        ("r", 2, None, None, None, None),
    ]


def test_v_cost_sums_by_day_user_agent_and_model(log: Recorded) -> None:
    log.run("r1", *asked(1, cost=0.25), *asked(2, cost=0.5, tokens=(20, 1)))
    log.run("r2", *asked(1, cost=1.0), hours=12)
    log.run("r3", *asked(1, model="other", cost=2.0), user_id="bob", agent_id="b")
    columns = "day, user_id, agent_id, model, calls, input_tokens, output_tokens, cost_usd"
    assert log.rows(COST.format(columns)) == [
        (date(2026, 11, 21), "ann", "a", "m", 2, 30, 6, 0.75),
        (date(2026, 11, 21), "bob", "b", "other", 1, 10, 5, 2.0),
        (date(2026, 11, 22), "ann", "a", "m", 1, 10, 5, 1.0),
    ]


def test_v_cost_never_shows_an_unknown_price_as_nothing(log: Recorded) -> None:
    log.run("free", *asked(1, model="free", cost=0.0))
    log.run("part", *asked(1, model="part", cost=0.5), *asked(2, model="part"))
    log.run("none", *asked(1, model="unpriced"), ModelStarted(step=2, model="unpriced"), state=None)
    assert log.rows(COST.format("model, calls, cost_usd, uncosted_calls")) == [
        ("free", 1, 0.0, 0),
        ("part", 2, 0.5, 1),
        ("unpriced", 2, None, 2),
    ]
    assert log.rows("SELECT run_id, cost_usd, uncosted_calls FROM v_runs ORDER BY 1") == [
        ("free", 0.0, 0),
        ("none", None, 2),
        ("part", 0.5, 1),
    ]


def test_v_cost_shows_an_owner_only_their_own(log: Recorded) -> None:
    log.run("r1", *asked(1, cost=1.0))
    log.run("r2", *asked(1, cost=2.0), user_id="bob")
    assert log.rows("SELECT user_id, cost_usd FROM v_cost", "ann") == [("ann", 1.0)]
    assert log.rows("SELECT user_id, cost_usd FROM v_cost", "eve") == []


def test_v_ttft_ts_has_percentiles_of_the_calls_of_an_hour(log: Recorded) -> None:
    for n, ttft_ms in enumerate((100.0, 200.0, 300.0)):
        told = asked(1, tokens=(10, 11), ttft_ms=ttft_ms, decode_ms=100.0 * (n + 1))
        log.run(f"r{n}", *told)
    log.run("later", *asked(1, tokens=(10, 1)), ModelStarted(step=2, model="m"), hours=1.5)
    # 33 tokens in 600 ms; 10, 20 and 30 ms for each token after the first.
    assert log.rows("SELECT * FROM v_ttft_ts") == [
        (at(0), "m", 3, 200.0, 290.0, 20.0, 29.0, 55.0),
        (at(1), "m", 1, None, None, None, None, None),
    ]


def test_v_tokens_context_tells_how_a_prompt_grows(log: Recorded) -> None:
    log.run(
        "r",
        *asked(1, tokens=(100, 5), n_messages=1),
        *asked(2, tokens=(160, 7), n_messages=3),
        *asked(3, tokens=(120, 2), n_messages=5, n_dropped=2),
        ModelStarted(step=4, model="m"),
        state="failed",
    )
    log.run("s", *asked(1, tokens=(9, 1)), user_id="bob")
    sql = """SELECT run_id, step, messages, dropped_messages, context_tokens, growth_tokens,
             output_tokens FROM v_tokens_context"""
    assert log.rows(sql, "ann") == [
        ("r", 1, 1, 0, 100, None, 5),
        ("r", 2, 3, 0, 160, 60, 7),
        ("r", 3, 5, 2, 120, -40, 2),
    ]
    assert log.rows(sql, "bob") == [("s", 1, 1, 0, 9, None, 1)]


def test_v_models_tells_errors_of_a_model_from_those_of_people(log: Recorded) -> None:
    log.run("r1", *asked(1, finish_reason="tool_calls", ttft_ms=10), *asked(2, ttft_ms=30))
    states: tuple[FinalState | None, ...] = ("failed", "cancelled", None)
    for state in states:
        log.run(f"broken-off-{state}", ModelStarted(step=1, model="m"), state=state)
    columns = "model, calls, runs, finish_reasons, errors, error_rate, p50_ttft_ms, p95_ttft_ms"
    assert log.rows(f"SELECT {columns} FROM v_models") == [
        ("m", 5, 4, '{"stop":1,"tool_calls":1}', 1, 0.2, 20.0, 29.0)
    ]


def test_v_models_has_a_cost_of_runs_only_where_all_of_it_is_known(log: Recorded) -> None:
    log.run("r1", *asked(1, model="priced", cost=0.25), *asked(2, model="priced", cost=0.25))
    log.run("r2", *asked(1, model="priced", cost=0.5))
    log.run("r3", *asked(1, model="part", cost=0.5), *asked(2, model="part"))
    columns = "model, cost_usd, uncosted_calls, cost_usd_per_1000_runs"
    assert log.rows(f"SELECT {columns} FROM v_models ORDER BY model") == [
        ("part", 0.5, 1, None),
        ("priced", 1.0, 0, 500.0),
    ]
