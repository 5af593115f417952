"""Routes of workloads, an addition of ours: register, look into and remove them."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.netra import mapping, wire, workload_mapping, workload_wire
from notebook_agents_server.dialects.netra.dialect import NETRA
from notebook_agents_server.operations import operation


class WorkloadHandler(BaseHandler):
    """A handler that answers errors as Netra documents them."""

    dialect: ClassVar[Dialect] = NETRA


class Workloads(WorkloadHandler):
    """``/api/workloads``."""

    @operation(query=workload_wire.WorkloadsQuery, answer=workload_wire.WorkloadsAnswer)
    async def get(self) -> None:
        """The caller's workloads, newest first."""
        limit, offset = mapping.window(self.parse_query(workload_wire.WorkloadsQuery))
        page = await self.core.workloads.list(self.actor, limit=limit, offset=offset)
        self.reply(workload_mapping.workloads_to_wire(page))

    @operation(
        body=workload_wire.JOBS,
        files=workload_wire.FILES,
        query=workload_wire.RegisterQuery,
        answer=workload_wire.WorkloadAnswer,
        status=201,
        errors=(400, 409, 503),
    )
    async def post(self) -> None:
        """Register a table of jobs: the body is CSV, JSON or Parquet."""
        query = self.parse_query(workload_wire.RegisterQuery)
        content_type = self.request.headers.get("Content-Type", "")
        wish = workload_mapping.register_from_wire(query, content_type, self.request.body)
        workload = await self.core.workloads.register(self.actor, wish)
        self.reply(workload_mapping.workload_to_wire(workload), status=201)


class Workload(WorkloadHandler):
    """``/api/workloads/{workload_id}``."""

    @operation(answer=workload_wire.WorkloadAnswer)
    async def get(self, workload_id: str) -> None:
        """A workload, by its id or name; ``wl-example`` is everybody's."""
        workload = await self.core.workloads.get(self.actor, workload_id)
        self.reply(workload_mapping.workload_to_wire(workload))

    @operation(answer=wire.MessageAnswer)
    async def delete(self, workload_id: str) -> None:
        """Remove a workload and its table."""
        await self.core.workloads.delete(self.actor, workload_id)
        self.reply(wire.MessageAnswer(message="Workload deleted successfully"))


class Preview(WorkloadHandler):
    """``GET /api/workloads/{workload_id}/preview``."""

    @operation(query=workload_wire.PreviewQuery, answer=workload_wire.PreviewAnswer)
    async def get(self, workload_id: str) -> None:
        """The first rows of a workload as they were understood."""
        query = self.parse_query(workload_wire.PreviewQuery)
        workload = await self.core.workloads.get(self.actor, workload_id)
        table = await self.core.workloads.preview(self.actor, workload_id, limit=query.limit)
        self.reply(workload_mapping.preview_to_wire(workload, table))


WORKLOADS = r"/(?:api|v2)/workloads"
ROUTES: list[Route] = [
    (WORKLOADS, Workloads),
    (rf"{WORKLOADS}/([^/]+)", Workload),
    (rf"{WORKLOADS}/([^/]+)/preview", Preview),
]
