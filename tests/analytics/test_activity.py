"""The sums that Prometheus is told, against the events they are made of."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tests.analytics.recorded import Recorded, asked, used

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.activity import Activity, RequestKind
from notebook_agents.core.events import RequestsServed, StreamClosed
from notebook_agents.eventlog.files import EventFiles


@pytest.fixture
def analytics(tmp_path: Path, log: Recorded) -> EventAnalytics:
    return EventAnalytics(EventFiles(tmp_path))


async def test_an_empty_log_has_no_activity(analytics: EventAnalytics) -> None:
    assert await analytics.activity() == Activity()


async def test_activity_sums_everybodys_events(log: Recorded, analytics: EventAnalytics) -> None:
    log.run("r1", *asked(cost=0.5, tokens=(10, 5), ttft_ms=20.0), *used("c1", "look"), takes=0.0001)
    log.run("r2", *asked(model="n"), *used("c2", "look", "failed"), user_id="bob", state="failed",
            takes=1)  # fmt: skip
    log.run("r3", state=None)
    served = RequestsServed(method="GET", route="/a/{id}", status=404, n=3, durations_ms=(1, 2, 3))
    log.tell(0, served, dialect="aimos")
    log.tell(1, served, dialect="aimos", user_id="bob")
    log.tell(1, StreamClosed(stream_id="s", transport="sse", reason="fell_behind"))
    found = await analytics.activity()
    kind = RequestKind(dialect="aimos", method="GET", route="/a/{id}", status=404)
    assert found.requests == {kind: 6}
    assert found.runs == {"succeeded": 1, "failed": 1, "running": 1}
    assert found.run_times.counts == {0.5: 1, math.inf: 1}
    assert found.run_times.sum_s == pytest.approx(0.36 + 3600)
    assert found.first_token_times.counts == {0.025: 1}
    assert found.tokens == {
        ("input", "m"): 10,
        ("output", "m"): 5,
        ("input", "n"): 10,
        ("output", "n"): 5,
    }
    assert found.costs_usd == {"m": 0.5}
    assert found.uncosted_calls == {"m": 0, "n": 1}
    assert found.tool_calls == {("look", "succeeded"): 1, ("look", "failed"): 1}
    assert found.streams == {("sse", "fell_behind"): 1}
    more = found.with_requests({kind: 2})
    assert more.requests[kind] == 8
    assert more.n_requests_today == found.n_requests_today + 2
