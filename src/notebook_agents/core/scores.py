"""Scores: what somebody, or a program, thinks of an answer, for comparing versions of agents."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.events import RunQueued, ScoreRecorded
from notebook_agents.core.run_ends import source_of

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.run_service import Runs
    from notebook_agents.core.runs import Run
    from notebook_agents.core.users import Actor

MAX_NAME = 200
"""Characters of each name and label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A judgement of the answer of one run."""

    run_id: str
    scorer: str
    """What was judged, or by what: ``exact_match``."""
    value: float
    """The higher the better."""
    is_passed: bool | None = None
    """Whether that is good enough; None where nobody says."""
    label: str = ""
    dataset: str = ""
    """The set of questions it is part of; empty for none."""
    dataset_version: str = ""
    item: str = ""
    """Which question of the set."""


class Scores:
    """Keeps scores in the log; `v_evals` compares them."""

    def __init__(self, runs: Runs, journal: Journal) -> None:
        self._runs = runs
        self._journal = journal

    async def record(self, actor: Actor, score: Score) -> None:
        """Keep a score of a run of the actor.

        InvalidRequest names the field that is wrong; NotFound when there is no such run of theirs.
        """
        _check(score)
        run = await self._runs.get(actor, score.run_id)
        body = ScoreRecorded(
            dataset=score.dataset,
            dataset_version=score.dataset_version,
            item=score.item,
            scorer=score.scorer,
            value=float(score.value),
            label=score.label,
            is_passed=score.is_passed,
            agent_version=await self._version_of(run),
        )
        self._journal.record(body, source_of(run))

    async def _version_of(self, run: Run) -> str:
        """Which state of its agent's configuration the run began with."""
        events = await self._journal.read(run.conversation_id, run_id=run.id)
        queued = (event.body for event in events if isinstance(event.body, RunQueued))
        return next((body.agent_version for body in queued), "")


def _check(score: Score) -> None:
    if not math.isfinite(score.value):
        raise InvalidRequest("value is a finite number", field="value")
    if not score.scorer:
        raise InvalidRequest("scorer says what was judged, such as exact_match", field="scorer")
    for name in ("scorer", "label", "dataset", "dataset_version", "item"):
        if len(getattr(score, name)) > MAX_NAME:
            raise InvalidRequest(f"{name} has at most {MAX_NAME} characters", field=name)
