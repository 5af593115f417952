"""Routes of Agent C's files: give, list, look at and remove them."""

from __future__ import annotations

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import file_mapping, file_wire
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.operations import operation
from notebook_agents_server.uploads import UploadHandler


class UploadFile(UploadHandler, SessionHandler):
    """``POST /api/v1/upload_file``."""

    @operation(
        parts=file_wire.UploadForm,
        answer=file_wire.FileAnswer,
        errors=(404, 409),
        tag="files",
    )
    async def post(self) -> None:
        """Give a file to a session; it is read in the background."""
        form, receiving, name = self.uploaded(file_wire.UploadForm)
        session = await self.ui_session(form.ui_session_id)
        attachment = await self.core.attachments.add(self.actor, session.id, receiving, name)
        self.reply(file_mapping.file_to_wire(attachment))


class Files(SessionHandler):
    """``GET /api/v1/files/{ui_session_id}``."""

    @operation(answer=file_wire.FilesAnswer)
    async def get(self, ui_session_id: str) -> None:
        """The files of a session, and how far reading each is."""
        session = await self.ui_session(ui_session_id)
        found = await self.core.attachments.list(self.actor, session.id)
        self.reply(file_mapping.files_to_wire(found))


class File(SessionHandler):
    """``/api/v1/files/{ui_session_id}/{file_id}``."""

    @operation(answer=file_wire.FileAnswer)
    async def get(self, ui_session_id: str, file_id: str) -> None:
        """What is known of a file."""
        session = await self.ui_session(ui_session_id)
        attachment = await self.core.attachments.get(self.actor, session.id, file_id)
        self.reply(file_mapping.file_to_wire(attachment))

    @operation(answer=file_wire.DeletedAnswer)
    async def delete(self, ui_session_id: str, file_id: str) -> None:
        """Remove a file and its text."""
        session = await self.ui_session(ui_session_id)
        attachment = await self.core.attachments.delete(self.actor, session.id, file_id)
        self.reply(file_mapping.deleted_to_wire(attachment))


ROUTES: list[Route] = [
    (r"/api/v1/upload_file", UploadFile),
    (r"/api/v1/files/([^/]+)", Files),
    (r"/api/v1/files/([^/]+)/([^/]+)", File),
]
