"""SQL over the events works while others write, and shows each owner only their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from notebook_agents.analytics.catalogue import VIEWS, view_sql
from notebook_agents.analytics.queries import MAX_ROWS, EventAnalytics
from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.core.assessments import Finding
from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    EventBody,
    RunFinished,
    ToolStarted,
)
from notebook_agents.core.journal import Source
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.core.spawn import Supervisor
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FixedPrices, ScriptedEngine, call, fake_core

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")


def analytics_of(home: Path) -> EventAnalytics:
    return EventAnalytics(EventFiles(home))


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    core = fake_core(
        "Hello there",
        [call("python_executor", code="1"), call("python_executor")],
        "Done",
        home=tmp_path / "work",
        event_log=JsonlEventLog(tmp_path),
        analytics=analytics_of(tmp_path),
    )
    yield core
    await core.aclose()


async def run(core: Core, actor: Actor, text: str = "hi") -> str:
    agent = await core.agents.ensure(actor, CreateAgent(name="a"))
    started = await core.runs.start(actor, StartRun(agent_id=agent.id, message=user_message(text)))
    await core.runs.wait(actor, started.id)
    return agent.id


async def test_v_runs_counts_what_happened(core: Core) -> None:
    await run(core, ANN)
    await run(core, ANN)
    table = await core.analytics.query(
        "SELECT status, steps, model_calls, tool_calls, input_tokens > 0, output_tokens, cost_usd,"
        " ended >= started, model FROM v_runs ORDER BY started"
    )
    tiny = "notebook-agents/tiny"
    assert table.rows == (
        ("succeeded", 1, 1, 0, True, 2, None, True, tiny),
        ("succeeded", 2, 2, 2, True, 3, None, True, tiny),
    )


async def test_costs_are_summed_where_they_are_known(tmp_path: Path) -> None:
    core = fake_core(
        engine=ScriptedEngine(models=("gpt-4o-mini",)),
        home=tmp_path / "work",
        event_log=JsonlEventLog(tmp_path),
        analytics=analytics_of(tmp_path),
        price_list=FixedPrices({"gpt-4o-mini": ("0", "1000000")}),
    )
    await run(core, ANN)
    assert (await core.analytics.totals(owner_id="ann")).cost_usd is None
    agent = await core.agents.ensure(BOB, CreateAgent(name="a"))
    wish = StartRun(agent_id=agent.id, message=user_message("hi"), model="gpt-4o-mini")
    await core.runs.wait(BOB, (await core.runs.start(BOB, wish)).id)
    assert (await core.analytics.totals()).cost_usd == 3.0
    await core.aclose()


async def test_v_tools_tells_errors_from_successes(core: Core) -> None:
    await run(core, ANN)
    await run(core, ANN)
    table = await core.analytics.query("SELECT tool, calls, errors, error_rate, runs FROM v_tools")
    assert table.rows == (("python_executor", 2, 1, 0.5, 1),)


async def test_v_approvals_tells_who_decided_about_each_call(tmp_path: Path) -> None:
    finding = Finding(risk="deletes", text="deletes a.txt", line=1)
    asked: dict[str, Any] = {"name": "shell", "effect": "external", "findings": (finding,)}
    told: tuple[EventBody, ...] = (
        ToolStarted(call_id="c1", name="look", allowed_by="policy", effect="read"),
        ApprovalRequested(call_id="c2", **asked),
        ApprovalDecided(call_id="c2", is_approved=False, by="ann", feedback="no", **asked),
        ToolStarted(call_id="c2", name="shell"),
        ApprovalRequested(call_id="c3", **asked),
        ApprovalDecided(call_id="c4", is_approved=False, via="timeout", **asked),
    )
    core = fake_core(event_log=JsonlEventLog(tmp_path), home=tmp_path / "work")
    for body in told:
        core.journal.record(body, Source(user_id="ann", run_id="r"), run_seq=1)
    stopped = (ApprovalRequested(call_id="c5", **asked), RunFinished(state="cancelled"))
    for body in stopped:
        core.journal.record(body, Source(user_id="ann", run_id="stopped"), run_seq=1)
    await core.journal.sync("system")
    table = await analytics_of(tmp_path).query(
        "SELECT call_id, tool, decision, decided_by, person, effect, findings FROM v_approvals"
        " ORDER BY call_id"
    )
    assert table.rows == (
        ("c1", "look", "allowed", "policy", "", "read", ""),
        ("c2", "shell", "denied", "person", "ann", "external", "deletes a.txt"),
        ("c3", "shell", "waiting", "", "", "external", "deletes a.txt"),
        ("c4", "shell", "denied", "timeout", "", "external", "deletes a.txt"),
        ("c5", "shell", "unanswered", "", "", "external", "deletes a.txt"),
    )


async def test_v_run_timeline_is_gap_free_and_starts_at_zero(core: Core) -> None:
    await run(core, ANN)
    table = await core.analytics.query("SELECT run_seq, offset_ms, type FROM v_run_timeline")
    assert [row[0] for row in table.rows] == list(range(1, len(table.rows) + 1))
    assert table.rows[0][1:] == (0, "run_queued")
    assert table.rows[-1][2] == "run_finished"


async def test_an_owner_sees_only_their_events(core: Core) -> None:
    await run(core, ANN)
    await run(core, BOB)
    sql = "SELECT DISTINCT user_id FROM events ORDER BY 1"
    assert (await core.analytics.query(sql, owner_id="ann")).rows == (("ann",),)
    assert (await core.analytics.query(sql)).rows == (("ann",), ("bob",))
    assert (await core.analytics.query(sql, owner_id="x' OR 1=1 --")).rows == ()


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE events",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_json('../*.jsonl')",
        "COPY events TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELEC 1",
        "",
    ],
)
async def test_anything_but_one_select_over_the_views_is_refused(tmp_path: Path, sql: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        await analytics_of(tmp_path).query(sql, owner_id="ann")
    assert error.value.details["field"] == "sql"


async def test_a_result_is_whole_or_refused(tmp_path: Path) -> None:
    analytics = analytics_of(tmp_path)
    assert len((await analytics.query(f"SELECT * FROM range({MAX_ROWS})")).rows) == MAX_ROWS
    with pytest.raises(InvalidRequest, match="add a LIMIT"):
        await analytics.query(f"SELECT * FROM range({MAX_ROWS + 1})")
    await analytics.aclose()


async def test_an_empty_log_has_empty_views_and_zero_figures(tmp_path: Path) -> None:
    analytics = analytics_of(tmp_path / "not" / "there" / "yet")
    for view in VIEWS:
        assert (await analytics.query(f"SELECT * FROM {view}")).rows == ()
    assert (await analytics.totals()).n_runs == 0
    assert (await analytics.agent_statistics("nobody")).error_rate == 0.0
    await analytics.aclose()


async def test_statistics_of_an_agent_agree_with_the_views(core: Core) -> None:
    agent_id = await run(core, ANN)
    await run(core, BOB)
    figures = await core.agents.statistics(ANN, agent_id)
    assert (figures.n_runs, figures.n_succeeded, figures.error_rate) == (1, 1, 0.0)
    assert figures.n_tokens == 3
    totals = await core.analytics.totals()
    assert totals.n_runs == 2
    assert (await core.analytics.totals(owner_id="ann")).n_runs == 1
    assert (await core.analytics.totals(owner_id="nobody")).n_runs == 0
    assert totals.p99_duration_ms >= totals.p95_duration_ms >= totals.mean_duration_ms > 0


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_writer import event
from notebook_agents.eventlog.writer import JsonlEventLog
log = JsonlEventLog(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    log.append(event(number))
    print(number, flush=True)
"""


