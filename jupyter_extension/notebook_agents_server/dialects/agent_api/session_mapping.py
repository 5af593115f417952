"""Between sessions on the wire and conversations: names, words and ids, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from notebook_agents.core.conversations import (
    ForkConversation,
    ListConversations,
    StartConversation,
)
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.messages import AttachmentPart
from notebook_agents.core.ports import Page
from notebook_agents.core.runs import ApprovalDecision
from notebook_agents_server.dialects.agent_api import session_wire as wire
from notebook_agents_server.dialects.agent_api.paging import PageQuery, page_to_wire
from notebook_agents_server.dialects.agent_api.sdk_options import (
    SdkOptions,
    options_of,
    settings_of,
    spoken_name,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from notebook_agents.core.archive_files import Archive
    from notebook_agents.core.conversation_states import ConversationMode
    from notebook_agents.core.conversations import (
        Conversation,
        ConversationSettings,
        MessageNode,
    )
    from notebook_agents.core.messages import Message, Role
    from notebook_agents.core.models import Usage
    from notebook_agents.core.runs import Run
    from notebook_agents.core.states import RunState
    from notebook_agents.core.templates import Template
    from notebook_agents.core.transcripts import CallRecord, CallState, Transcript

SHORT_WORDS = ("allowed_tools", "permission_mode", "system_prompt")
"""SDK options that may also stand beside them."""
TYPES: Mapping[Role, Literal["user", "assistant", "system", "tool_result"]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool_result",
}
QUERY_STATUSES: Mapping[RunState, Literal["completed", "waiting", "cancelled", "timed_out"]] = {
    "succeeded": "completed",
    "waiting_approval": "waiting",
    "cancelled": "cancelled",
    "timed_out": "timed_out",
}
"""The others are ``failed``."""

T = TypeVar("T")


# -- sessions ------------------------------------------------------------------------------------


def mode_from_wire(mode: str | None) -> ConversationMode | None:
    """The core's word for a mode."""
    words: dict[str, ConversationMode] = {
        "interactive": "interactive",
        "forked": "forked",
        "background": "background",
        "non_interactive": "background",
    }
    return words[mode] if mode else None


def options_from_wire(body: wire.CreateSessionRequest, template: Template | None) -> SdkOptions:
    """The options of a new session: its own, then the words beside them, then the template's."""
    beside = {name: value for name in SHORT_WORDS if (value := getattr(body, name)) is not None}
    saved = template.options if template else {}
    return SdkOptions.model_validate({**saved, **beside, **body.sdk_options.said()})


def start_from_wire(
    body: wire.CreateSessionRequest, template: Template | None, known: Collection[str]
) -> StartConversation:
    """The conversation that a new session is, without its agent."""
    options = options_from_wire(body, template)
    given = mode_from_wire(body.mode) or (template.mode if template else "interactive")
    said = {"description": body.description, "metadata": body.metadata}
    if template is not None:
        said["template_id"] = template.id
    return StartConversation(
        agent_id="",
        title=(template.name if template else "") if body.name is None else body.name,
        context={name: value for name, value in said.items() if value is not None},
        mode=given,
        settings=settings_of(options, known, timeout_s=body.timeout_seconds),
    )


def list_from_wire(query: wire.SessionsQuery) -> ListConversations:
    """Which conversations to list."""
    return ListConversations(
        state=query.status,
        mode=mode_from_wire(query.mode),
        limit=query.limit,
        offset=query.skip,
    )


def session_to_wire(conversation: Conversation) -> wire.SessionAnswer:
    """A session."""
    return wire.SessionAnswer(**_session(conversation))


def sessions_to_wire(
    page: Page[Conversation], path: str, query: wire.SessionsQuery
) -> wire.SessionsAnswer:
    """A page of sessions."""
    rows = [session_to_wire(conversation) for conversation in page.items]
    return wire.SessionsAnswer(**dict(page_to_wire(rows, page, path, query)))


def detail_to_wire(transcript: Transcript) -> wire.SessionDetailAnswer:
    """A session with its totals."""
    usage = transcript.usage
    return wire.SessionDetailAnswer(
        **_session(transcript.conversation),
        total_messages=len(transcript.nodes),
        total_tool_calls=len(transcript.calls()),
        total_cost_usd=usage.cost_usd,
        api_input_tokens=usage.input_tokens,
        api_output_tokens=usage.output_tokens,
        started_at=transcript.started_at,
    )


