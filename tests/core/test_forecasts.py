"""What a question says of time and memory is what the owner's earlier calls took, or nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.core import Core
from notebook_agents.core.events import (
    ApprovalRequested,
    CellExecuted,
    CellFinished,
    Event,
    EventBody,
    ExecutionFinished,
    ToolFinished,
    ToolStarted,
    event_from_json,
    event_to_json,
)
from notebook_agents.core.forecasts import (
    FRESH_S,
    WAIT_S,
    Forecast,
    Forecasts,
    size_words,
    time_words,
    words_of,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.policy import MODES, Mode
from notebook_agents.core.redaction import Redactor
from notebook_agents.core.spawn import Supervisor
from notebook_agents.core.states import ToolStatus
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FakeClock, MemoryAnalytics, MemoryEventLog, ScriptedTools, call

GB = 1_000_000_000
CODE = "model.fit(X, y)"
SECRET = "correct-horse-battery-staple"


class History:
    """A log of calls and cells that were made before."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = JsonlEventLog(home)
        self.analytics = EventAnalytics(EventFiles(home))

    def add(self, body: EventBody, owner_id: str = "ann", run_id: str = "") -> None:
        self.log.append(
            Event(
                id=new_id(),
                run_id=run_id,
                ts=datetime.now(UTC),
                conversation_id="c1",
                user_id=owner_id,
                body=body,
            )
        )

    def add_call(
        self,
        arguments: Mapping[str, Any],
        minutes: float,
        memory: int | None = None,
        status: ToolStatus = "succeeded",
        owner_id: str = "ann",
    ) -> None:
        id = run_id = new_id()
        started = ToolStarted(
            call_id=id, name="live", arguments=dict(arguments), allowed_by="person"
        )
        self.add(started, owner_id, run_id)
        self.add(
            ToolFinished(
                call_id=id,
                name="live",
                status=status,
                duration_ms=minutes * 60_000,
                memory_bytes=memory,
            ),
            owner_id,
            run_id,
        )

    def add_cell(self, text: str, minutes: float) -> None:
        digest = hashlib.sha256(text.encode()).hexdigest()
        ms = minutes * 60_000
        self.add(CellExecuted(cell_id="x", source_digest=digest, duration_ms=ms, memory_bytes=GB))


@pytest.fixture
async def history(tmp_path: Path) -> Any:
    made = History(tmp_path / "home")
    yield made
    await made.analytics.aclose()
    await made.log.aclose()


def forecasts(history: Any, clock: FakeClock | None = None, *secrets: str) -> Forecasts:
    return Forecasts(history.analytics, clock or FakeClock(), Supervisor(), Redactor(secrets))


def question(**arguments: Any) -> ApprovalRequested:
    return ApprovalRequested(call_id="q", name="live", arguments=arguments)


async def told(of: Forecasts, **arguments: Any) -> Forecast | None:
    """The forecast of a call, however long this machine takes to read the history."""
    async with asyncio.timeout(60):
        while True:
            [asked] = await of.told([question(**arguments)], "ann")
            if asked.forecast is not None or "ann" in of._known:
                return asked.forecast


async def test_the_same_call_is_told_with_its_time_memory_and_how_often(history: Any) -> None:
    for minutes, memory in ((13, 8), (14, 9), (14, 9), (15, 8)):
        history.add_call({"code": CODE}, minutes, memory * GB)
    history.add_call({"code": "1"}, 0.01, GB)
    found = await told(forecasts(history), code=CODE)
    assert found is not None
    assert (found.basis, found.n_seen, found.memory_bytes) == ("call", 4, 9 * GB)
    assert words_of(found) == "about 14 min, 9 GB; seen 4 times"


async def test_another_call_of_the_tool_is_told_as_such(history: Any) -> None:
    history.add_call({"code": CODE}, 2)
    found = await told(forecasts(history), code="something else")
    assert found is not None
    assert words_of(found) == "about 2 min (other calls of this tool); seen once"


async def test_code_of_a_cell_is_told_as_the_cell(history: Any) -> None:
    history.add_cell(CODE, 14)
    history.add_call({"code": "1"}, 0.1)
    found = await told(forecasts(history), code=CODE)
    assert found is not None
    assert words_of(found) == "about 14 min, 1 GB (as cells); seen once"


async def test_nothing_is_told_where_nothing_is_known_and_nothing_of_others(history: Any) -> None:
    history.add_call({"code": CODE}, 14, owner_id="bob")
    assert await told(forecasts(history), code=CODE) is None


