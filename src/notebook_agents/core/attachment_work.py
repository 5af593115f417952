"""Reading attachments in the background, and forgetting them when their time is over.

A few are read at once. A process that dies leaves files that another one, or its successor, reads
again; a file that was interrupted again and again is given up, for it may be the reason.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notebook_agents.core.attachment_events import FileRead, FileRemoved
from notebook_agents.core.attachment_files import FileUnreadable
from notebook_agents.core.attachments import Attachment, source_of
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.ports import Delete, Patch, Query

if TYPE_CHECKING:
    from collections.abc import Collection

    from notebook_agents.core.attachment_events import RemovalReason
    from notebook_agents.core.attachment_files import AttachmentFiles
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.spawn import Supervisor
    from notebook_agents.core.workspaces import Workspaces

AT_ONCE = 2
"""Files that a process reads at the same time."""
MAX_ATTEMPTS = 3
PROGRESS_STEP = 0.1
"""A smaller step is not written down."""
POLL_S = 0.2
"""How often a file is looked at that another process reads."""
BATCH = 500
LOST = timedelta(days=1)
"""So long after its end a file is forgotten that no server removed."""
INTERRUPTED = "reading it was interrupted several times; upload it again"
FAILED = "reading it failed; the server's log says more"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentWorkPorts:
    """What reading attachments needs."""

    store: Store
    clock: Clock
    journal: Journal
    supervisor: Supervisor
    workspaces: Workspaces
    files: AttachmentFiles | None


class AttachmentWork:
    """Reads attachments."""

    def __init__(self, ports: AttachmentWorkPorts) -> None:
        self._ports = ports
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, attachment: Attachment) -> None:
        """Read a file of this process in the background."""
        work = self._work(attachment)
        task = self._ports.supervisor.spawn(work, name=f"reading file {attachment.id}")
        self._tasks[attachment.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(attachment.id, None))

    async def settled(self, attachment: Attachment, timeout_s: float) -> Attachment:
        """The file as it is once it was read, or as it is now when that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not attachment.is_settled:
                    if (task := self._tasks.get(attachment.id)) is not None:
                        await asyncio.wait((task,))
                    else:
                        await asyncio.sleep(POLL_S)
                    attachment = await self._current(attachment)
        return attachment

    async def recover(self) -> int:
        """Read what a process that died has left; how many files that are."""
        if self._ports.files is None:
            return 0
        store, n_found = self._ports.store, 0
        query = Query(where={"status": ("pending", "processing")}, limit=BATCH, oldest_first=True)
        for attachment in (await store.find(Attachment, query)).items:
            if attachment.id in self._tasks or await store.is_alive(attachment.holder):
                continue
            if not await self._ports.files.has(attachment):
                continue  # the server whose home it is in reads it when it comes back
            fields: dict[str, Any] = {"holder": store.holder(), "status": "pending"}
            if attachment.n_attempts >= MAX_ATTEMPTS:
                fields |= {"status": "failed", "error": INTERRUPTED}
            with suppress(Conflict, NotFound):  # another process does it, or it is gone
                expected = {"holder": attachment.holder, "status": attachment.status}
                await self._patch(attachment, fields, expected)
                n_found += 1
                if fields["status"] == "pending":
                    self.start(replace(attachment, **fields))
        return n_found

    async def purge(self) -> None:
        """Remove files whose time is over, and those of conversations that are gone."""
        if self._ports.files is None:
            return
        await self._ports.files.sweep()
        offset = 0
        while True:
            query = Query(limit=BATCH, offset=offset, oldest_first=True)
            found = (await self._ports.store.find(Attachment, query)).items
            there = await self._conversations_of(found)
            n_removed = 0
            for attachment in found:
                if reason := await self._reason_to_go(attachment, there):
                    await self._remove(attachment, reason)
                    n_removed += 1
            offset += len(found) - n_removed
            if len(found) < BATCH:
                return

    async def _reason_to_go(
        self, attachment: Attachment, there: Collection[str]
    ) -> RemovalReason | None:
        """Why a file is to be removed here; one that another server has it removes itself."""
        assert self._ports.files is not None
        now, end = self._ports.clock.now(), attachment.expires_at
        is_expired = end is not None and end <= now
        if not is_expired and attachment.conversation_id in there:
            return None
        is_abandoned = end is not None and end + LOST <= now
        if not is_abandoned and not await self._ports.files.has(attachment):
            return None
        return "expired" if is_expired else "conversation_deleted"

    async def forget(self, conversation: Conversation) -> None:
        """Remove the files of a conversation that was deleted.

        Where there are none, as in kernels, a server does it with the others that are to go.
        """
        if self._ports.files is None:
            return
        query = Query(where={"conversation_id": conversation.id}, limit=BATCH)
        while found := (await self._ports.store.find(Attachment, query)).items:
            for attachment in found:
                await self._remove(attachment, "conversation_deleted")

    async def _conversations_of(self, found: tuple[Attachment, ...]) -> set[str]:
        """The conversations that are still there."""
        ids = tuple({attachment.conversation_id for attachment in found})
        query = Query(where={"id": ids, "deleted_at": None}, limit=BATCH)
        return {c.id for c in (await self._ports.store.find(Conversation, query)).items}

    async def _remove(self, attachment: Attachment, reason: RemovalReason) -> None:
        assert self._ports.files is not None
        await self._ports.store.commit(Delete(kind=Attachment, id=attachment.id))
        await self._ports.files.remove(attachment, await self._folder(attachment))
        removed = FileRemoved(attachment_id=attachment.id, reason=reason)
        self._ports.journal.record(removed, source_of(attachment))

    async def _folder(self, attachment: Attachment) -> str:
        found = await self._ports.store.get(Conversation, attachment.conversation_id)
        is_ours = found is not None and self._ports.workspaces.owns(found.workspace)
        return found.workspace if found is not None and is_ours else ""

    # -- reading one ---------------------------------------------------------------------------

    async def _work(self, attachment: Attachment) -> None:
        async with self._turns:
            with suppress(Conflict, NotFound):  # it was deleted, or taken over by another process
                await self._read(attachment)

    async def _read(self, attachment: Attachment) -> None:
        n_attempts = attachment.n_attempts + 1
        begun = {"status": "processing", "progress": 0.0, "n_attempts": n_attempts}
        await self._patch(attachment, begun, {"holder": attachment.holder, "status": "pending"})
        reading = replace(attachment, status="processing", n_attempts=n_attempts)
        started = self._ports.clock.monotonic()
        fields = await self._outcome(reading)
        try:
            expected = {"holder": attachment.holder, "status": "processing"}
            await self._patch(reading, fields, expected)
            self._tell_read(reading, fields, self._ports.clock.monotonic() - started)
        except NotFound:  # deleted meanwhile: its text must not stay
            assert self._ports.files is not None
            gone = replace(reading, text_path=fields.get("text_path", ""))
            await self._ports.files.remove(gone, await self._folder(reading))

    def _tell_read(self, attachment: Attachment, fields: dict[str, Any], seconds: float) -> None:
        read = FileRead(
            attachment_id=attachment.id,
            status=fields["status"],
            n_chars=fields.get("n_chars", 0),
            duration_ms=seconds * 1000,
            error=fields.get("error", ""),
        )
        self._ports.journal.record(read, source_of(attachment))

    async def _outcome(self, attachment: Attachment) -> dict[str, Any]:
        files = self._ports.files
        assert files is not None
        try:
            n_chars = await files.read(attachment, self._teller(attachment))
            text_path = await files.publish_text(attachment, await self._folder(attachment))
        except FileUnreadable as reason:
            return {"status": "failed", "error": str(reason)}
        except Exception:  # noqa: BLE001 - a file must not stay unread for ever
            _log.exception("file %s cannot be read", attachment.id)
            return {"status": "failed", "error": FAILED}
        done = {"status": "completed", "progress": 1.0, "error": ""}
        return {**done, "n_chars": n_chars, "text_path": text_path}

    def _teller(self, attachment: Attachment) -> Any:
        told = 0.0

        def tell(progress: float) -> None:
            nonlocal told
            progress = min(progress, 0.99)
            if progress - told >= PROGRESS_STEP:
                told = progress
                self._ports.supervisor.spawn(
                    self._note(attachment, progress), name=f"progress of file {attachment.id}"
                )

        return tell

    async def _note(self, attachment: Attachment, progress: float) -> None:
        with suppress(Conflict, NotFound):
            expected = {"holder": attachment.holder, "status": "processing"}
            await self._patch(attachment, {"progress": progress}, expected)

    async def _current(self, attachment: Attachment) -> Attachment:
        found = await self._ports.store.get(Attachment, attachment.id)
        if found is None:
            raise NotFound("file", attachment.id)
        return found

    async def _patch(
        self, attachment: Attachment, fields: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        patch = Patch(kind=Attachment, id=attachment.id, fields=fields, expected=expected)
        await self._ports.store.commit(patch)
