"""The system of record: SQLite or PostgreSQL through SQLAlchemy, sync sessions on threads.

SQLite has one writer thread, because several writers only wait for each other's file lock, and two
readers. PostgreSQL has a pool for both. The same code serves either.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    create_engine,
    delete,
    event,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from notebook_agents.core.conversations import MessageNode
from notebook_agents.core.errors import Conflict, NotFound, StorageUnavailable
from notebook_agents.core.ports import Change, Delete, Insert, Page, Patch, Query, Replace
from notebook_agents.store.heartbeats import Heartbeats, Pace
from notebook_agents.store.holders import Holders
from notebook_agents.store.migrations import migrate
from notebook_agents.store.records import record_of, row_of, table_of, values_of

T = TypeVar("T")
_PRIVATE = 0o600
_OTHERS = 0o077
_BESIDE = ("-wal", "-shm", "-journal")
_READERS = 2
_POSTGRESQL_WRITERS = 4
_TAKEN = re.compile(r"failed: \w+\.(\w+)|Key \((\w+)\)=")


class SqlStore:
    """Answers the Store port. Create it with ``SqlStore.open(url, holders)``."""

    def __init__(self, engine: Engine, holders: Holders, pace: Pace | None = None) -> None:
        is_sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._holders = holders
        self._heartbeats = None if is_sqlite else Heartbeats(engine, holders.own, pace)
        self._writers = ThreadPoolExecutor(
            1 if is_sqlite else _POSTGRESQL_WRITERS, thread_name_prefix="store-write"
        )
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")

    @classmethod
    def open(cls, url: str, holders: Holders, pace: Pace | None = None) -> SqlStore:
        """Connect and bring the schema up to date; blocks for as long as that takes."""
        engine = _connect(url)
        try:
            migrate(engine)
            store = cls(engine, holders, pace)
            if store._heartbeats is not None:
                store._heartbeats.start(holders.found_dead)
        except BaseException:
            engine.dispose()
            raise
        return store

    @property
    def database(self) -> str:
        """SQLAlchemy's name of the database."""
        return self._engine.dialect.name

    async def get(self, kind: type[T], id: str) -> T | None:
        """The record, or None."""

        def work(connection: Connection) -> T | None:
            table = table_of(kind)
            row = connection.execute(select(table).where(table.c.id == id)).mappings().first()
            return None if row is None else record_of(kind, row)

        return await self._read(work)

    async def find(self, kind: type[T], query: Query) -> Page[T]:
        """The records that match, newest first, with the total count."""

        def work(connection: Connection) -> Page[T]:
            table = table_of(kind)
            condition = _wanted(kind, query)
            moment = table.c.get("created_at", table.c.id)
            order: list[ColumnElement[Any]] = [moment, table.c.id]
            if not query.oldest_first:
                order = [column.desc() for column in order]
            wanted = select(table).where(condition).order_by(*order)
            rows = connection.execute(wanted.limit(query.limit).offset(query.offset)).mappings()
            items = tuple(record_of(kind, row) for row in rows)
            count = select(func.count()).select_from(table).where(condition)
            total = connection.execute(count).scalar_one()
            return Page(items=items, total=total, limit=query.limit, offset=query.offset)

        return await self._read(work)

    async def count(self, kind: type[Any], query: Query, by: str) -> Mapping[Any, int]:
        """How many records match, for each value of a field, in one query."""

        def work(connection: Connection) -> Mapping[Any, int]:
            column = table_of(kind).c[by]
            wanted = select(column, func.count()).where(_wanted(kind, query)).group_by(column)
            return dict(connection.execute(wanted).all())

        return await self._read(work)

    async def chain(self, tip_id: str) -> list[MessageNode]:
        """The messages from the first to the tip, in one recursive query."""

        def work(connection: Connection) -> list[MessageNode]:
            table = table_of(MessageNode)
            walk = select(table).where(table.c.id == tip_id).cte(recursive=True)
            parent = table.alias()
            walk = walk.union_all(select(parent).join(walk, parent.c.id == walk.c.parent_id))
            rows = connection.execute(select(walk)).mappings()
            nodes = {row["id"]: record_of(MessageNode, row) for row in rows}
            ordered: list[MessageNode] = []
            node = nodes.get(tip_id)
            while node is not None:
                ordered.append(node)
                node = nodes.get(node.parent_id)
            return ordered[::-1]

        return await self._read(work) if tip_id else []

    async def commit(self, *changes: Change) -> None:
        """Make all changes or none."""

        def work() -> None:
            with self._engine.begin() as connection:
                for change in changes:
                    _apply(connection, change)

        await _on(self._writers, work)

    async def claim(self, kind: type[T], query: Query, fields: Mapping[str, Any]) -> list[T]:
        """Change matching records that no other claim works on, in one statement."""

        def work() -> list[T]:
            table = table_of(kind)
            oldest = (table.c.get("created_at", table.c.id), table.c.id)
            # SQLite has no row locks and leaves these out; the lock on the file does as well.
            free = (
                select(table.c.id)
                .where(_wanted(kind, query))
                .order_by(*oldest)
                .limit(query.limit)
                .with_for_update(skip_locked=True)
                .cte("free")
            )
            change = update(table).where(table.c.id.in_(select(free.c.id)))
            with self._engine.begin() as connection:
                if self.database == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                changed = connection.execute(
                    change.values(values_of(kind, fields)).returning(table)
                )
                rows = changed.mappings().all()
            in_order = sorted(rows, key=lambda row: [row[column] for column in oldest])
            return [record_of(kind, row) for row in in_order]

        return await _on(self._writers, work)

    def holder(self) -> str:
        """The identity of this process."""
        return self._holders.own

    async def is_alive(self, holder: str) -> bool:
        """Whether the process behind a holder still lives.

        Exact for processes of this home; of others the database heard within ``Pace.dead_after_s``.
        """

        def work() -> bool:
            if self._heartbeats is None or self._holders.knows(holder):
                return self._holders.is_alive(holder)
            with self._engine.connect() as connection:
                return self._heartbeats.is_alive(connection, holder)

        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def aclose(self) -> None:
        """Finish what is queued and disconnect."""

        def work() -> None:
            self._writers.shutdown()
            self._readers.shutdown()
            if self._heartbeats is not None:
                self._heartbeats.close()
            self._engine.dispose()
            self._holders.close()

        await asyncio.get_running_loop().run_in_executor(None, work)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def connected() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        return await _on(self._readers, connected)


