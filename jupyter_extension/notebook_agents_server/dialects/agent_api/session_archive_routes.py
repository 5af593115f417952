"""Session Endpoints / archive: pack the files of a session that is done with, and get them."""

from __future__ import annotations

from typing import Any

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_api import session_mapping as mapping
from notebook_agents_server.dialects.agent_api import session_wire as wire
from notebook_agents_server.dialects.agent_api.session_routes import ONE, SESSIONS, SessionHandler
from notebook_agents_server.operations import operation

GZIP = "application/gzip"


class Archive(SessionHandler):
    """``/api/v1/sessions/{session_id}/archive``."""

    endpoint = f"{SESSIONS}/{{session_id}}/archive"

    @operation(answer=wire.ArchiveAnswer)
    async def get(self, session_id: str) -> None:
        """What was packed."""
        id = await self.session_id(session_id)
        self.reply(mapping.archive_to_wire(await self.core.archives.get(self.actor, id)))

    @operation(
        body=wire.ArchiveRequest,
        answer=wire.ArchiveAnswer,
        errors=(400, 409),
        example="session_archive",
    )
    async def post(self, session_id: str) -> None:
        """Pack the working directory; the session takes no query any more."""
        self.parse(wire.ArchiveRequest)
        id = await self.session_id(session_id)
        self.reply(mapping.archive_to_wire(await self.core.archives.create(self.actor, id)))


class Download(SessionHandler):
    """``GET /api/v1/sessions/{session_id}/archive/download``."""

    endpoint = f"{SESSIONS}/{{session_id}}/archive/download"

    @operation(content_type=GZIP, errors=(409,))
    async def get(self, session_id: str) -> None:
        """The packed files."""
        id = await self.session_id(session_id)
        archive = await self.core.archives.get(self.actor, id)
        self.offer_download(f"{archive.id}.tar.gz", GZIP)
        self.set_header("Content-Length", str(archive.size_bytes))
        chunks = self.core.archives.read(archive)
        await self.stream(chunks, content_type=GZIP, last_words=_cut_off)


def _cut_off(_body: dict[str, Any]) -> bytes:
    """Nothing fits into a packed file; who reads it sees that its end is missing."""
    return b""


ROUTES: list[Route] = [
    (rf"{ONE}/archive", Archive),
    (rf"{ONE}/archive/download", Download),
]