def _session(conversation: Conversation) -> dict[str, Any]:
    about = conversation.context
    metadata = about.get("metadata")
    return {
        "id": conversation.id,
        "user_id": conversation.owner_id,
        "name": conversation.title,
        "mode": conversation.mode,
        "status": conversation.state,
        "sdk_options": options_of(conversation.settings),
        "working_directory_path": conversation.workspace,
        "description": str(about.get("description", "")),
        "metadata": metadata if isinstance(metadata, dict) else {},
        "template_id": about.get("template_id"),
        "parent_session_id": conversation.forked_from or None,
        "is_fork": bool(conversation.forked_from),
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "archived_at": conversation.archived_at,
    }


def fork_from_wire(body: wire.ForkRequest) -> ForkConversation:
    """The fork that is asked for."""
    return ForkConversation(
        n_messages=body.fork_at_message,
        title=body.name,
        with_files=body.include_working_directory,
    )


# -- query and approvals -------------------------------------------------------------------------


def call_id_to_wire(run_id: str, call_id: str) -> str:
    """The id of a tool call as a UUID; models number theirs as they like."""
    try:
        return str(uuid.UUID(call_id))
    except ValueError:
        return str(uuid.uuid5(uuid.UUID(run_id), call_id))


def query_to_wire(run: Run, transcript: Transcript) -> wire.QueryAnswer:
    """What a query came to, or what it waits for."""
    settings = transcript.conversation.settings
    written = [node.id for node in transcript.nodes if node.run_id == run.id]
    return wire.QueryAnswer(
        session_id=run.conversation_id,
        message_id=written[-1] if written else run.id,
        content=wire.TextContent(text=run.text),
        tool_calls=[_query_call(call, settings) for call in transcript.calls(run.id)],
        metrics=metrics_to_wire(_duration_ms(run), run.usage),
        status=QUERY_STATUSES.get(run.state, "failed"),
        error_message=run.error_message or None,
        pending_approvals=pending_to_wire(run, settings),
        query_id=run.id,
    )


def pending_to_wire(run: Run, settings: ConversationSettings) -> list[wire.PendingApproval]:
    """The tool calls of a run that wait for a person."""
    return [
        wire.PendingApproval(
            id=call_id_to_wire(run.id, entry.call.call_id),
            tool_name=spoken_name(entry.call.name, settings),
            tool_input=entry.call.arguments,
            reason=entry.reason,
            requested_at=entry.requested_at,
        )
        for entry in run.pending
    ]


def decisions_from_wire(body: wire.ApprovalRequest, run: Run) -> list[ApprovalDecision]:
    """What a person decided, by the core's ids of the calls."""
    if (body.decision is None) == (body.decisions is None):
        raise InvalidRequest("send either decision or decisions", field="decision")
    if body.decisions is not None and body.message is not None:
        raise InvalidRequest("each of decisions has a message of its own", field="message")
    pending = [entry.call.call_id for entry in run.pending]
    if body.decisions is None:
        verdict, words = body.decision == "allow", body.message or ""
        return [ApprovalDecision(call_id=id, is_approved=verdict, feedback=words) for id in pending]
    known = {call_id_to_wire(run.id, id): id for id in pending} | {id: id for id in pending}
    if unknown := next((each.id for each in body.decisions if each.id not in known), ""):
        raise InvalidRequest(f"no call {unknown!r} waits for approval", field="decisions.id")
    return [
        ApprovalDecision(
            call_id=known[each.id],
            is_approved=each.decision == "allow",
            feedback=each.message or "",
        )
        for each in body.decisions
    ]


def call_status(state: CallState) -> Literal["success", "error", "pending"]:
    """The document's word for what became of a call."""
    if state == "pending":
        return "pending"
    return "success" if state == "succeeded" else "error"


def _query_call(call: CallRecord, settings: ConversationSettings) -> wire.QueryToolCall:
    return wire.QueryToolCall(
        id=call_id_to_wire(call.run_id, call.id),
        tool_name=spoken_name(call.name, settings),
        tool_input=call.arguments,
        status=call_status(call.state),
    )


