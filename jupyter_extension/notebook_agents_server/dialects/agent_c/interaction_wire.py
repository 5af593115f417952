"""Agent C API Documentation, Interactions: the bodies and the query."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field, RootModel

from notebook_agents_server.bodies import LARGEST_OFFSET, Answer, Query

SortField: TypeAlias = Literal[
    "timestamp", "start_time", "end_time", "duration_seconds", "event_count", "file_count"
]
"""``timestamp`` is the start."""


class ListInteractionsQuery(Query):
    """GET /api/v1/interactions: query parameters; a limit above the most there is gives that."""

    limit: Annotated[int, Field(ge=1)] = 50
    offset: Annotated[int, Field(ge=0, le=LARGEST_OFFSET)] = 0
    sort_by: SortField = "timestamp"
    sort_order: Literal["asc", "desc"] = "desc"


class InteractionAnswer(Answer):
    """One of GET /api/v1/interactions."""

    id: str
    start_time: AwareDatetime
    end_time: AwareDatetime | None
    """None while a reply goes on."""
    duration_seconds: float
    event_count: int
    file_count: int


InteractionsAnswer = RootModel[list[InteractionAnswer]]


class Metadata(Answer):
    """What was used."""

    model: str | None
    """The one asked last."""
    backend: str | None
    models: list[str]


class InteractionDetailsAnswer(InteractionAnswer):
    """GET /api/v1/interactions/{session_id}: response."""

    files: list[str]
    event_types: dict[str, int]
    metadata: Metadata
    user_id: str
    has_thinking: bool
    tool_calls: list[str]


InteractionFilesAnswer = RootModel[list[str]]


class InteractionDeletedAnswer(Answer):
    """DELETE /api/v1/interactions/{session_id}: response."""

    status: Literal["success"] = "success"
    message: str
