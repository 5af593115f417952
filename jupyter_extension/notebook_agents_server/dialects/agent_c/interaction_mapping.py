"""Between Agent C's interactions and the core's recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.model_rules import backend_of
from notebook_agents.core.recordings import (
    ListRecordings,
    Recording,
    RecordingDetails,
    RecordingOrder,
)
from notebook_agents_server.dialects.agent_c import event_mapping
from notebook_agents_server.dialects.agent_c import interaction_wire as wire

MAX_LIMIT = 1000
ORDERS: dict[wire.SortField, RecordingOrder] = {
    "timestamp": "start_time",
    "start_time": "start_time",
    "end_time": "end_time",
    "duration_seconds": "duration",
    "event_count": "n_events",
    "file_count": "n_files",
}


def list_from_wire(query: wire.ListInteractionsQuery) -> ListRecordings:
    """Which recordings to list."""
    return ListRecordings(
        order=ORDERS[query.sort_by],
        is_descending=query.sort_order == "desc",
        limit=min(query.limit, MAX_LIMIT),
        offset=query.offset,
        counted=event_mapping.SHOWN,
    )


def interactions_to_wire(recordings: Sequence[Recording]) -> wire.InteractionsAnswer:
    """A page of recordings."""
    return wire.InteractionsAnswer([wire.InteractionAnswer(**_common(r)) for r in recordings])


def details_to_wire(details: RecordingDetails) -> wire.InteractionDetailsAnswer:
    """A recording with its details."""
    counts = event_mapping.counts_to_wire(details.recording.types)
    model = details.models[-1] if details.models else None
    return wire.InteractionDetailsAnswer(
        **_common(details.recording) | {"file_count": len(details.files)},
        files=list(details.files),
        event_types=counts,
        metadata=wire.Metadata(
            model=model,
            backend=backend_of(model) if model else None,
            models=list(details.models),
        ),
        user_id=details.recording.conversation.owner_id,
        has_thinking=event_mapping.THINKING in counts,
        tool_calls=list(details.tools),
    )


def printed(conversation: Conversation) -> str:
    """A session's id: its words, or its UUID when it has none."""
    return conversation.slug or conversation.id


def _common(recording: Recording) -> dict[str, Any]:
    is_over = not recording.conversation.active_run_id
    return {
        "id": printed(recording.conversation),
        "start_time": recording.started_at,
        "end_time": recording.ended_at if is_over else None,
        "duration_seconds": round(recording.duration.total_seconds(), 3),
        "event_count": recording.n_events,
        "file_count": recording.n_files,
    }