def metrics_to_wire(duration_ms: float, usage: Usage) -> wire.Metrics:
    """What a query used up."""
    return wire.Metrics(
        duration_ms=round(duration_ms),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
    )


def _duration_ms(run: Run) -> float:
    """How long it worked, until now when it waits."""
    if run.ended_at is not None or not run.pending:
        return run.work_ms
    waited_since = max(entry.requested_at for entry in run.pending)
    return (waited_since - (run.started_at or run.created_at)).total_seconds() * 1000


# -- messages, tool calls and archives -----------------------------------------------------------


def messages_to_wire(transcript: Transcript, path: str, query: PageQuery) -> wire.MessagesAnswer:
    """A page of what was said, oldest first."""
    page = _window(list(enumerate(transcript.nodes, start=1)), query)
    rows = [_message(number, node, transcript) for number, node in page.items]
    return wire.MessagesAnswer(**dict(page_to_wire(rows, page, path, query)))


def _message(number: int, node: MessageNode, transcript: Transcript) -> wire.MessageRow:
    row = {
        "id": node.id,
        "message_type": TYPES[node.message.role],
        "content": _content(node, transcript.conversation.settings),
        "sequence_number": number,
        "created_at": node.created_at,
    }
    if (model := transcript.model_of(node)) is not None:
        row["model"] = model
    return wire.MessageRow(**row)


def _content(node: MessageNode, settings: ConversationSettings) -> wire.MessageContent:
    message = node.message
    parts: dict[str, list[dict[str, Any]]] = {
        "tool_calls": [
            {
                "id": call_id_to_wire(node.run_id, part.call_id),
                "tool_name": spoken_name(part.name, settings),
                "tool_input": part.arguments,
            }
            for part in message.tool_calls
        ],
        "tool_results": [
            {
                "id": call_id_to_wire(node.run_id, part.call_id),
                "tool_name": spoken_name(part.name, settings),
                "content": part.content,
                "is_error": part.is_error,
            }
            for part in message.tool_results
        ],
        "attachments": _attachments(message),
    }
    text = message.text or "\n".join(part.content for part in message.tool_results)
    return wire.MessageContent(content=text, **{name: p for name, p in parts.items() if p})


def _attachments(message: Message) -> list[dict[str, Any]]:
    return [
        {"name": part.name, "kind": part.kind, "media_type": part.media_type}
        for part in message.parts
        if isinstance(part, AttachmentPart)
    ]


def tool_calls_to_wire(transcript: Transcript, path: str, query: PageQuery) -> wire.ToolCallsAnswer:
    """A page of the uses of tools, oldest first."""
    settings = transcript.conversation.settings
    page = _window(transcript.calls(), query)
    rows = [_tool_call(call, settings) for call in page.items]
    return wire.ToolCallsAnswer(**dict(page_to_wire(rows, page, path, query)))


def _tool_call(call: CallRecord, settings: ConversationSettings) -> wire.ToolCallRow:
    return wire.ToolCallRow(
        **_query_call(call, settings).model_dump(),
        tool_output=None if call.state == "pending" else {"content": call.content},
        duration_ms=None if call.duration_ms is None else ceil(call.duration_ms),
        created_at=call.asked_at,
    )


def archive_to_wire(archive: Archive) -> wire.ArchiveAnswer:
    """An archive."""
    return wire.ArchiveAnswer(
        archive_id=archive.id,
        archive_path=archive.path,
        archive_size_bytes=archive.size_bytes,
        file_count=archive.n_files,
        id=archive.id,
        session_id=archive.conversation_id,
        size_bytes=archive.size_bytes,
        compression="gzip",
        manifest=wire.Manifest(
            files=[wire.ArchivedFile(**asdict(file)) for file in archive.files],
            file_count=archive.n_files,
            total_bytes=archive.content_bytes,
            sha256=archive.sha256,
        ),
        status="completed",
        archived_at=archive.created_at,
    )


def _window(found: Sequence[T], query: PageQuery) -> Page[T]:
    shown = tuple(found[query.skip : query.skip + query.limit])
    return Page(items=shown, total=len(found), limit=query.limit, offset=query.skip)
