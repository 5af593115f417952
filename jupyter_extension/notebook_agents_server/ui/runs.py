"""One run for the page: where its time went, and its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotFound
from notebook_agents.core.events import RunFinished, RunQueued
from notebook_agents.dashboards.inspection import event_rows, timeline, verdict
from notebook_agents.dashboards.run_phases import spans, totals
from notebook_agents_server.ui.data import UiData
from notebook_agents_server.ui.told import told_rows

if TYPE_CHECKING:
    from notebook_agents.core.events import Event

MAX_EVENTS = 2000
"""In the table; of a longer run the first."""
WHERE = "SELECT conversation_id FROM events WHERE run_id = $run_id LIMIT 1"


class RunData(UiData):
    """``/ui/api/runs/<id>``."""

    async def get(self, id: str) -> None:
        """A run of the actor's; to an administrator anybody's."""
        run_id = self.id_of("run", id)
        owner_id = None if self.actor.is_admin else self.actor.user_id
        found = await self.core.analytics.query(
            WHERE, owner_id=owner_id, parameters={"run_id": run_id}
        )
        if not found.rows:
            raise NotFound("run", id)
        gathered = await self.core.journal.gather(str(found.rows[0][0]), run_id=run_id)
        self.answer(told_run(run_id, gathered.events))


def told_run(run_id: str, events: Sequence[Event]) -> dict[str, Any]:
    """A run as the page shows it."""
    found = spans(events)
    phases = [(phase, round(ms / 1000, 3)) for phase, ms in totals(events).items()]
    rows = event_rows(events[:MAX_EVENTS])
    return {
        "id": run_id,
        "words": words(events),
        "verdict": verdict(events),
        "figure": timeline(found) if found else None,
        "phases": told_rows(("phase", "seconds"), phases),
        "events": told_rows(tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows]),
    }


def words(events: Sequence[Event]) -> str:
    """How the run ended, in a sentence, from its events alone."""
    bodies = [event.body for event in events]
    models = [body.model for body in bodies if isinstance(body, RunQueued)]
    ends = [body for body in bodies if isinstance(body, RunFinished)]
    told = [*models[:1]]
    if ends:
        told.append(f"{ends[-1].state} after {ends[-1].duration_ms / 1000:.2f} s")
    else:
        told.append("still running, or broken off")
    if events:
        told.append(f"{events[0].ts:%Y-%m-%d %H:%M:%S} UTC")
    told.append(f"{len(events)} events")
    if ends and ends[-1].error_message:
        told.append(ends[-1].error_message)
    return " · ".join(told)
