"""A conversation as it is kept, in the form in which a panel shows it.

The chain of messages says what belongs to the conversation, the events of each run what happened
in it. An answer is one message here, with everything its run did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from notebook_agents.core.events import ModelFinished
from notebook_agents.core.messages import AttachmentPart
from notebook_agents.core.models import Usage
from notebook_agents.magics.session import TYPED
from notebook_agents.magics.transcript import TextBlock, ToolBlock, Transcript
from notebook_agents.widgets.chat_drawing import Question, blocks_of, footer_of, take

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation, MessageNode
    from notebook_agents.core.core import Core
    from notebook_agents.core.events import EventBody
    from notebook_agents.core.runs import Run
    from notebook_agents.core.users import Actor
    from notebook_agents.widgets.chat_board import Record


@dataclass(slots=True, kw_only=True)
class History:
    """A conversation, ready to be shown."""

    conversation: Conversation | None = None
    messages: list[Record] = field(default_factory=list)
    tips: dict[str, str] = field(default_factory=dict)
    """By the id of a shown message, the last message of the chain that belongs to it."""
    parents: dict[str, str] = field(default_factory=dict)
    """By the id of a shown message, the one before its first in the chain."""
    usage: Usage = Usage()
    context_used: int = 0
    """Tokens of the last step: what the model read and wrote."""


async def load(
    core: Core, actor: Actor, conversation_id: str, events: dict[str, list[EventBody]]
) -> History:
    """Read a conversation of the actor's; NotFound when it is not there.

    ``events`` keeps those of finished runs from one time to the next.
    """
    transcript = await core.transcripts.get(actor, conversation_id)
    settings = transcript.conversation.settings
    hidden, ratings = set(settings.hidden_runs), settings.ratings
    history = History(conversation=transcript.conversation, usage=transcript.usage)
    for run_id, group in groupby(transcript.nodes, key=lambda node: node.run_id):
        run = transcript.runs.get(run_id)
        if run is not None and run_id not in events:
            gathered = await core.journal.gather(run.conversation_id, run_id=run.id)
            events[run_id] = [event.body for event in gathered.events]
        bodies = events.get(run_id, [])
        if run is not None and not run.is_final:
            del events[run_id]
        history.context_used = _tokens(bodies) or history.context_used
        first = len(history.messages)
        _show(history, list(group), run, bodies)
        for message in history.messages[first:]:
            message["is_hidden"] = bool(run_id) and run_id in hidden
            message["rating"] = ratings.get(run_id, "")
    return history


def user_record(id: str, text: str, **more: Any) -> Record:
    """What a person said, as a message of the state."""
    return {
        "id": id,
        "role": "user",
        "state": "succeeded",
        "run_id": "",
        "is_hidden": False,
        "attachments": [],
        "blocks": [{"id": f"{id}:text", "type": "text", "text": text}],
        **more,
    }


def answer_record(id: str, transcript: Transcript, **more: Any) -> Record:
    """What a run did, as a message of the state."""
    record: Record = {
        "id": id,
        "role": "assistant",
        "state": transcript.state or "running",
        "run_id": "",
        "is_hidden": False,
        "blocks": [],
        **more,
    }
    if transcript.state:
        record["footer"] = footer_of(transcript)
    if transcript.error and transcript.state not in ("succeeded", "cancelled"):
        record["error"] = {"text": transcript.error}
    return record


def _show(
    history: History, nodes: Sequence[MessageNode], run: Run | None, bodies: Iterable[EventBody]
) -> None:
    """Add the messages of one run, or those that no run has written."""
    said = [node for node in nodes if node.message.role == "user"]
    done = [node for node in nodes if node.message.role != "user"]
    for node in said:
        _place(history, node.id, node, node)
        history.messages.append(
            user_record(
                node.id,
                typed if isinstance(typed := _typed(run), str) else node.message.text,
                run_id=node.run_id,
                created_at=node.created_at.isoformat(),
                attachments=[_chip(p) for p in node.message.parts if isinstance(p, AttachmentPart)],
            )
        )
    home = history.conversation.id if history.conversation is not None else ""
    is_ended = run is not None and run.is_final and run.conversation_id == home
    if not done and not is_ended:
        return  # not answered yet, or in the conversation that this one was forked from
    id = done[-1].id if done else f"run:{nodes[-1].run_id}"
    first, last = (done[0], done[-1]) if done else (said[-1], said[-1])
    _place(history, id, first, last)
    transcript, questions = _drawn(run, done, bodies)
    record = answer_record(id, transcript, run_id=nodes[-1].run_id)
    record["blocks"] = blocks_of(transcript, questions, nodes[-1].run_id or id)
    history.messages.append(record)


def _place(history: History, id: str, first: MessageNode, last: MessageNode) -> None:
    history.tips[id] = last.id
    history.parents[id] = first.parent_id


def _drawn(
    run: Run | None, nodes: Sequence[MessageNode], bodies: Iterable[EventBody]
) -> tuple[Transcript, dict[str, Question]]:
    transcript, questions = Transcript(model=run.model if run else ""), dict[str, Question]()
    for body in bodies:
        transcript.apply(body)
        take(questions, body)
    if not transcript.blocks:
        _draw_messages(transcript, nodes)
    if run is not None:
        transcript.state = transcript.state or (run.state if run.is_final else "")
        transcript.ended_at = transcript.started_at + run.work_ms / 1000
    else:
        transcript.state = "succeeded"
    return transcript, questions


def _draw_messages(transcript: Transcript, nodes: Sequence[MessageNode]) -> None:
    """The messages themselves, where no events are kept of the run."""
    results = {part.call_id: part for node in nodes for part in node.message.tool_results}
    for step, node in enumerate(nodes):
        if node.message.role == "assistant" and node.message.text:
            transcript.blocks.append(TextBlock(step=step, text=node.message.text))
        for call in node.message.tool_calls:
            block = ToolBlock(call_id=call.call_id, name=call.name, arguments=call.arguments)
            if (result := results.get(call.call_id)) is not None:
                block.status = "failed" if result.is_error else "succeeded"
                block.content = result.content
            transcript.blocks.append(block)


def _typed(run: Run | None) -> Any:
    return run.metadata.get(TYPED) if run is not None else None


def _tokens(bodies: Iterable[EventBody]) -> int:
    used = [b.usage for b in bodies if isinstance(b, ModelFinished)]
    return used[-1].input_tokens + used[-1].output_tokens if used else 0


def _chip(part: AttachmentPart) -> Record:
    return {"label": part.name, "kind": "image" if part.kind == "image" else "file", "tokens": None}
