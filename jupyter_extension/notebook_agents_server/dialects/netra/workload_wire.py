"""Workloads, an addition of ours: what the document's ``workload_id`` names."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, StringConstraints, TypeAdapter

from notebook_agents.core.workloads import MAX_PREVIEW_ROWS
from notebook_agents_server.bodies import Answer, Query
from notebook_agents_server.dialects.netra.wire import DEFAULT_LIMIT, PageAnswer, PageQuery

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Job: TypeAlias = dict[str, str | int | float | bool | None]

JOBS: TypeAdapter[list[Job]] = TypeAdapter(list[Job])
"""A workload as JSON; CSV and Parquet have the same columns."""
FILES = ("text/csv", "application/vnd.apache.parquet")
"""What a workload may be sent as besides."""


class RegisterQuery(Query):
    """``POST /api/workloads``."""

    name: Name
    """What the workload is called from now on."""
    format: Literal["csv", "json", "parquet"] | None = None
    """Else the content type says it, else the content itself."""


class WorkloadsQuery(PageQuery):
    """``GET /api/workloads``."""


class PreviewQuery(Query):
    """``GET /api/workloads/{workload_id}/preview``."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_PREVIEW_ROWS)


class WorkloadAnswer(Answer):
    """A workload."""

    id: str
    name: str
    format: str
    """Of the upload."""
    size_bytes: int
    sha256: str
    n_rows: int
    columns: list[str]
    """Those that were understood, under their documented names."""
    ignored_columns: list[str]
    created_at: AwareDatetime


class WorkloadsAnswer(PageAnswer):
    """A page of workloads."""

    workloads: list[WorkloadAnswer]
    data: list[WorkloadAnswer]
    example_id: str
    """The workload that everybody may try."""


class PreviewAnswer(Answer):
    """The first rows as they were understood."""

    workload_id: str
    columns: list[str]
    rows: list[list[Any]]
    n_rows: int
    """Of the whole workload."""
