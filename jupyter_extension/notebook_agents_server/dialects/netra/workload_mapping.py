"""Between the wire and the core's workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.workloads import EXAMPLE_ID, FORMATS, RegisterWorkload, WorkloadFormat
from notebook_agents_server.dialects.netra import workload_wire
from notebook_agents_server.dialects.netra.mapping import page_to_wire, printed

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Table
    from notebook_agents.core.ports import Page
    from notebook_agents.core.workloads import Workload

PREFIX = "wl"
PARQUET_MAGIC = b"PAR1"


def register_from_wire(
    query: workload_wire.RegisterQuery, content_type: str, content: bytes
) -> RegisterWorkload:
    """The wish behind an upload."""
    return RegisterWorkload(
        name=query.name, content=content, format=query.format or format_of(content_type, content)
    )


def format_of(content_type: str, content: bytes) -> WorkloadFormat:
    """What an upload is: by its type where that says it, else by how it begins."""
    for known in FORMATS:
        if known in content_type.lower():
            return known
    if content.startswith(PARQUET_MAGIC):
        return "parquet"
    return "json" if content.lstrip()[:1] in (b"[", b"{") else "csv"


def id_to_wire(workload: Workload) -> str:
    """``wl-`` and 32 hex digits, or ``wl-example``."""
    if workload.id == EXAMPLE_ID:
        return f"{PREFIX}-{EXAMPLE_ID}"
    return printed(PREFIX, workload.id)


def workload_to_wire(workload: Workload) -> workload_wire.WorkloadAnswer:
    """A workload."""
    return workload_wire.WorkloadAnswer(
        id=id_to_wire(workload),
        name=workload.name,
        format=workload.format,
        size_bytes=workload.size_bytes,
        sha256=workload.sha256,
        n_rows=workload.n_rows,
        columns=list(workload.columns),
        ignored_columns=list(workload.ignored_columns),
        created_at=workload.created_at,
    )


def workloads_to_wire(page: Page[Workload]) -> workload_wire.WorkloadsAnswer:
    """A page of workloads."""
    rows = [workload_to_wire(workload) for workload in page.items]
    return workload_wire.WorkloadsAnswer(
        **page_to_wire(page, "workloads", rows), example_id=f"{PREFIX}-{EXAMPLE_ID}"
    )


def preview_to_wire(workload: Workload, table: Table) -> workload_wire.PreviewAnswer:
    """The first rows."""
    return workload_wire.PreviewAnswer(
        workload_id=id_to_wire(workload),
        columns=list(table.columns),
        rows=[list(row) for row in table.rows],
        n_rows=workload.n_rows,
    )
