"""How runs end, also those whose process died: the last event, the stored state, the free place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.conversation_states import ConversationState, left_as
from notebook_agents.core.conversations import Conversation, MessageNode
from notebook_agents.core.events import Event, ModelFinished, RunFinished, TextDelta, ToolFinished
from notebook_agents.core.history import open_calls, result_part, settle
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import Source
from notebook_agents.core.messages import Message, assistant_message
from notebook_agents.core.ports import Change, Insert, Patch, Replace
from notebook_agents.core.runs import Run, advance
from notebook_agents.core.states import FinalState

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Store


def finished_event(run: Run, message_count: int | None = None) -> RunFinished:
    """The last event of a run, with how many messages its conversation has then."""
    assert run.is_final, "only a final run is finished"
    state: FinalState = run.state  # type: ignore[assignment]
    return RunFinished(
        state=state,
        text=run.text,
        usage=run.usage,
        n_steps=run.n_steps,
        n_tool_calls=len(run.tool_calls),
        duration_ms=run.duration_ms,
        work_ms=run.work_ms,
        error_code=run.error_code,
        error_message=run.error_message,
        result=run.result,
        batch_id=run.batch_id,
        message_count=message_count,
    )


def moved(run: Run, state: ConversationState, **fields: str) -> Patch:
    """The step of the conversation that a run holds."""
    return Patch(
        kind=Conversation,
        id=run.conversation_id,
        fields={"state": state, **fields},
        expected={"active_run_id": run.id},
    )


async def is_lost(run: Run, store: Store) -> bool:
    """Whether others thought that this process had died, and took the run from it."""
    stored = await store.get(Run, run.id)
    return stored is not None and stored.holder != run.holder


async def close(run: Run, store: Store) -> None:
    """Keep a final run and free its conversation; Conflict when it has another holder now.

    Both in one write, so that no conversation is left behind as held by a run that has ended.
    """
    changes: list[Change] = [Replace(record=run, expected={"holder": run.holder})]
    conversation = await store.get(Conversation, run.conversation_id)
    # Without it the run never had its turn.
    if conversation is not None and conversation.active_run_id == run.id:
        left = left_as(run.state, run.error_code, conversation.mode)
        changes.append(moved(run, left, active_run_id=""))
    await store.commit(*changes)


async def interrupt(run: Run, store: Store, journal: Journal) -> Run:
    """End a run whose process died: as its log says, else as interrupted.

    Raises Conflict when another process was faster.
    """
    held = {"holder": run.holder, "state": run.state}
    run = replace(run, holder=store.holder())
    # From here on the old holder, should it only have been out of reach, cannot write any more.
    await store.commit(Patch(kind=Run, id=run.id, fields={"holder": run.holder}, expected=held))
    events = (await journal.gather(run.conversation_id, run_id=run.id)).events
    last = events[-1] if events else None
    if last is not None and isinstance(last.body, RunFinished):
        run = replace(
            run,
            state=last.body.state,
            text=last.body.text,
            usage=last.body.usage,
            ended_at=last.ts,
            last_seq=last.run_seq,
            error_code=last.body.error_code,
            error_message=last.body.error_message,
            result=last.body.result,
        )
        await close(run, store)
        return run
    await _keep_what_was_left(run, events, store)
    run_seq = max(run.last_seq, last.run_seq if last else 0) + 1
    run = replace(
        advance(run, "interrupted"),
        last_seq=run_seq,
        text=_partial_text(events) or run.text,
        ended_at=last.ts if last else run.created_at,
        error_code="interrupted",
        error_message="the process that worked on the run died",
    )
    event = journal.append(finished_event(run), source_of(run), run_seq=run_seq)
    await journal.sync(run.conversation_id)
    await close(run, store)
    journal.publish(event)
    return run


async def _keep_what_was_left(run: Run, events: Sequence[Event], store: Store) -> None:
    """Put into the conversation what it lacks.

    The input of a run that had not begun, or what the log has of the step in which it died.
    """
    conversation = await store.get(Conversation, run.conversation_id)
    if conversation is None or conversation.active_run_id not in {"", run.id}:
        return
    history = [node.message for node in await store.chain(conversation.tip_id)]
    if not run.input_id:
        calls = open_calls(history)
        messages = [settle(calls), run.input] if calls else [run.input]
    elif events and conversation.active_run_id and (left := _left(history, events)):
        messages = [left]
    else:
        return
    created_at = events[-1].ts if events else run.created_at
    nodes: list[MessageNode] = []
    for message in messages:
        node = MessageNode(
            id=new_id(),
            parent_id=nodes[-1].id if nodes else conversation.tip_id,
            conversation_id=conversation.id,
            run_id=run.id,
            created_at=created_at,
            message=message,
        )
        nodes.append(node)
    count = conversation.message_count + len(nodes)
    patch = Patch(
        kind=Conversation,
        id=conversation.id,
        fields={"tip_id": nodes[-1].id, "message_count": count},
        expected={"tip_id": conversation.tip_id},
    )
    await store.commit(*(Insert(record=node) for node in nodes), patch)


def _left(history: Sequence[Message], events: Sequence[Event]) -> Message | None:
    if calls := open_calls(history):
        bodies = [e.body for e in _last_step(events)]
        return settle(calls, [result_part(b) for b in bodies if isinstance(b, ToolFinished)])
    text = _partial_text(events)
    is_kept = bool(history) and history[-1].role == "assistant"
    return assistant_message(text) if text and not is_kept else None


def _partial_text(events: Sequence[Event]) -> str:
    return "".join(e.body.text for e in _last_step(events) if isinstance(e.body, TextDelta))


def _last_step(events: Sequence[Event]) -> Sequence[Event]:
    ends = [i for i, event in enumerate(events) if isinstance(event.body, ModelFinished)]
    return events[ends[-1] + 1 :] if ends else events


def source_of(run: Run) -> Source:
    """What all events of a run have in common."""
    return Source(
        user_id=run.owner_id,
        dialect=run.dialect,
        agent_id=run.agent_id,
        conversation_id=run.conversation_id,
        run_id=run.id,
    )
