"""Conversations, users, schedules and refusals: what a person or an auditor asks the log."""

from __future__ import annotations

from typing import Any

from tests.analytics.recorded import Recorded, asked, at, used

from notebook_agents.analytics.catalogue import VIEWS, view_sql
from notebook_agents.core.events import (
    AnswerRated,
    ExecutionFinished,
    ExecutionQueued,
    ExecutionStarted,
    FileReceived,
    ModelStarted,
    ScheduleFired,
    ScheduleSkipped,
    SecurityViolation,
)
from notebook_agents.core.execution_events import ExecutionEnd

HOUR = 3_600_000.0


def test_v_conversations_sums_the_runs_of_each(log: Recorded) -> None:
    log.run("r1", *asked(1, cost=0.5), *used("c1", "look"), conversation_id="c", takes=1)
    log.run("r2", *asked(1), hours=2, state="failed", conversation_id="c")
    log.run("r3", ModelStarted(step=1, model="m"), hours=3, state=None, conversation_id="c")
    log.tell(4, AnswerRated(rating="good"), run_id="r1", conversation_id="c")
    log.tell(5, AnswerRated(rating="bad"), run_id="r1", conversation_id="c")
    log.tell(6, AnswerRated(rating="good"), run_id="r2", conversation_id="c")
    log.run("of-bob", *asked(1), user_id="bob", takes=1)
    file = FileReceived(attachment_id="x", mime_type="text/plain", size_bytes=1)
    log.tell(0, file, conversation_id="no-run")
    sql = "SELECT * FROM v_conversations"
    assert log.rows(sql, "ann") == [
        ("c", "ann", at(0), at(6), 6 * HOUR, 3, 1, "running", 1, 20, 10, 0.5, 2, 1, 1,
         2, None, 0, "open")
    ]  # fmt: skip
    assert log.rows(sql, "bob") == [
        ("of-of-bob", "bob", at(0), at(1), HOUR, 1, 0, "succeeded", 0, 10, 5, None, 1, 0, 0,
         1, None, 0, "answered")
    ]  # fmt: skip


def test_v_users_tells_how_it_went_for_each(log: Recorded) -> None:
    log.run("r1", *asked(1, cost=0.5), *used("c1", "look"), takes=1)
    log.run("r2", *asked(1), hours=24, takes=3, state="timed_out", conversation_id="of-r1")
    log.run("r3", hours=25, takes=1, state="cancelled")
    log.run("r4", hours=30, state=None)
    log.run("only", state=None, user_id="bob")
    columns = (
        "user_id, first_seen, last_seen, active_days, conversations, runs, tool_calls,"
        " input_tokens, output_tokens, cost_usd, uncosted_calls, error_rate, p95_ms"
    )
    sql = f"SELECT {columns} FROM v_users"
    # One error of three that ended; they took 1, 1 and 3 hours.
    ann = ("ann", at(0), at(30), 2, 3, 4, 1, 20, 10, 0.5, 1, 0.3333, 2.8 * HOUR)
    bob = ("bob", at(0), at(0), 1, 1, 1, 0, 0, 0, None, 0, None, None)
    assert log.rows(sql) == [ann, bob]
    assert log.rows(sql, "bob") == [bob]


def fire(log: Recorded, hour: int, state: ExecutionEnd | None, **common: str) -> None:
    """A tick of the task ``t`` and the execution that it starts."""
    of: dict[str, Any] = {"execution_id": f"x{hour}", "task_id": "t"}
    common = {"conversation_id": f"of-x{hour}", **common}
    log.tell(hour, ScheduleFired(scheduled_for=at(hour), late_s=1.5, **of), **common)
    log.tell(hour, ExecutionQueued(seq=1, trigger="schedule", **of), **common)
    if state is None:
        return
    log.tell(hour, ExecutionStarted(seq=2, **of), **common)
    code = "" if state == "succeeded" else "cell_failed"
    cost = 0.5 if state == "succeeded" else None
    told: dict[str, Any] = {"n_runs": 2, "duration_ms": 10, "cost_usd": cost, "error_code": code}
    log.tell(hour + 0.5, ExecutionFinished(seq=3, state=state, **told, **of), **common)


