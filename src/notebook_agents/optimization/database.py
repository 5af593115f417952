"""DuckDB as this room uses it: in memory, small, without access to anything outside.

A connection reads its one file first and is locked then: no statement after that can reach a file
or the network, whatever is in the table. Long statements end with the task that waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar

import duckdb

from notebook_agents.core.errors import InvalidRequest

MEMORY_MB = 1024
TIMEOUT_S = 120.0
"""After this a piece of work is interrupted."""
_FIRST = (
    "SET memory_limit = '{memory_mb}MB'",
    "SET threads = 2",
    "SET TimeZone = 'UTC'",
    "SET preserve_insertion_order = true",
    "SET max_temp_directory_size = '0B'",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET allow_persistent_secrets = false",
)
_LOCK = ("SET enable_external_access = false", "SET lock_configuration = true")

T = TypeVar("T")
Database: TypeAlias = duckdb.DuckDBPyConnection


@contextlib.contextmanager
def database(memory_mb: int = MEMORY_MB) -> Iterator[Database]:
    """An empty database in memory that may still read files; `lock` it once they are read."""
    connection = duckdb.connect(":memory:")
    try:
        for statement in _FIRST:
            connection.execute(statement.format(memory_mb=memory_mb))
        yield connection
    finally:
        connection.close()


def lock(connection: Database) -> None:
    """Take away access to files and the network, for good."""
    for statement in _LOCK:
        connection.execute(statement)


class Worker:
    """Threads for work on databases; cancelling the waiting task interrupts the work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="workloads")

    async def run(self, work: Callable[[Leash], T]) -> T:
        """Do the work on a thread; a cancelled task waits until the work has really ended."""
        leash = Leash()
        job = self._threads.submit(work, leash)
        future = asyncio.wrap_future(job)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.shield(future)
        except (asyncio.CancelledError, TimeoutError) as stop:
            leash.pull()
            if not job.cancel():  # one that has not begun is not waited for
                with contextlib.suppress(Exception):
                    await future
            if isinstance(stop, asyncio.CancelledError):
                raise
            raise unreadable(
                f"the table needs more than {TIMEOUT_S:g} seconds of work; send fewer rows"
            ) from None
        except duckdb.OutOfMemoryException:
            raise unreadable(
                f"the table needs more than {MEMORY_MB} MB of memory; send fewer rows"
            ) from None

    async def aclose(self) -> None:
        """Wait for the threads."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)


class Stopped(Exception):
    """The task that waited for the work is gone."""


class Leash:
    """How the waiting task ends work on a thread."""

    def __init__(self) -> None:
        self._is_pulled = threading.Event()
        self._connection: Database | None = None

    def hold(self, connection: Database) -> None:
        """Interrupt this connection when the leash is pulled."""
        self._connection = connection
        self.check()

    def pull(self) -> None:
        """End the work at its next statement or look."""
        self._is_pulled.set()
        if self._connection is not None:
            self._connection.interrupt()

    def check(self) -> None:
        """Raise Stopped once the leash was pulled."""
        if self._is_pulled.is_set():
            raise Stopped


def first_line(error: duckdb.Error) -> str:
    """What the database says, without the picture of the statement."""
    return " ".join(str(error).partition("\n")[0].split())[:300]


def unreadable(what: str) -> InvalidRequest:
    """The error for an upload that cannot be read, or is too large to be."""
    return InvalidRequest(what, field="body")
