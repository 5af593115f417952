"""Reports: a conversation or an execution, put into a form that can be kept and sent.

The file is made when the report is, and stays as it is whatever becomes of the conversation. Asked
for in another form, it is made again from what is known then.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, Unsupported
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Delete, Insert, Page, Query
from notebook_agents.core.report_contents import EVERYTHING, Parts, conversation_document, gather
from notebook_agents.core.report_documents import ReportDocument, ReportFormat
from notebook_agents.core.report_executions import execution_document
from notebook_agents.core.tasks import Task

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversations
    from notebook_agents.core.execution_service import Executions
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.recordings import RecordedLog
    from notebook_agents.core.users import Actor

MAX_REPORTS = 1000
"""Reports that one person may keep."""
MAX_KEPT_BYTES = 1 << 30
"""Of all their files together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report that was made."""

    id: str
    owner_id: str
    conversation_id: str = ""
    execution_id: str = ""
    """What it is about: one of the two."""
    title: str
    format: ReportFormat
    parts: Parts = EVERYTHING
    path: str
    """Of its file, below the folder of reports."""
    size_bytes: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateReport:
    """The wish for a report of a conversation or of an execution."""

    conversation_id: str = ""
    execution_id: str = ""
    format: ReportFormat = "pdf"
    parts: Parts = EVERYTHING


class ReportFiles(Protocol):
    """Makes reports and keeps their files."""

    async def render(self, document: ReportDocument, format: ReportFormat) -> bytes:
        """The document in a form.

        Raises Unsupported when the form needs something that is not installed, LimitExceeded when
        it takes too long or becomes too large.
        """
        ...

    async def keep(self, id: str, format: ReportFormat, content: bytes) -> str:
        """Keep the file of a report; returns its path below the folder of reports."""
        ...

    async def read(self, path: str) -> bytes:
        """A kept file; NotFound when it is gone."""
        ...

    async def remove(self, path: str) -> None:
        """Forget a file; nothing happens when it is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPorts:
    """What the reports service works with."""

    store: Store
    log: RecordedLog
    clock: Clock
    conversations: Conversations
    files: ReportFiles | None
    """None makes no reports."""
    executions: Executions


class Reports:
    """Make, list, read and delete reports."""

    def __init__(self, ports: ReportPorts) -> None:
        self._ports = ports

    async def create(self, actor: Actor, wish: CreateReport) -> Report:
        """Make a report of something of the actor's.

        Raises NotFound for what is not theirs, Conflict when they have too many.
        """
        files = self._files()
        await self._require_room(actor)
        document = await self._document(actor, wish)
        content = await files.render(document, wish.format)
        id = new_id()
        path = await files.keep(id, wish.format, content)
        report = Report(
            id=id,
            owner_id=actor.user_id,
            conversation_id=document.subject_id if document.kind == "conversation" else "",
            execution_id=document.subject_id if document.kind == "execution" else "",
            title=document.title,
            format=wish.format,
            parts=wish.parts,
            path=path,
            size_bytes=len(content),
            created_at=document.made_at,
        )
        try:
            await self._ports.store.commit(Insert(record=report))
        except BaseException:
            await files.remove(path)
            raise
        return report

    async def render(self, actor: Actor, wish: CreateReport) -> bytes:
        """The file that `create` would make, without keeping it."""
        return await self._files().render(await self._document(actor, wish), wish.format)

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> Page[Report]:
        """The actor's reports, newest first."""
        query = Query(where={"owner_id": actor.user_id}, limit=limit, offset=offset)
        return await self._ports.store.find(Report, query)

    async def get(self, actor: Actor, id: str) -> Report:
        """One of them."""
        found = await self._ports.store.get(Report, id)
        if found is None or not (found.owner_id == actor.user_id or actor.is_admin):
            raise NotFound("report", id)
        return found

    async def content(
        self, actor: Actor, id: str, format: ReportFormat | None = None
    ) -> tuple[Report, bytes]:
        """The file of a report; in another form it is made anew from what there is now.

        So is a file that is not here, because another server made it, or somebody removed it.
        """
        report = await self.get(actor, id)
        format = format or report.format
        if format == report.format:
            with suppress(NotFound):
                return report, await self._files().read(report.path)
        wish = CreateReport(
            conversation_id=report.conversation_id,
            execution_id=report.execution_id,
            format=format,
            parts=report.parts,
        )
        content = await self._files().render(await self._document(actor, wish), format)
        return replace(report, format=format, size_bytes=len(content)), content

    async def delete(self, actor: Actor, id: str) -> Report:
        """Remove a report and its file."""
        report = await self.get(actor, id)
        await self._ports.store.commit(Delete(kind=Report, id=report.id))
        await self._files().remove(report.path)
        return report

    async def _require_room(self, actor: Actor) -> None:
        mine = Query(where={"owner_id": actor.user_id}, limit=MAX_REPORTS)
        found = await self._ports.store.find(Report, mine)
        if found.total >= MAX_REPORTS:
            raise Conflict(f"you have {MAX_REPORTS} reports, the most one may keep; delete some")
        if sum(report.size_bytes for report in found.items) >= MAX_KEPT_BYTES:
            raise Conflict(
                f"your reports have {MAX_KEPT_BYTES >> 20} MiB, the most one may keep; delete some"
            )

    async def _document(self, actor: Actor, wish: CreateReport) -> ReportDocument:
        if bool(wish.conversation_id) == bool(wish.execution_id):
            raise InvalidRequest(
                "say which session or which execution the report is of, one of them",
                field="session_id",
            )
        ports, now = self._ports, self._ports.clock.now()
        if wish.conversation_id:
            found = await ports.conversations.get(actor, wish.conversation_id)
            material = await gather(ports.store, ports.log, found)
            return conversation_document(material, wish.parts, now)
        execution = await ports.executions.get(actor, wish.execution_id)
        made = await ports.executions.artifacts(actor, execution.id)
        name = next((a.name for a in made if a.name.endswith(".ipynb")), "")
        if not name:
            raise Conflict("the execution has no notebook yet; wait for its end")
        _, notebook = await ports.executions.artifact(actor, execution.id, name)
        task = await ports.store.get(Task, execution.task_id)
        return execution_document(execution, task.name if task else "", notebook, wish.parts, now)

    def _files(self) -> ReportFiles:
        if self._ports.files is None:
            raise Unsupported("this deployment makes no reports")
        return self._ports.files
