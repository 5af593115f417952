"""The sums for Prometheus are those of the views, however the log came to be as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.analytics.recorded import Recorded, asked, used

from notebook_agents.analytics.activity import ACTIVITY_SQL, activity_of
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.activity import Activity, Histogram, RequestKind
from notebook_agents.core.events import RequestsServed, RunFinished, StreamClosed
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.writer import JsonlEventLog

SERVED = RequestsServed(method="GET", route="/a", status=200, n=3, durations_ms=(1.0,))
KIND = RequestKind(dialect="aimos", method="GET", route="/a", status=200)


class Log(Recorded):
    """A log that is looked at by one who remembers, and by one who does not."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.home = home
        self.keeping = EventLogKeeping(home)
        self.remembering = EventAnalytics(EventFiles(home))

    def compact(self) -> None:
        self.keeping.compact(0.0)

    def remembered(self) -> Activity:
        return asyncio.run(self.remembering.activity())

    def told(self) -> Activity:
        """What is remembered, which is what the views say."""
        found = self.remembered()
        views = activity_of(EventAnalytics(EventFiles(self.home)).table_of(ACTIVITY_SQL, None))
        assert _rounded(found) == _rounded(views)
        return found

    def cold(self) -> list[Path]:
        return sorted((self.home / "events/cold").glob("*.parquet"))


def _rounded(activity: Activity) -> Activity:
    """Sums of fractions differ in their last digits with the order of adding."""
    return replace(
        activity,
        costs_usd={name: round(usd, 9) for name, usd in activity.costs_usd.items()},
        run_times=_whole(activity.run_times),
        queue_times=_whole(activity.queue_times),
        first_token_times=_whole(activity.first_token_times),
    )


def _whole(found: Histogram) -> Histogram:
    return replace(found, sum_s=round(found.sum_s, 6))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_what_was_compacted_is_read_once(log: Log) -> None:
    log.run("r1", *asked(cost=0.1, ttft_ms=20.0), *used("c1", "look"))
    log.tell(0, SERVED, StreamClosed(stream_id="s", transport="sse", reason="finished"),
             dialect="aimos")  # fmt: skip
    log.compact()
    first = log.told()
    assert (first.runs, first.requests) == ({"succeeded": 1}, {KIND: 3})
    for file in log.cold():
        file.write_bytes(b"nobody may read this again")
    log.run("r2", *asked(cost=0.2), state="failed")
    log.tell(1, SERVED, dialect="aimos")
    found = log.remembered()
    assert found.runs == {"succeeded": 1, "failed": 1}
    assert found.requests == {KIND: 6}
    assert found.costs_usd == pytest.approx({"m": 0.3})


def test_files_of_a_further_compaction_are_added(log: Log) -> None:
    log.run("r1", *asked(cost=0.1), user_id="ann")
    log.compact()
    log.told()
    before = log.cold()
    for file in before:
        file.write_bytes(b"nobody may read this again")
    log.run("r2", *asked(model="n", cost=0.2), user_id="bob")
    log.compact()
    assert set(before) <= set(log.cold())
    assert log.remembered().costs_usd == {"m": 0.1, "n": 0.2}


@pytest.mark.parametrize("is_compacted_again", [False, True])
def test_a_run_whose_end_comes_after_a_compaction_is_one_run(
    log: Log, is_compacted_again: bool
) -> None:
    log.run("r1", *asked(cost=0.1), *used("c1", "look"), state=None)
    log.run("r2", *asked(), state="cancelled")
    log.compact()
    assert log.told().runs == {"running": 1, "cancelled": 1}
    log.tell(3, *asked(2, cost=0.2), RunFinished(state="succeeded", duration_ms=5.0),
             run_id="r1", conversation_id="of-r1", agent_id="a")  # fmt: skip
    if is_compacted_again:
        log.compact()
    found = log.told()
    assert found.runs == {"succeeded": 1, "cancelled": 1}
    assert found.costs_usd == pytest.approx({"m": 0.3})
    assert found.tool_calls == {("look", "succeeded"): 1}


@pytest.mark.parametrize("is_compacted_again", [False, True])
def test_events_that_come_after_the_end_of_their_run_count_with_it(
    log: Log, is_compacted_again: bool
) -> None:
    log.run("r1", *asked())
    log.compact()
    assert log.told().uncosted_calls == {"m": 1}
    log.tell(3, *asked(2, cost=0.2), run_id="r1", conversation_id="of-r1", agent_id="a")
    if is_compacted_again:
        log.compact()
    found = log.told()
    assert (found.runs, found.costs_usd) == ({"succeeded": 1}, {"m": 0.2})
    assert found.run_times.sum_s == pytest.approx(1800)


def test_what_was_removed_is_not_told_any_more(log: Log) -> None:
    for name in ("r1", "r2"):
        log.run(name, *asked(cost=0.1))
    log.compact()
    assert log.told().runs == {"succeeded": 2}
    asyncio.run(JsonlEventLog(log.home).remove("of-r1"))
    assert log.told().runs == {"succeeded": 1}
    log.run("r3", *asked(cost=0.1), state="failed")
    log.compact()
    assert log.told().runs == {"succeeded": 1, "failed": 1}