async def test_failures_are_told_and_their_times_do_not_count(history: Any) -> None:
    history.add_call({"code": CODE}, 14)
    history.add_call({"code": CODE}, 0.001, status="failed")
    found = await told(forecasts(history), code=CODE)
    assert found is not None
    assert words_of(found) == "about 14 min; seen 2 times, failed 1 of them"


async def test_calls_that_nobody_allowed_are_no_history(history: Any) -> None:
    history.add(ToolStarted(call_id="a", name="live"), run_id="r")
    history.add(ToolFinished(call_id="a", name="live", status="denied"), run_id="r")
    assert await told(forecasts(history), code=CODE) is None


async def test_a_call_with_a_secret_is_found_as_the_log_has_it(history: Any) -> None:
    masked = Redactor([SECRET]).value({"code": f"login({SECRET!r})"})
    history.add_call(masked, 1)
    found = await told(forecasts(history, None, SECRET), code=f"login({SECRET!r})")
    assert found is not None
    assert found.basis == "call"


async def test_a_history_is_read_once_and_again_when_it_is_old(history: Any) -> None:
    history.add_call({"code": CODE}, 1)
    clock = FakeClock()
    of = forecasts(history, clock)
    await told(of, code=CODE)
    history.add_call({"code": CODE}, 1)
    again = await told(of, code=CODE)
    assert again is not None
    assert again.n_seen == 1
    clock.advance(FRESH_S)
    async with asyncio.timeout(60):
        while (found := await told(of, code=CODE)) is None or found.n_seen == 1:
            clock.advance(FRESH_S)
    assert found.n_seen == 2


async def test_a_history_is_read_again_for_a_question_after_a_call(history: Any) -> None:
    history.add_call({"code": CODE}, 1)
    of = forecasts(history)
    await told(of, code=CODE)
    history.add_call({"code": CODE}, 1)
    of.outdate("ann")
    of.read_ahead("ann")
    async with asyncio.timeout(60):
        while (found := await told(of, code=CODE)) is None or found.n_seen == 1:
            pass
    assert found.n_seen == 2


async def test_a_question_after_a_call_of_the_same_run_is_read_for(
    make_core: Callable[..., Core], driver: Any
) -> None:
    analytics = CountingAnalytics(MemoryEventLog())
    tools = ScriptedTools({"live": run, "look": run}, effects={"live": "write", "look": "read"})
    core = make_core(
        call("look", code=CODE), call("live", code=CODE), tools=tools, analytics=analytics
    )
    run_ = await driver.finish(core, policy=MODES["ask"])
    assert run_.state == "waiting_approval"
    await core.aclose()
    assert analytics.n_queries == 2


class LateAnalytics(EventAnalytics):
    """Answers once it was waited for longer than for a newer history."""

    async def query(self, sql: str, **wish: Any) -> Any:
        is_late = asyncio.Event()
        asyncio.get_running_loop().call_later(1.2 * WAIT_S, is_late.set)
        await is_late.wait()
        return await super().query(sql, **wish)


async def test_a_first_question_waits_until_the_history_is_there(history: Any) -> None:
    history.add_call({"code": CODE}, 1)
    late = LateAnalytics(EventFiles(history.home))
    await EventAnalytics.query(late, "FROM events", owner_id="ann")  # what opening it takes is over
    of = Forecasts(late, FakeClock(), Supervisor(), Redactor())
    [asked] = await of.told([question(code=CODE)], "ann")
    assert asked.forecast is not None
    assert asked.forecast.n_seen == 1
    await late.aclose()


async def test_a_history_is_read_before_there_is_a_run_but_once() -> None:
    analytics = CountingAnalytics(MemoryEventLog())
    of = Forecasts(analytics, FakeClock(), Supervisor(), Redactor())
    of.read_ahead("ann")
    assert await of.told([question(code=CODE)], "ann") == [question(code=CODE)]
    of.read_ahead("ann")
    assert await of.told([question(code=CODE)], "ann") == [question(code=CODE)]
    assert analytics.n_queries == 1


class CountingAnalytics(MemoryAnalytics):
    """Counts what it is asked."""

    n_queries = 0

    async def query(self, sql: str, **wish: Any) -> Any:
        self.n_queries += 1
        return await super().query(sql, **wish)


class GatedAnalytics(CountingAnalytics):
    """Answers once it may."""

    def __init__(self) -> None:
        super().__init__(MemoryEventLog())
        self.is_asked, self.gate = asyncio.Event(), asyncio.Event()

    async def query(self, sql: str, **wish: Any) -> Any:
        self.is_asked.set()
        await self.gate.wait()
        return await super().query(sql, **wish)


