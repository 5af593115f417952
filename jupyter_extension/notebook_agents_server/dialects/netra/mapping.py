"""Between Netra's wire and the core: names, ids and status words, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.messages import user_message
from notebook_agents.core.policy import HEADLESS_POLICY
from notebook_agents.core.runs import ListRuns, StartRun
from notebook_agents_server.dialects.netra import wire

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation, MessageNode
    from notebook_agents.core.ports import Page
    from notebook_agents.core.runs import Run
    from notebook_agents.core.states import RunState

WORKFLOW = "optimization"
"""Every run of Netra is this workflow."""
AGENT = CreateAgent(
    name="Netra",
    description="Optimizes AI workloads: what they cost and how fast they are.",
    tools=(),
)
"""Whose runs these are; the document has no agents of its own."""
SUB_AGENTS: Mapping[str, str] = {
    "triage": "TriageSubAgent",
    "data": "DataSubAgent",
    "optimization": "OptimizationsCoreSubAgent",
    "actions": "ActionsToMeetGoalsSubAgent",
    "report": "ReportingSubAgent",
}
"""What the document calls whoever does a step of the workflow."""
STATUSES: Mapping[RunState, wire.RunStatus] = {
    "queued": "processing",
    "running": "processing",
    "waiting_approval": "processing",
    "succeeded": "completed",
    "cancelled": "cancelled",
}
"""The others are ``failed``."""
STOPPED = "Processing was stopped"
"""The answer in words of a run that was cancelled before it had one."""

T = TypeVar("T")


# -- ids and pages -----------------------------------------------------------------------------


def printed(prefix: str, id: str) -> str:
    """An id as Netra writes it: ``run-`` and 32 hex digits."""
    return f"{prefix}-{uuid.UUID(id).hex}"


def window(query: wire.PageQuery) -> tuple[int, int]:
    """Limit and offset; too large a limit is cut."""
    return min(query.limit, wire.MAX_LIMIT), query.offset


def page_to_wire(page: Page[Any], name: str, rows: Sequence[T]) -> dict[str, Any]:
    """A list in both shapes of the document: under its own name, and as ``data``."""
    place = {"total": page.total, "limit": page.limit, "offset": page.offset}
    has_more = page.offset + len(rows) < page.total
    return {
        name: rows,
        "data": rows,
        **place,
        "pagination": wire.Pagination(**place, has_more=has_more),
    }


# -- runs --------------------------------------------------------------------------------------


def parameters_from_wire(workload_id: str | None, given: wire.Parameters) -> dict[str, Any]:
    """What the workflow is asked for; only what was said."""
    said = given.model_dump(exclude_none=True)
    return said if workload_id is None else {"workload_id": workload_id, **said}


def start_from_wire(
    message: str, parameters: dict[str, Any], conversation_id: str, metadata: dict[str, Any]
) -> StartRun:
    """The run that a request asks for; nobody can be asked for approval."""
    return StartRun(
        agent_id="",
        conversation_id=conversation_id,
        message=user_message(message),
        workflow=WORKFLOW,
        parameters=parameters,
        policy=HEADLESS_POLICY,
        max_messages=wire.MAX_THREAD_MESSAGES,
        metadata=metadata,
    )


def started_to_wire(run: Run) -> wire.ExecuteAnswer:
    """The answer to a request that was accepted."""
    return wire.ExecuteAnswer(
        run_id=printed("run", run.id),
        thread_id=printed("thread", run.conversation_id),
        status="processing",
        created_at=run.created_at,
    )


def status_of(state: RunState) -> wire.RunStatus:
    """The document's word for a state."""
    return STATUSES.get(state, "failed")


def result_to_wire(result: Mapping[str, Any]) -> wire.Result:
    """What a workflow computed; every documented key is there."""
    return wire.Result.model_validate(dict(result))


def run_to_wire(run: Run) -> wire.StatusAnswer:
    """A run now."""
    status = status_of(run.state)
    error = wire.RunError(
        code="PROCESSING_ERROR", message=run.error_message or f"the run {run.state}"
    )
    return wire.StatusAnswer(
        run_id=printed("run", run.id),
        thread_id=printed("thread", run.conversation_id),
        status=status,
        message=run.text or (STOPPED if status == "cancelled" else ""),
        result=result_to_wire(run.result) if status == "completed" else None,
        error=error if status == "failed" else None,
        created_at=run.created_at,
        started_at=run.started_at,
        completed_at=run.ended_at,
    )


def list_from_wire(query: wire.HistoryQuery) -> ListRuns:
    """Which runs to list; a thread id that cannot be one has none."""
    limit, offset = window(query)
    thread = query.thread_id or ""
    with suppress(ValueError):
        thread = str(uuid.UUID(thread.removeprefix("thread-").removeprefix("thread_")))
    return ListRuns(conversation_id=thread, workflow=WORKFLOW, limit=limit, offset=offset)


def history_to_wire(page: Page[Run]) -> wire.HistoryAnswer:
    """A page of runs."""
    return wire.HistoryAnswer(**page_to_wire(page, "runs", [_row(run) for run in page.items]))


def thread_runs_to_wire(conversation_id: str, page: Page[Run]) -> wire.ThreadRunsAnswer:
    """The runs of a thread."""
    rows = [_row(run) for run in page.items]
    return wire.ThreadRunsAnswer(
        thread_id=printed("thread", conversation_id), **page_to_wire(page, "runs", rows)
    )


def _row(run: Run) -> wire.HistoryRun:
    return wire.HistoryRun(
        run_id=printed("run", run.id),
        thread_id=printed("thread", run.conversation_id),
        status=status_of(run.state),
        message=run.input.text,
        created_at=run.created_at,
    )


# -- threads -----------------------------------------------------------------------------------


def thread_to_wire(conversation: Conversation) -> wire.ThreadAnswer:
    """A thread in a list."""
    return wire.ThreadAnswer(**_thread(conversation))


def threads_to_wire(page: Page[Conversation]) -> wire.ThreadsAnswer:
    """A page of threads."""
    rows = [thread_to_wire(conversation) for conversation in page.items]
    return wire.ThreadsAnswer(**page_to_wire(page, "threads", rows))


def detail_to_wire(
    conversation: Conversation, nodes: Sequence[MessageNode]
) -> wire.ThreadDetailAnswer:
    """A thread with what was said."""
    return wire.ThreadDetailAnswer(
        **_thread(conversation), messages=said(nodes), metadata=conversation.context
    )


def messages_to_wire(
    conversation: Conversation, nodes: Sequence[MessageNode], query: wire.PageQuery
) -> wire.MessagesAnswer:
    """A page of what was said."""
    limit, offset = window(query)
    messages = said(nodes)
    rows = messages[offset : offset + limit]
    place = {"total": len(messages), "limit": limit, "offset": offset}
    return wire.MessagesAnswer(
        thread_id=printed("thread", conversation.id),
        messages=rows,
        data=rows,
        **place,
        pagination=wire.Pagination(**place, has_more=offset + len(rows) < len(messages)),
    )


def said(nodes: Sequence[MessageNode]) -> list[wire.ThreadMessage]:
    """The texts of user and assistant; no traffic of tools."""
    return [
        wire.ThreadMessage.model_validate(
            {
                "id": printed("msg", node.id),
                "role": node.message.role,
                "content": node.message.text,
                "created_at": node.created_at,
            }
        )
        for node in nodes
        if node.message.role in ("user", "assistant") and node.message.text
    ]


def _thread(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": printed("thread", conversation.id),
        "title": conversation.title,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "message_count": conversation.message_count,
    }
