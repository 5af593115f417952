"""Reports whose form is their document, and whose files are in memory."""

from __future__ import annotations

from notebook_agents.core.errors import NotFound
from notebook_agents.core.report_documents import ReportDocument, ReportFormat, document_to_json


class MemoryReports:
    """Answers the ReportFiles port; ``documents`` are those that were rendered."""

    def __init__(self) -> None:
        self.documents: list[ReportDocument] = []
        self.files: dict[str, bytes] = {}

    async def render(self, document: ReportDocument, format: ReportFormat) -> bytes:
        """The document as JSON; before it stands the name of a form that is not JSON."""
        self.documents.append(document)
        content = document_to_json(document)
        is_json = format in ("json", "ipynb")
        return content if is_json else format.encode() + b" " + content

    async def keep(self, id: str, format: ReportFormat, content: bytes) -> str:
        """Keep it."""
        path = f"{id}.{format}"
        self.files[path] = content
        return path

    async def read(self, path: str) -> bytes:
        """What was kept."""
        if path not in self.files:
            raise NotFound("report", path)
        return self.files[path]

    async def remove(self, path: str) -> None:
        """Forget it."""
        self.files.pop(path, None)
