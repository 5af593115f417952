"""AI-Agent-API-Service, Report Endpoints."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import AwareDatetime

from notebook_agents.core.report_documents import ReportFormat
from notebook_agents_server.bodies import Answer, Query, Request
from notebook_agents_server.dialects.agent_api.paging import PageAnswer


class CreateReportRequest(Request):
    """POST /api/v1/reports."""

    session_id: str | None = None
    """The session, or the conversation of another API, that it is of."""
    execution_id: str | None = None
    """Addition of ours: of an execution of a task in place of a session."""
    format: ReportFormat = "pdf"
    include_messages: bool = True
    include_tool_calls: bool = True
    include_metrics: bool = True


class ReportAnswer(Answer):
    """A report, in lists too."""

    id: str
    session_id: str | None
    execution_id: str | None
    title: str
    format: ReportFormat
    file_path: str
    """As the document has it; the file is had from ``download_url``."""
    file_size_bytes: int
    download_url: str
    include_messages: bool
    include_tool_calls: bool
    include_metrics: bool
    generated_at: AwareDatetime


ReportsAnswer: TypeAlias = PageAnswer[ReportAnswer]


class DownloadQuery(Query):
    """GET /api/v1/reports/{report_id}/download: another form is made anew."""

    format: ReportFormat | None = None
