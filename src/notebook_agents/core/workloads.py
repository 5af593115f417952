"""Workloads: tables of computing jobs that a person registers to have them optimized.

A workload is read once, when it is registered: checked column by column and kept in a form of our
own. From then on it never changes. It is its owner's alone; the example that comes with the product
is everybody's to read.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    NotPermitted,
    Unsupported,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Delete, Insert, Page, Query

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Table
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.users import Actor

WorkloadFormat: TypeAlias = Literal["csv", "json", "parquet"]
FORMATS: tuple[WorkloadFormat, ...] = ("csv", "json", "parquet")
EXAMPLE_ID = "example"
"""The workload that comes with the product."""
RECORDED_ID = "recorded"
"""In place of a workload: the caller's own runs, out of the event log."""
RESERVED_NAMES = (EXAMPLE_ID, RECORDED_ID)
MAX_NAME_CHARS = 100
MAX_UPLOAD_BYTES = 64 * 1024 * 1024
MAX_WORKLOADS = 100
"""Of one owner."""
MAX_PREVIEW_ROWS = 1_000
_PREFIX = re.compile(r"^[a-z]{1,10}[_-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A registered table of jobs."""

    id: str
    owner_id: str
    """Empty for the example."""
    name: str
    """Unique among its owner's."""
    format: WorkloadFormat
    """What was uploaded."""
    size_bytes: int
    sha256: str
    """Of the upload, hex."""
    n_rows: int
    columns: tuple[str, ...]
    """Those that were understood, under their documented names."""
    ignored_columns: tuple[str, ...] = ()
    """Those that were not."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWorkload:
    """The wish to keep a table of jobs."""

    name: str
    content: bytes
    format: WorkloadFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTable:
    """What became of an upload."""

    n_rows: int
    columns: tuple[str, ...]
    ignored_columns: tuple[str, ...] = ()


class WorkloadTables(Protocol):
    """Checks and keeps the tables of workloads."""

    async def keep(self, owner_id: str, id: str, wish: RegisterWorkload) -> KeptTable:
        """Read an upload and keep it under the id.

        Raises InvalidRequest that names row, column and remedy, or says that it is too large.
        """
        ...

    async def example(self) -> tuple[KeptTable, bytes]:
        """The table that comes with the product, and its file."""
        ...

    async def preview(self, workload: Workload, limit: int) -> Table:
        """The first rows."""
        ...

    async def remove(self, workload: Workload) -> None:
        """Forget a table; nothing happens when it is gone."""
        ...

    async def aclose(self) -> None:
        """End what runs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadPorts:
    """What the workloads service works with."""

    store: Store
    clock: Clock
    tables: WorkloadTables | None
    """None where a deployment keeps no workloads."""


class Workloads:
    """Register, find, look into and remove workloads."""

    def __init__(self, ports: WorkloadPorts) -> None:
        self._ports = ports

    async def register(self, actor: Actor, wish: RegisterWorkload) -> Workload:
        """Check and keep a table.

        Raises InvalidRequest that names row, column and remedy, or says that it is too large;
        Conflict when the name is taken or there are too many.
        """
        tables = self._tables()
        name = _checked_name(wish.name)
        if len(wish.content) > MAX_UPLOAD_BYTES:
            raise InvalidRequest(
                f"a workload has at most {MAX_UPLOAD_BYTES >> 20} MiB; send fewer rows or columns",
                field="body",
            )
        await self._make_sure_of_room(actor, name)
        id = new_id()
        kept = await tables.keep(actor.user_id, id, wish)
        workload = Workload(
            id=id,
            owner_id=actor.user_id,
            name=name,
            format=wish.format,
            size_bytes=len(wish.content),
            sha256=hashlib.sha256(wish.content).hexdigest(),
            n_rows=kept.n_rows,
            columns=kept.columns,
            ignored_columns=kept.ignored_columns,
            created_at=self._ports.clock.now(),
        )
        try:
            await self._ports.store.commit(Insert(record=workload))
        except BaseException:
            await tables.remove(workload)
            raise
        return workload

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> Page[Workload]:
        """The actor's own, newest first."""
        query = Query(where={"owner_id": actor.user_id}, limit=limit, offset=offset)
        return await self._ports.store.find(Workload, query)

    async def get(self, actor: Actor, reference: str) -> Workload:
        """The workload of that id, in any written form, or of that name among the actor's."""
        if without_prefix(reference) == EXAMPLE_ID:
            return await self.example()
        return await self._own(actor, reference)

    async def example(self) -> Workload:
        """The workload that comes with the product."""
        kept, content = await self._tables().example()
        return Workload(
            id=EXAMPLE_ID,
            owner_id="",
            name=EXAMPLE_ID,
            format="csv",
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            n_rows=kept.n_rows,
            columns=kept.columns,
            ignored_columns=kept.ignored_columns,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    async def preview(self, actor: Actor, reference: str, *, limit: int = 20) -> Table:
        """The first rows as they were understood."""
        if not 1 <= limit <= MAX_PREVIEW_ROWS:
            raise InvalidRequest(
                f"limit must be from 1 to {MAX_PREVIEW_ROWS}, got {limit}", field="limit"
            )
        workload = await self.get(actor, reference)
        return await self._tables().preview(workload, limit)

    async def delete(self, actor: Actor, reference: str) -> Workload:
        """Remove a workload and its table."""
        if without_prefix(reference) == EXAMPLE_ID:
            raise NotPermitted("the example workload cannot be deleted")
        workload = await self._own(actor, reference)
        await self._ports.store.commit(Delete(kind=Workload, id=workload.id))
        await self._tables().remove(workload)
        return workload

    async def _own(self, actor: Actor, reference: str) -> Workload:
        found = await self._ports.store.get(Workload, _as_id(reference))
        if found is None:
            where = {"owner_id": actor.user_id, "name": reference.strip()}
            page = await self._ports.store.find(Workload, Query(where=where, limit=1))
            found = page.items[0] if page.items else None
        if found is None or not (found.owner_id == actor.user_id or actor.is_admin):
            raise NotFound("workload", reference)
        return found

    async def _make_sure_of_room(self, actor: Actor, name: str) -> None:
        where = {"owner_id": actor.user_id}
        find = self._ports.store.find
        if (await find(Workload, Query(where=where | {"name": name}, limit=1))).total:
            raise Conflict(
                f"you have a workload {name!r} already; delete it or choose another name",
                field="name",
            )
        if (await find(Workload, Query(where=where, limit=1))).total >= MAX_WORKLOADS:
            raise Conflict(
                f"you have {MAX_WORKLOADS} workloads, the most one person may keep; delete one"
            )

    def _tables(self) -> WorkloadTables:
        if self._ports.tables is None:
            raise Unsupported("this deployment keeps no workloads")
        return self._ports.tables


def without_prefix(reference: str) -> str:
    """``example`` for ``wl-example``, ``EXAMPLE`` and the like."""
    return _PREFIX.sub("", reference.strip().lower())


def _as_id(reference: str) -> str:
    """The stored form of an id; empty when the text is none."""
    for form in (reference.strip(), without_prefix(reference)):
        try:
            return str(uuid.UUID(form))
        except ValueError:
            continue
    return ""


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise InvalidRequest(
            f"name a workload with 1 to {MAX_NAME_CHARS} printable characters", field="name"
        )
    if without_prefix(name) in RESERVED_NAMES or _as_id(name):
        raise InvalidRequest(
            f"{name!r} means something else here; choose another name", field="name"
        )
    return name
