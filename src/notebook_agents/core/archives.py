"""Archives: the packed folder of a conversation that is done with.

Packing needs a conversation that no run holds. The archive and the conversation's last state are
one write, which fails when anything was said meanwhile; then the file goes again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.archive_files import Archive, ArchiveFiles
from notebook_agents.core.conversation_states import ARCHIVABLE_STATES, HELD_STATES, check_step
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Insert, Patch, Query
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.states import OPEN_STATES

if TYPE_CHECKING:
    from datetime import datetime

    from notebook_agents.core.conversations import Conversations
    from notebook_agents.core.ports import Clock, Store, ToolRunner
    from notebook_agents.core.run_service import Runs
    from notebook_agents.core.users import Actor
    from notebook_agents.core.workspaces import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePorts:
    """What the archives service works with."""

    store: Store
    clock: Clock
    conversations: Conversations
    runs: Runs
    runner: ToolRunner
    workspaces: Workspaces
    files: ArchiveFiles


class Archives:
    """Pack conversations away and read what was packed."""

    def __init__(self, ports: ArchivePorts) -> None:
        self._ports = ports

    async def create(self, actor: Actor, conversation_id: str) -> Archive:
        """Pack the conversation's folder and end the conversation.

        Raises Conflict while a run is not finished and when it is archived already, InvalidRequest
        when the folder is too large or its owner's own.
        """
        ports = self._ports
        conversation = await self._free_conversation(actor, conversation_id)
        await ports.runner.release(conversation.id)
        id, now = new_id(), ports.clock.now()
        packed = await ports.files.pack(id, conversation.workspace)
        archive = Archive(
            id=id,
            owner_id=conversation.owner_id,
            conversation_id=conversation.id,
            path=ports.files.path(id),
            size_bytes=packed.size_bytes,
            sha256=packed.sha256,
            n_files=packed.n_files,
            content_bytes=packed.content_bytes,
            files=packed.files,
            created_at=now,
        )
        try:
            await ports.store.commit(_archiving(conversation, now), Insert(record=archive))
        except Conflict as error:
            await ports.files.remove(id)
            raise Conflict("the conversation changed while it was packed; try again") from error
        await ports.files.keep(id)
        return archive

    async def get(self, actor: Actor, conversation_id: str) -> Archive:
        """The archive of a conversation; NotFound while there is none."""
        conversation = await self._ports.conversations.get(actor, conversation_id)
        query = Query(where={"conversation_id": conversation.id}, limit=1)
        for archive in (await self._ports.store.find(Archive, query)).items:
            return archive
        raise NotFound("archive", conversation_id)

    def read(self, archive: Archive) -> AsyncGenerator[bytes, None]:
        """The bytes of an archive."""
        return self._ports.files.chunks(archive.id)

    async def purge(self) -> None:
        """Remove what was packed by a process that died before there was an archive."""
        ports = self._ports
        for id in await ports.files.stale():
            is_there = await ports.store.get(Archive, id) is not None
            await (ports.files.keep(id) if is_there else ports.files.remove(id))

    async def _free_conversation(self, actor: Actor, id: str) -> Conversation:
        conversation = await self._ports.conversations.get(actor, id)
        open_runs = ListRuns(conversation_id=conversation.id, states=OPEN_STATES, limit=1)
        is_held = conversation.state in HELD_STATES
        if is_held or (await self._ports.runs.list(actor, open_runs)).total:
            raise Conflict("the conversation has a run that is not finished; cancel it first")
        check_step(conversation.state, "archived")
        if not self._ports.workspaces.owns(conversation.workspace):
            raise InvalidRequest("the conversation works in a folder of yours, which is not packed")
        return conversation


def _archiving(conversation: Conversation, now: datetime) -> Patch:
    """The end of a conversation, if nothing was said or done in it meanwhile."""
    return Patch(
        kind=Conversation,
        id=conversation.id,
        fields={"state": "archived", "archived_at": now, "updated_at": now},
        expected={
            "active_run_id": "",
            "state": ARCHIVABLE_STATES,
            "message_count": conversation.message_count,
            "deleted_at": None,
        },
    )