async def test_another_process_can_write_while_we_read(tmp_path: Path) -> None:
    helper = str(Path(__file__).parents[1] / "eventlog")
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path), helper], stdout=subprocess.PIPE
    )
    analytics, seen = analytics_of(tmp_path), 0
    try:
        for _ in range(3):
            assert writer.stdout is not None
            acknowledged = int(writer.stdout.readline())
            table = await analytics.query("SELECT count(*), max(run_seq) FROM events")
            count, newest = table.rows[0]
            assert count == newest >= max(acknowledged, seen)
            seen = count
    finally:
        writer.kill()
        writer.communicate()
    assert seen > 0


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_says_what_a_row_is(view: str) -> None:
    assert view_sql(view).startswith("-- One row per ")


async def test_v_run_phases_tells_where_the_time_of_a_run_went(core: Core) -> None:
    await run(core, ANN)
    await run(core, ANN)
    table = await core.analytics.query(
        "SELECT phase, count(DISTINCT run_id), min(ms) > 0 FROM v_run_phases"
        " WHERE phase IN ('prefill', 'decode', 'person') GROUP BY phase ORDER BY phase"
    )
    assert table.rows == (("decode", 2, True), ("prefill", 2, True))


class GatedFiles(EventFiles):
    """The files of a log that somebody else holds up."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.is_asked, self.gate = threading.Event(), threading.Event()

    def snapshot(self, owner_id: str | None = None) -> LogSnapshot:
        self.is_asked.set()
        self.gate.wait()
        return super().snapshot(owner_id)


async def test_it_is_at_rest_when_also_a_given_up_question_is_read(tmp_path: Path) -> None:
    files = GatedFiles(tmp_path)
    analytics, supervisor = EventAnalytics(files), Supervisor()
    await analytics.at_rest()
    question = supervisor.spawn(analytics.query("SELECT nothing"), name="question")
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, files.is_asked.wait)
    question.cancel()
    resting = supervisor.spawn(analytics.at_rest(), name="waiting")
    await asyncio.wait((question,))
    assert (question.cancelled(), resting.done()) == (True, False)
    files.gate.set()
    await resting
    await analytics.aclose()


async def test_who_asks_at_once_and_what_was_opened_ahead_share_one_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    connect = duckdb.connect

    def counted() -> duckdb.DuckDBPyConnection:
        opened.append("one more")
        return connect()

    monkeypatch.setattr(duckdb, "connect", counted)
    JsonlEventLog(tmp_path)
    analytics = analytics_of(tmp_path)
    analytics.open_ahead("ann")
    await asyncio.gather(*(analytics.query("SELECT 1", owner_id="ann") for _ in range(4)))
    assert len(opened) == 1
    await analytics.query("SELECT 1", owner_id="bob")
    assert len(opened) == 2
    await analytics.aclose()


class GoneFiles(EventFiles):
    """A log whose compacted file went without a word."""

    def snapshot(self, owner_id: str | None = None) -> LogSnapshot:
        return LogSnapshot(hot=(), cold=("/nowhere/gone.parquet",))


async def test_what_cannot_be_opened_ahead_is_told_to_who_asks(tmp_path: Path) -> None:
    analytics = EventAnalytics(GoneFiles(tmp_path))
    analytics.open_ahead(None)
    await analytics.at_rest()
    with pytest.raises(InvalidRequest, match="change faster than they are read"):
        await analytics.query("SELECT count(*) FROM events")
    await analytics.aclose()


async def test_what_is_broken_off_before_it_begins_leaves_no_thread(tmp_path: Path) -> None:
    files = GatedFiles(tmp_path)
    analytics, supervisor = EventAnalytics(files), Supervisor()
    questions = [supervisor.spawn(analytics.query("SELECT 1"), name=f"{n}") for n in range(8)]
    await asyncio.get_running_loop().run_in_executor(None, files.is_asked.wait)
    for question in questions:
        question.cancel()
    await asyncio.wait(questions)
    files.gate.set()
    await analytics.aclose()
    again = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert [thread for thread in again if thread.interval < 1] == []
    analytics.open_ahead("ann")  # by a page that is opened at the very end
