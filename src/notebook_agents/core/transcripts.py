"""Transcripts: what was said and done in a conversation, with the runs that wrote it.

Read from the chain of messages, so that a fork has what was done before it began, and a call that
waits for a person is there before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_agents.core.conversations import MessageNode
from notebook_agents.core.ids import new_id
from notebook_agents.core.models import Usage
from notebook_agents.core.ports import Insert, Query
from notebook_agents.core.runs import Run
from notebook_agents.core.states import ToolStatus

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation, Conversations, StartConversation
    from notebook_agents.core.messages import Message
    from notebook_agents.core.ports import Store
    from notebook_agents.core.users import Actor

MAX_RUNS = 10_000
"""More runs than a conversation has."""
CallState: TypeAlias = Literal["pending"] | ToolStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One use of a tool that a message asked for."""

    id: str
    name: str
    arguments: dict[str, Any]
    state: CallState = "pending"
    content: str = ""
    """What the model was told; empty while it is pending."""
    duration_ms: float | None = None
    """None where nobody measured it."""
    run_id: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A conversation with all that was said and done in it."""

    conversation: Conversation
    nodes: Sequence[MessageNode]
    runs: Mapping[str, Run]
    """By id: those of the conversation, and those whose messages it shares."""

    @property
    def own_runs(self) -> list[Run]:
        """The runs of this conversation, not of one that it was forked from."""
        return [run for run in self.runs.values() if run.conversation_id == self.conversation.id]

    @property
    def usage(self) -> Usage:
        """What its runs used up; the cost is None when it is known of none of them."""
        return sum((run.usage for run in self.own_runs), Usage())

    @property
    def started_at(self) -> datetime | None:
        """When the first run began to work."""
        return min((run.started_at for run in self.own_runs if run.started_at), default=None)

    def model_of(self, node: MessageNode) -> str | None:
        """The model that wrote a message; None of other people's words."""
        run = self.runs.get(node.run_id)
        return run.model if run is not None and node.message.role == "assistant" else None

    def calls(self, run_id: str = "") -> list[CallRecord]:
        """The uses of tools in the order in which they were asked for, all or those of one run."""
        found: dict[str, CallRecord] = {}
        for node in self.nodes:
            if run_id in ("", node.run_id):
                found |= {call.id: call for call in self._asked_in(node)}
        results = (part for node in self.nodes for part in node.message.tool_results)
        for part in results:
            if (call := found.get(part.call_id)) is not None and call.state == "pending":
                state: ToolStatus = "failed" if part.is_error else "succeeded"
                found[part.call_id] = _answered(call, state, part.content)
        return list(found.values())

    def _asked_in(self, node: MessageNode) -> list[CallRecord]:
        run = self.runs.get(node.run_id)
        made = {call.id: call for call in (run.tool_calls if run else ())}
        records = []
        for part in node.message.tool_calls:
            record = CallRecord(
                id=part.call_id,
                name=part.name,
                arguments=part.arguments,
                run_id=node.run_id,
                asked_at=node.created_at,
            )
            if (call := made.get(part.call_id)) is not None:
                record = _answered(record, call.status, call.content, call.duration_ms)
            records.append(record)
        return records


class Transcripts:
    """Reads transcripts."""

    def __init__(self, store: Store, conversations: Conversations) -> None:
        self._store = store
        self._conversations = conversations

    async def get(self, actor: Actor, conversation_id: str) -> Transcript:
        """The transcript of one of the actor's conversations."""
        conversation = await self._conversations.get(actor, conversation_id)
        nodes = await self._store.chain(conversation.tip_id)
        runs = {run.id: run for run in await self._runs({"conversation_id": conversation.id})}
        shared = tuple({node.run_id for node in nodes} - set(runs) - {""})
        if shared:
            where = {"id": shared, "owner_id": conversation.owner_id}
            runs |= {run.id: run for run in await self._runs(where)}
        return Transcript(conversation=conversation, nodes=nodes, runs=runs)

    async def begin(
        self, actor: Actor, wish: StartConversation, messages: Sequence[Message]
    ) -> Conversation:
        """A new conversation in which these messages were said already."""
        draft = await self._conversations.draft(actor, wish)
        nodes: list[MessageNode] = []
        for message in messages:
            nodes.append(
                MessageNode(
                    id=new_id(),
                    parent_id=nodes[-1].id if nodes else "",
                    conversation_id=draft.id,
                    run_id="",
                    created_at=draft.created_at,
                    message=message,
                )
            )
        tip_id = nodes[-1].id if nodes else ""
        begun = await self._conversations.begin(
            replace(draft, tip_id=tip_id, message_count=len(nodes))
        )
        await self._store.commit(*(Insert(record=node) for node in nodes))
        return begun

    async def _runs(self, where: Mapping[str, Any]) -> Sequence[Run]:
        return (await self._store.find(Run, Query(where=where, limit=MAX_RUNS))).items


def _answered(
    call: CallRecord, state: ToolStatus, content: str, duration_ms: float | None = None
) -> CallRecord:
    return replace(call, state=state, content=content, duration_ms=duration_ms)