def test_v_schedules_counts_failures_in_a_row(log: Recorded) -> None:
    fire(log, 0, "failed")
    fire(log, 1, "succeeded")
    fire(log, 2, "failed")
    log.tell(3, ScheduleSkipped(task_id="t", scheduled_for=at(3), reason="busy"))
    fire(log, 4, "timed_out")
    fire(log, 5, None)
    columns = (
        "scheduled_for, status, skip_reason, late_ms, started, duration_ms, runs, cost_usd,"
        " error_type, consecutive_failures"
    )
    broken = (10.0, 2, None, "cell_failed")
    assert log.rows(f"SELECT {columns} FROM v_schedules") == [
        (at(0), "failed", None, 1500.0, at(0), *broken, 1),
        (at(1), "succeeded", None, 1500.0, at(1), 10.0, 2, 0.5, None, 0),
        (at(2), "failed", None, 1500.0, at(2), *broken, 1),
        (at(3), "skipped", "busy", None, None, None, None, None, None, 1),
        (at(4), "timed_out", None, 1500.0, at(4), *broken, 2),
        (at(5), "running", None, 1500.0, None, None, None, None, None, 2),
    ]


def test_v_schedules_leaves_out_what_people_started_and_what_others_own(log: Recorded) -> None:
    of: dict[str, Any] = {"execution_id": "by-hand", "task_id": "t"}
    log.tell(0, ExecutionQueued(seq=1, **of), ExecutionStarted(seq=2, **of))
    fire(log, 1, "succeeded", user_id="bob")
    sql = "SELECT task_id, user_id, execution_id FROM v_schedules"
    assert log.rows(sql) == [("t", "bob", "x1")]
    assert log.rows(sql, "ann") == []


def test_v_security_lists_what_was_refused(log: Recorded) -> None:
    taint = SecurityViolation(rule="taint", action="call shell", detail="read a page")
    headless = SecurityViolation(rule="headless-policy", action="execute mail")
    path = used("c1", "read_file", "failed", error_type="PATH_DENIED", content="Error: outside")
    failed = used("c2", "read_file", "failed", error_type="TIMEOUT")
    away = used("c3", "web_fetch", "failed", error_type="REDIRECT_DENIED", content="Error: led")
    log.run("r1", taint, *path, *failed, *away)
    log.tell(1, headless, user_id="bob")
    log.tell(2, SecurityViolation(rule="other", action="something else"), user_id="bob")
    columns = "ts, rule, tool, action, decision, detail, run_id"
    sql = f"SELECT {columns} FROM v_security ORDER BY ts, rule DESC"
    assert log.rows(sql, "ann") == [
        (at(0), "taint", "shell", "call shell", "refused", "read a page", "r1"),
        (at(0), "redirect-denied", "web_fetch", "call web_fetch", "refused", "Error: led", "r1"),
        (at(0), "path-denied", "read_file", "call read_file", "refused", "Error: outside", "r1"),
    ]
    assert log.rows(sql, "bob") == [
        (at(1), "headless-policy", "mail", "execute mail", "refused", "", None),
        (at(2), "other", None, "something else", "refused", "", None),
    ]


def test_show_tables_lists_the_events_and_every_view(log: Recorded) -> None:
    assert {name for (name,) in log.rows("SHOW TABLES", "ann")} == {"events", *VIEWS}


def test_units_stand_in_the_names_of_columns(log: Recorded) -> None:
    sql = "SELECT table_name, column_name FROM information_schema.columns"
    columns = [(view, name) for view, name in log.rows(sql) if view in VIEWS]
    assert {view for view, _ in columns} == set(VIEWS)
    bare = {"cost", "duration", "latency", "late", "ttft", "p50", "p90", "p95", "p99", "max"}
    assert not bare & {name for _, name in columns}


def test_no_view_of_what_every_run_has_reads_payloads() -> None:
    readers = {name for name in VIEWS if "payload" in view_sql(name)}
    # One run's, or what is rare beside the events of runs.
    of_one_run = {"v_run_timeline"}
    rare = {"v_security", "v_api", "v_streams", "v_webhooks", "v_gpu_ts", "v_budget", "v_evals"}
    assert readers <= of_one_run | rare
