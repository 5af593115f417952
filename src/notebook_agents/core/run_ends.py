"""How runs end, also those whose process died: the last event, the stored state, the free place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.events import RunFinished, TextDelta
from notebook_agents.core.journal import Source
from notebook_agents.core.ports import Patch, Replace
from notebook_agents.core.runs import Run, advance
from notebook_agents.core.states import FinalState

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Store


def finished_event(run: Run) -> RunFinished:
    """The last event of a run."""
    assert run.is_final, "only a final run is finished"
    state: FinalState = run.state  # type: ignore[assignment]
    return RunFinished(
        state=state,
        text=run.text,
        usage=run.usage,
        n_steps=run.n_steps,
        n_tool_calls=len(run.tool_calls),
        duration_ms=run.duration_ms,
        error_code=run.error_code,
        error_message=run.error_message,
    )


async def close(run: Run, store: Store) -> None:
    """Keep a final run and free its conversation."""
    await store.commit(Replace(record=run))
    free = Patch(
        kind=Conversation,
        id=run.conversation_id,
        fields={"active_run_id": ""},
        expected={"active_run_id": run.id},
    )
    try:
        await store.commit(free)
    except (Conflict, NotFound):
        return  # it never had the conversation, or the conversation was deleted


async def interrupt(run: Run, store: Store, journal: Journal) -> Run:
    """End a run whose process died: as its log says, else as interrupted."""
    events = await journal.read(run.conversation_id, run_id=run.id)
    last = events[-1] if events else None
    if last is not None and isinstance(last.body, RunFinished):
        run = replace(
            run,
            state=last.body.state,
            text=last.body.text,
            usage=last.body.usage,
            ended_at=last.ts,
            error_code=last.body.error_code,
            error_message=last.body.error_message,
        )
        await close(run, store)
        return run
    text = "".join(e.body.text for e in events if isinstance(e.body, TextDelta)) or run.text
    run = replace(
        advance(run, "interrupted"),
        text=text,
        ended_at=last.ts if last else run.created_at,
        error_code="interrupted",
        error_message="the process that worked on the run died",
    )
    event = journal.append(
        finished_event(run), source_of(run), run_seq=last.run_seq + 1 if last else 1
    )
    await journal.sync(run.conversation_id)
    await close(run, store)
    journal.publish(event)
    return run


def source_of(run: Run) -> Source:
    """What all events of a run have in common."""
    return Source(
        user_id=run.owner_id,
        dialect=run.dialect,
        agent_id=run.agent_id,
        conversation_id=run.conversation_id,
        run_id=run.id,
    )