async def test_a_call_that_ends_while_the_history_is_read_is_told_of_later() -> None:
    analytics = GatedAnalytics()
    of = Forecasts(analytics, FakeClock(), Supervisor(), Redactor())
    of.read_ahead("ann")
    await analytics.is_asked.wait()
    of.outdate("ann")
    analytics.gate.set()
    for _ in range(3):
        await of.told([question(code=CODE)], "ann")
    assert analytics.n_queries == 2


class StuckAnalytics(MemoryAnalytics):
    """Never answers."""

    async def query(self, sql: str, **_: Any) -> Any:
        await asyncio.Event().wait()


async def test_a_question_does_not_wait_for_a_slow_history() -> None:
    supervisor = Supervisor()
    of = Forecasts(StuckAnalytics(MemoryEventLog()), FakeClock(), supervisor, Redactor())
    async with asyncio.timeout(60):
        assert await of.told([question(code=CODE)], "ann") == [question(code=CODE)]
        assert await of.words_of_task("ann", "t1") == ""
    await supervisor.aclose()


@pytest.mark.parametrize(
    ("mode", "effect", "n"), [("ask", "write", 1), ("ask", "read", 0), ("full", "write", 0)]
)
async def test_a_history_is_read_ahead_where_a_run_may_ask(
    make_core: Callable[..., Core], driver: Any, mode: Mode, effect: Any, n: int
) -> None:
    analytics = CountingAnalytics(MemoryEventLog())
    tools = ScriptedTools({"live": run}, effects={"live": effect})
    core = make_core("done", tools=tools, analytics=analytics)
    await driver.finish(core, policy=MODES[mode])
    await core.aclose()
    assert analytics.n_queries == n


async def test_a_task_is_told_from_its_executions(history: Any) -> None:
    of = forecasts(history)
    assert await of.of_task("ann", "t1") is None
    for seq in (1, 2, 3):
        history.add(CellFinished(execution_id="e1", seq=seq, cell_index=seq, status="succeeded"))
    history.add(
        ExecutionFinished(
            execution_id="e1", task_id="t1", seq=4, state="succeeded", duration_ms=840_000
        )
    )
    found = await of.of_task("ann", "t1")
    assert found is not None
    assert words_of(found) == "runs 3 cells, about 14 min; seen once"
    assert await of.of_task("bob", "t1") is None
    assert await of.words_of_task("bob", "t1") == ""


def run(code: str) -> str:
    """Run code."""
    return f"ran {code}"


async def test_the_question_of_a_run_carries_it_from_the_loop_to_the_record(
    make_core: Callable[..., Core], driver: Any, history: Any
) -> None:
    history.add_call({"code": CODE}, 14, 9 * GB)
    tools = ScriptedTools({"live": run}, effects={"live": "write"})
    core = make_core(call("live", code=CODE), "done", tools=tools, analytics=history.analytics)
    await told(core.forecasts, code=CODE)
    run_ = await driver.finish(core, policy=MODES["ask"])
    assert run_.state == "waiting_approval"
    [entry] = run_.pending
    assert entry.forecast is not None
    assert words_of(entry.forecast) == "about 14 min, 9 GB; seen once"
    gathered = await core.journal.gather(run_.conversation_id, run_id=run_.id)
    [event] = [e for e in gathered.events if isinstance(e.body, ApprovalRequested)]
    assert event_from_json(event_to_json(event)) == event
    assert event.body.forecast == entry.forecast  # type: ignore[union-attr]
    await core.aclose()


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "under 1 s"),
        (8_000, "8 s"),
        (89_400, "89 s"),
        (840_000, "14 min"),
        (5_400_000, "1.5 h"),
        (7_200_000, "2 h"),
    ],
)
def test_times_are_said_as_people_say_them(ms: float, words: str) -> None:
    assert time_words(ms) == words


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [(1, "1 MB"), (40_000_000, "40 MB"), (9 * GB, "9 GB"), (340_000_000, "0.3 GB")],
)
def test_sizes_are_said_as_people_say_them(n_bytes: int, words: str) -> None:
    assert size_words(n_bytes) == words


def test_a_wide_range_is_said() -> None:
    found = Forecast(n_seen=9, duration_ms=60_000, duration_p95_ms=2_400_000)
    assert words_of(found) == "about 60 s, at times 40 min; seen 9 times"
    assert words_of(replace(found, duration_p95_ms=70_000)) == "about 60 s; seen 9 times"
