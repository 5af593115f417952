"""Between the AI-Agent-API-Service's reports and the core's."""

from __future__ import annotations

import re

from notebook_agents.core.ports import Page
from notebook_agents.core.report_contents import Parts
from notebook_agents.core.report_documents import ReportFormat
from notebook_agents.core.reports import CreateReport, Report
from notebook_agents_server.dialects.agent_api import report_wire as wire
from notebook_agents_server.dialects.agent_api.paging import PageQuery, page_to_wire

CONTENT_TYPES: dict[ReportFormat, str] = {
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "json": "application/json",
    "ipynb": "application/x-ipynb+json",
}
SUFFIXES: dict[ReportFormat, str] = {
    "pdf": "pdf", "html": "html", "markdown": "md", "json": "json", "ipynb": "ipynb"
}  # fmt: skip
ANY_TYPE = ", ".join(kind.partition(";")[0] for kind in CONTENT_TYPES.values())
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""For a browser that shows a page instead of keeping it: no scripts, no origin, no requests."""


def create_from_wire(
    body: wire.CreateReportRequest, *, session: str, execution: str
) -> CreateReport:
    """The wish, with the ids of the core."""
    return CreateReport(
        conversation_id=session,
        execution_id=execution,
        format=body.format,
        parts=Parts(
            messages=body.include_messages,
            tool_calls=body.include_tool_calls,
            metrics=body.include_metrics,
        ),
    )


def report_to_wire(report: Report, prefix: str) -> wire.ReportAnswer:
    """A report; ``prefix`` is where the paths of this API begin."""
    return wire.ReportAnswer(
        id=report.id,
        session_id=report.conversation_id or None,
        execution_id=report.execution_id or None,
        title=report.title,
        format=report.format,
        file_path=f"/reports/{report.path}",
        file_size_bytes=report.size_bytes,
        download_url=f"{prefix}/api/v1/reports/{report.id}/download",
        include_messages=report.parts.messages,
        include_tool_calls=report.parts.tool_calls,
        include_metrics=report.parts.metrics,
        generated_at=report.created_at,
    )


def reports_to_wire(page: Page[Report], path: str, query: PageQuery) -> wire.ReportsAnswer:
    """A page of reports."""
    items = [report_to_wire(report, prefix_of(path)) for report in page.items]
    return page_to_wire(items, page, path, query)


def prefix_of(path: str) -> str:
    """What a path of this API begins with."""
    return path.partition("/api/v1/")[0]


def file_name(report: Report) -> str:
    """A name for the file that every system takes."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", report.title)[:60].strip("-").lower() or "report"
    return f"{words}-{report.id[:8]}.{SUFFIXES[report.format]}"
