"""How runs went: by day, by hour, by error and by what they did when they failed."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.analytics.recorded import Recorded, asked, at, used

from notebook_agents.core.events import (
    AgentCreated,
    AgentUpdated,
    ApprovalDecided,
    ApprovalRequested,
    CellFinished,
    ExecutionFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    ToolFinished,
    ToolStarted,
)

HOUR = 3_600_000.0


def test_v_agents_daily_counts_the_runs_of_a_day(log: Recorded) -> None:
    log.tell(0, AgentCreated(name="old"), agent_id="a")
    log.tell(1, AgentUpdated(name="new", fields=("name",)), agent_id="a")
    log.run("r1", *asked(1, cost=0.5), takes=1)
    log.run("r2", *asked(1), takes=3, state="failed", user_id="bob")
    log.run("r3", ModelStarted(step=1, model="m"), state=None)
    log.run("r4", *asked(1, cost=1.0), hours=13, takes=1)
    columns = (
        "day, agent, runs, finished, success_rate, p50_ms, input_tokens, output_tokens,"
        " cost_usd, uncosted_calls, users"
    )
    sql = f"SELECT {columns} FROM v_agents_daily ORDER BY day"
    first, second = date(2026, 11, 21), date(2026, 11, 22)
    assert log.rows(sql) == [
        (first, "new", 3, 2, 0.5, 2 * HOUR, 20, 10, 0.5, 2, 2),
        (second, "new", 1, 1, 1.0, HOUR, 10, 5, 1.0, 0, 1),
    ]
    # Bob does not own the agent, so its name is not among his events.
    assert log.rows(sql, "bob") == [(first, None, 1, 1, 0.0, 3 * HOUR, 10, 5, None, 1, 1)]


def test_v_agents_daily_has_no_rate_before_a_run_has_ended(log: Recorded) -> None:
    log.run("r", state=None)
    sql = "SELECT runs, finished, success_rate, p95_ms, cost_usd FROM v_agents_daily"
    assert log.rows(sql) == [(1, 0, None, None, None)]


def test_v_latency_ts_has_percentiles_of_the_runs_that_ended_in_an_hour(log: Recorded) -> None:
    for n in range(5):
        log.run(f"r{n}", takes=0.1 * (n + 1))
    log.run("late", hours=0.5, takes=1)
    log.run("of-bob", takes=0.2, user_id="bob", agent_id="b")
    log.run("never-ended", state=None)
    # 6, 12, 18, 24 and 30 minutes.
    minutes = [18, 27.6, 28.8, 29.76, 30]
    assert log.rows("SELECT * FROM v_latency_ts", "ann") == [
        (at(0), "a", 5, *(m * 60_000 for m in minutes)),
        (at(1), "a", 1, HOUR, HOUR, HOUR, HOUR, HOUR),
    ]


def test_v_throughput_ts_knows_how_many_runs_wait_and_work(log: Recorded) -> None:
    queued, started = RunQueued(model="m"), RunStarted()
    ended = RunFinished(state="succeeded")
    for hours, body, run_id in (
        (0.0, queued, "r1"),
        (0.1, started, "r1"),
        (0.2, queued, "r2"),
        (0.3, queued, "r3"),
        (0.4, started, "r2"),
        (0.5, ended, "r1"),
        (1.5, RunFinished(state="cancelled"), "r3"),  # it was never begun
        (1.6, queued, "never-ended"),
        (1.7, started, "never-ended"),
        (3.2, ended, "r2"),
    ):
        log.tell(hours, body, run_id=run_id)
    log.tell(0.4, queued, run_id="of-bob", user_id="bob")
    columns = (
        "runs_queued, runs_started, runs_finished, in_flight, max_in_flight, queue_depth,"
        " max_queue_depth"
    )
    sql = f"SELECT bucket, {columns} FROM v_throughput_ts"
    assert log.rows(sql, "ann") == [
        (at(0), 3, 2, 1, 1, 2, 1, 2),
        (at(1), 1, 1, 1, 2, 2, 0, 1),
        (at(3), 0, 0, 1, 1, 1, 0, 0),
    ]
    assert log.rows(sql, "bob") == [(at(0), 1, 0, 0, 0, 0, 1, 1)]


def test_v_errors_counts_by_kind_and_place(log: Recorded) -> None:
    failed = used("c1", "shell", "failed", error_type="TIMEOUT")
    denied = used("c2", "shell", "denied", error_type="DENIED")
    log.run("r1", *failed, *denied, state="failed", error_code="engine")
    log.run("r2", *failed, hours=1, state="cancelled")
    log.run("r3", hours=2, state="interrupted", user_id="bob", model="other")
    execution: dict[str, Any] = {"execution_id": "x", "seq": 1}
    log.tell(
        3,
        CellFinished(cell_index=0, status="failed", error_type="KeyError", **execution),
        ExecutionFinished(task_id="t", state="failed", error_code="cell_failed", **execution),
    )
    columns = "operation, error_type, tool, model, errors, share, first_seen, last_seen, sample_run"
    sql = f"SELECT {columns} FROM v_errors ORDER BY errors DESC, first_seen, operation"
    assert log.rows(sql, "ann") == [
        ("tool", "TIMEOUT", "shell", "m", 2, 0.4, at(0), at(1), "r2"),
        ("run", "engine", None, "m", 1, 0.2, at(0.5), at(0.5), "r1"),
        ("cell", "KeyError", None, None, 1, 0.2, at(3), at(3), None),
        ("execution", "cell_failed", None, None, 1, 0.2, at(3), at(3), None),
    ]
    assert log.rows(sql, "bob") == [
        ("run", "interrupted", None, "other", 1, 1.0, at(2.5), at(2.5), "r3")
    ]


def test_v_failed_runs_names_what_a_run_did_when_it_ended(log: Recorded) -> None:
    broken_off = ToolFinished(call_id="c2", name="shell", status="cancelled")
    waiting = ApprovalRequested(call_id="c3", name="mail")
    answer = ApprovalDecided(call_id="c3", is_approved=True)
    open_call, open_step = ToolStarted(call_id="c2", name="shell"), ModelStarted(step=2, model="m")
    bad = used("c1", "look", "failed")
    log.run("model", *asked(1), *bad, open_step, state="failed", error_code="engine")
    log.run("tool", *asked(1), *used("c1", "look"), open_call, broken_off, state="timed_out")
    log.run("died-in-tool", *asked(1), open_call, state="interrupted")
    log.run("person", *asked(1), waiting, state="timed_out")
    log.run("answered", *asked(1), waiting, answer, *used("c3", "mail"), state="failed")
    log.run("at-once", state="failed", user_id="bob")
    log.run("fine", *asked(1))
    log.run("stopped", *asked(1), open_step, state="cancelled")
    log.run("never-ended", open_step, state=None)
    columns = "run_id, status, last_ok_step, failing_span, error_type, tool_errors, input_chars"
    sql = f"SELECT {columns} FROM v_failed_runs ORDER BY run_id"
    assert log.rows(sql, "ann") == [
        ("answered", "failed", 1, None, "failed", 0, 5),
        ("died-in-tool", "interrupted", 1, "execute_tool shell", "interrupted", 0, 5),
        ("model", "failed", 1, "chat m", "engine", 1, 5),
        ("person", "timed_out", 1, "approval mail", "timed_out", 0, 5),
        ("tool", "timed_out", 1, "execute_tool shell", "timed_out", 0, 5),
    ]
    assert log.rows(sql, "bob") == [("at-once", "failed", None, None, "failed", 0, 5)]


def test_v_tool_sequences_counts_what_follows_what(log: Recorded) -> None:
    loop = [
        *used("c1", "look", duration_ms=10),
        *used("c2", "edit", "failed", duration_ms=30),
        *used("c3", "look", duration_ms=20),
        *used("c4", "edit", duration_ms=40),
    ]
    log.run("r1", *loop)
    log.run("r2", *used("c1", "look", duration_ms=50), ToolStarted(call_id="c2", name="edit"))
    log.run("single", *used("c1", "look"))
    log.run("of-bob", *used("c1", "look"), *used("c2", "edit"), user_id="bob")
    sql = """SELECT sequence, length, occurrences, runs, success_rate, mean_ms
             FROM v_tool_sequences ORDER BY length, occurrences DESC, sequence"""
    # Of look → edit: one failed, one went well, one never ended; 40, 60 and 50 ms.
    assert log.rows(sql, "ann") == [
        ("look → edit", 2, 3, 2, 0.5, 50.0),
        ("edit → look", 2, 1, 1, 0.0, 50.0),
        ("edit → look → edit", 3, 1, 1, 0.0, 90.0),
        ("look → edit → look", 3, 1, 1, 0.0, 60.0),
        ("look → edit → look → edit", 4, 1, 1, 0.0, 100.0),
    ]


def test_v_tool_sequences_go_by_the_order_in_which_calls_began(log: Recorded) -> None:
    log.run(
        "r",
        ToolStarted(call_id="c1", name="slow"),
        ToolStarted(call_id="c2", name="quick"),
        ToolFinished(call_id="c2", name="quick", status="succeeded"),
        ToolFinished(call_id="c1", name="slow", status="succeeded"),
    )
    assert log.rows("SELECT sequence, success_rate FROM v_tool_sequences") == [
        ("slow → quick", 1.0)
    ]


def test_the_phases_of_a_run_that_ended_are_its_whole_time(log: Recorded) -> None:
    log.run("of-tools", *used("c", "shell", duration_ms=0.1 * HOUR), takes=0.5)
    log.run("at-once", *used("c", "shell", duration_ms=HOUR), takes=0.5)
    log.run("goes-on", *used("c", "shell", duration_ms=7), state=None)
    sql = "SELECT run_id, phase, ms FROM v_run_phases ORDER BY ALL"
    assert log.rows(sql) == [
        ("at-once", "tools", HOUR),
        ("goes-on", "tools", 7.0),
        ("of-tools", "other", 0.4 * HOUR),
        ("of-tools", "tools", 0.1 * HOUR),
    ]