async def _on(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Work with the database on a thread; StorageUnavailable when it cannot do its part."""
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, work)
    except OperationalError as error:
        # What a database server says may name its address.
        reason = str(error.orig) if isinstance(error.orig, sqlite3.Error) else "it does not answer"
        raise StorageUnavailable(f"the database cannot be used now: {reason}") from error


def _connect(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, pool_size=_READERS + _POSTGRESQL_WRITERS)
    if parsed.database:
        _keep_private(Path(parsed.database))
    engine = create_engine(parsed, poolclass=QueuePool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _keep_private(database: Path) -> None:
    """Make the file, or let nobody but its account read it: it holds people's conversations.

    The files that SQLite puts beside it get the mode that it has when they are made.
    """
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database.touch(mode=_PRIVATE)
    for file in (database, *(database.with_name(database.name + end) for end in _BESIDE)):
        # Gone meanwhile, or another account's, who must know what its mode is for.
        with suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & _OTHERS:
                file.chmod(_PRIVATE)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # On file systems without shared memory (NFS) SQLite stays in its rollback-journal mode.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=5000")
    connection.execute("PRAGMA foreign_keys=ON")


def _wanted(kind: type[Any], query: Query) -> ColumnElement[bool]:
    table = table_of(kind)
    return and_(
        _condition(kind, query.where),
        or_(*(_condition(kind, where) for where in query.any_of or ({},))),
        *(table.c[name].not_in(values) for name, values in query.but.items()),
        *(table.c[name] <= bound for name, bound in query.at_most.items()),
    )


def _condition(kind: type[Any], where: Mapping[str, Any]) -> ColumnElement[bool]:
    table = table_of(kind)
    return and_(
        true(),
        *(
            table.c[name].in_(value) if isinstance(value, tuple) else table.c[name] == value
            for name, value in where.items()
        ),
    )


def _apply(connection: Connection, change: Change) -> None:
    match change:
        case Insert(record=record):
            try:
                connection.execute(insert(table_of(type(record))).values(row_of(record)))
            except IntegrityError as error:
                raise _taken(error) from error
        case Replace(record=record, expected=expected):
            _change(connection, type(record), record.id, row_of(record), expected)
        case Patch(kind=kind, id=id, fields=fields, expected=expected):
            _change(connection, kind, id, values_of(kind, fields), expected)
        case Delete(kind=kind, id=id):
            table = table_of(kind)
            connection.execute(delete(table).where(table.c.id == id))


def _change(
    connection: Connection,
    kind: type[Any],
    id: str,
    values: dict[str, Any],
    expected: Mapping[str, Any],
) -> None:
    table = table_of(kind)
    condition = and_(table.c.id == id, _condition(kind, expected))
    try:
        if connection.execute(update(table).where(condition).values(values)).rowcount:
            return
    except IntegrityError as error:
        raise _taken(error) from error
    noun = kind.__name__.lower()
    if connection.execute(select(table.c.id).where(table.c.id == id)).first() is None:
        raise NotFound(noun, id)
    raise Conflict(f"{noun} {id!r} has changed in the meantime")


def _taken(error: IntegrityError) -> Conflict:
    # SQLite says "failed: users.email", PostgreSQL "Key (email)=(…) already exists".
    named = _TAKEN.search(str(error.orig))
    field = (named.group(1) or named.group(2)) if named else "id"
    return Conflict(f"this {field} is taken", field=field)
