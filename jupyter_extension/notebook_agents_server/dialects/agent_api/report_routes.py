"""Report Endpoints."""

from __future__ import annotations

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_api import report_mapping as mapping
from notebook_agents_server.dialects.agent_api import report_wire as wire
from notebook_agents_server.dialects.agent_api.handlers import AgentApiHandler, session_of
from notebook_agents_server.dialects.agent_api.paging import PageQuery
from notebook_agents_server.operations import operation

REPORTS = "/api/v1/reports"


class Reports(AgentApiHandler):
    """``/api/v1/reports``."""

    endpoint = REPORTS

    @operation(query=PageQuery, answer=wire.ReportsAnswer)
    async def get(self) -> None:
        """The caller's reports, newest first."""
        query = self.parse_query(PageQuery)
        page = await self.core.reports.list(self.actor, limit=query.limit, offset=query.skip)
        self.reply(mapping.reports_to_wire(page, self.request.path, query))

    @operation(
        body=wire.CreateReportRequest,
        answer=wire.ReportAnswer,
        status=201,
        errors=(404, 409),
        example="report_create",
    )
    async def post(self) -> None:
        """Make a report of a session or of an execution of a task."""
        body = self.parse(wire.CreateReportRequest)
        session = (await session_of(self, body.session_id)).id if body.session_id else ""
        execution = self.id_of("execution", body.execution_id) if body.execution_id else ""
        wish = mapping.create_from_wire(body, session=session, execution=execution)
        report = await self.core.reports.create(self.actor, wish)
        prefix = mapping.prefix_of(self.request.path)
        self.reply(mapping.report_to_wire(report, prefix), status=201)


class Report(AgentApiHandler):
    """``/api/v1/reports/{report_id}``."""

    endpoint = f"{REPORTS}/{{report_id}}"

    @operation(answer=wire.ReportAnswer)
    async def get(self, report_id: str) -> None:
        """What is known of a report."""
        report = await self.core.reports.get(self.actor, self.id_of("report", report_id))
        self.reply(mapping.report_to_wire(report, mapping.prefix_of(self.request.path)))

    @operation(status=204)
    async def delete(self, report_id: str) -> None:
        """Delete a report and its file."""
        await self.core.reports.delete(self.actor, self.id_of("report", report_id))
        self.set_status(204)
        self.finish()


class Download(AgentApiHandler):
    """``/api/v1/reports/{report_id}/download``."""

    endpoint = f"{REPORTS}/{{report_id}}/download"

    @operation(query=wire.DownloadQuery, content_type=mapping.ANY_TYPE, errors=(409,))
    async def get(self, report_id: str) -> None:
        """The file of a report; with `format` another form of it, made anew."""
        format = self.parse_query(wire.DownloadQuery).format
        id = self.id_of("report", report_id)
        report, content = await self.core.reports.content(self.actor, id, format)
        self.offer_download(mapping.file_name(report), mapping.CONTENT_TYPES[report.format])
        self.set_header("Content-Security-Policy", mapping.SANDBOX)
        self.finish(content)


ROUTES: list[Route] = [
    (r"/api/v1/reports", Reports),
    (r"/api/v1/reports/([^/]+)", Report),
    (r"/api/v1/reports/([^/]+)/download", Download),
]
