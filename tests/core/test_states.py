"""The one table of run states: every pair of states is allowed or refused as it says."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from notebook_agents.core.errors import Conflict
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import Run, advance
from notebook_agents.core.states import FINAL_STATES, TRANSITIONS, RunState

ALLOWED = {
    ("queued", "running"),
    *(("queued", end) for end in ("failed", "cancelled", "timed_out", "interrupted")),
    ("running", "waiting_approval"),
    *(("running", end) for end in FINAL_STATES),
    ("waiting_approval", "running"),
    *(("waiting_approval", end) for end in ("failed", "cancelled", "timed_out", "interrupted")),
}


@pytest.mark.parametrize(("now", "then"), list(itertools.product(TRANSITIONS, TRANSITIONS)))
def test_every_step_is_allowed_or_a_conflict(now: RunState, then: RunState) -> None:
    run = Run(
        id="r",
        owner_id="u",
        agent_id="a",
        conversation_id="c",
        model="m",
        state=now,
        input=user_message("x"),
        created_at=datetime.now(UTC),
    )
    if (now, then) in ALLOWED:
        assert advance(run, then).state == then
    else:
        with pytest.raises(Conflict, match="cannot become"):
            advance(run, then)
    assert run.is_final == (now in FINAL_STATES)
