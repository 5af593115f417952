"""Where the tables of workloads are: one Parquet file each, in a folder per owner.

No name that a person gave is ever part of a path. CSV and JSON are read here, Parquet is turned
into CSV in a tool kernel first.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import os
import shutil
import stat
import threading
import uuid
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from notebook_agents.core.analytics import Table
from notebook_agents.core.errors import (
    InvalidRequest,
    NotFound,
    SandboxUnavailable,
)
from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.core.workloads import EXAMPLE_ID, KeptTable, RegisterWorkload, Workload
from notebook_agents.optimization import converting, intake
from notebook_agents.optimization.columns import COLUMNS
from notebook_agents.optimization.database import (
    Database,
    Leash,
    Worker,
    database,
    lock,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_agents.core.policy import Level
    from notebook_agents.core.ports import Sandbox

EXAMPLE_FILE = "example_workload.csv"
CONVERTER = "notebook_agents.optimization.converting:parquet_to_csv"
CONVERT_TIMEOUT_S = 120.0
CONVERT_MEMORY_BYTES = 1024 * 1024 * 1024
DATABASE_MEMORY_MB = 512
PARQUET_MAGIC = b"PAR1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePorts:
    """What keeping tables needs."""

    folder: Path
    """Where they are kept; not visible to tool kernels."""
    scratch: Path
    """Where a tool kernel may write: a folder for each Parquet file, removed at once."""
    sandbox: Sandbox
    level: Level = "medium"


class ParquetTables:
    """Answers the WorkloadTables port."""

    def __init__(self, ports: TablePorts) -> None:
        self._ports = ports
        self.worker = Worker()
        self._example: tuple[KeptTable, bytes] | None = None
        self._taking_in = threading.Lock()

    async def keep(self, owner_id: str, id: str, wish: RegisterWorkload) -> KeptTable:
        """Check an upload and keep it."""
        incoming = self._ports.folder / "incoming" / f"{id}.csv"
        target = self._path(owner_id, id)
        try:
            await self._on_thread(lambda: _make_folders(incoming.parent, target.parent))
            if wish.format == "parquet":
                await self._convert(owner_id, id, wish.content, incoming)
            else:
                write = _write_json if wish.format == "json" else _write_bytes
                await self._on_thread(lambda: write(incoming, wish.content))
            return await self.worker.run(lambda leash: intake.take_in(incoming, target, leash))
        except BaseException:
            await self._on_thread(lambda: target.unlink(missing_ok=True))
            raise
        finally:
            await self._on_thread(lambda: incoming.unlink(missing_ok=True))

    async def example(self) -> tuple[KeptTable, bytes]:
        """The table that comes with the product."""
        found = self._example
        return found if found is not None else await self.worker.run(self._taken_in_example)

    async def preview(self, workload: Workload, limit: int) -> Table:
        """The first rows, with the columns that the upload had."""
        names = ("row_number", *workload.columns)

        def work(leash: Leash) -> Table:
            with self.opened(workload, leash) as connection:
                rows = connection.execute(
                    f"SELECT {', '.join(names)} FROM workload ORDER BY row_number LIMIT {limit}"  # noqa: S608
                ).fetchall()
            return Table(columns=names, rows=tuple(tuple(row) for row in rows))

        return await self.worker.run(work)

    async def remove(self, workload: Workload) -> None:
        """Forget a table."""
        path = self._path(workload.owner_id, workload.id)
        await self._on_thread(lambda: path.unlink(missing_ok=True))

    async def aclose(self) -> None:
        """End what runs."""
        await self.worker.aclose()

    @contextmanager
    def opened(self, workload: Workload, leash: Leash) -> Iterator[Database]:
        """A locked database with the table ``workload``; NotFound when its file is gone. Blocks."""
        with database() as connection:
            leash.hold(connection)
            if workload.id == EXAMPLE_ID:
                self._taken_in_example(leash)
            path = self._path(workload.owner_id, workload.id)
            if not path.is_file():
                raise NotFound("table of the workload", workload.id)
            _load_kept(connection, path)
            lock(connection)
            yield connection

    def _taken_in_example(self, leash: Leash) -> tuple[KeptTable, bytes]:
        """The shipped table, checked and kept like an upload once per process."""
        target = self._path("", EXAMPLE_ID)
        with self._taking_in:
            found = self._example
            if found is None or not target.is_file():
                # Other processes may do the same: each moves its own whole file there.
                made = target.with_name(f"{uuid.uuid4().hex}.incoming")
                _make_folders(target.parent)
                try:
                    with _example_file() as source:
                        kept = intake.take_in(source, made, leash)
                        self._example = found = kept, source.read_bytes()
                    made.replace(target)
                finally:
                    made.unlink(missing_ok=True)
            return found

    def _path(self, owner_id: str, id: str) -> Path:
        # Ids of owners come from outside under a Hub, so the folder is named after their digest.
        owner = hashlib.sha256(owner_id.encode()).hexdigest()[:32]
        return self._ports.folder / owner / f"{id}.parquet"

    async def _convert(self, owner_id: str, id: str, content: bytes, target: Path) -> None:
        """Turn Parquet into CSV in a tool kernel of its own, which ends with the call."""
        if not content.startswith(PARQUET_MAGIC) or not content.endswith(PARQUET_MAGIC):
            raise unreadable("this is not a Parquet file, or only a part of one")
        folder = self._ports.scratch / f"workload-{id}"
        call = SandboxCall(
            key=f"workload-{id}",
            owner_id=owner_id,
            workspace=str(folder),
            level=self._ports.level,
            timeout_s=CONVERT_TIMEOUT_S,
            memory_bytes=CONVERT_MEMORY_BYTES,
            function=CONVERTER,
            arguments={
                "root": str(folder),
                "memory_mb": DATABASE_MEMORY_MB,
                "max_rows": intake.MAX_ROWS,
                "max_columns": intake.MAX_COLUMNS,
            },
        )
        try:
            await self._on_thread(lambda: _make_folders(folder))
            await self._on_thread(lambda: _write_bytes(folder / converting.SOURCE_NAME, content))
            _raise_if_refused(await self._execute(call))
            await self._on_thread(lambda: _fetch(folder / converting.TARGET_NAME, target))
        finally:
            await self._ports.sandbox.close(call.key)
            await self._on_thread(lambda: shutil.rmtree(folder, ignore_errors=True))

    async def _execute(self, call: SandboxCall) -> SandboxOutcome:
        try:
            return await self._ports.sandbox.execute(call)
        except SandboxUnavailable as error:
            raise SandboxUnavailable(
                f"Parquet files are read in a sandbox only; send CSV or JSON instead, or:"
                f" {error.message}",
                **error.details,
            ) from error

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, work)


@contextmanager
def _example_file() -> Iterator[Path]:
    data = resources.files("notebook_agents.optimization.data")
    with resources.as_file(data.joinpath(EXAMPLE_FILE)) as path:
        yield path


def _load_kept(connection: Database, path: Path) -> None:
    quoted = str(path).replace("'", "''")
    names = ", ".join(("row_number", *(column.name for column in COLUMNS)))
    connection.execute(
        f"CREATE TABLE workload AS SELECT {names} FROM read_parquet('{quoted}')"  # noqa: S608
    )


def _raise_if_refused(outcome: SandboxOutcome) -> None:
    if outcome.reason == "" and isinstance(outcome.value, dict):
        if limit := outcome.value.get("limit"):
            raise unreadable(f"the Parquet file is too large: {limit}")
        if error := outcome.value.get("error"):
            raise unreadable(f"the Parquet file cannot be read: {str(error)[:300]}")
        return
    raise unreadable(
        f"reading the Parquet file was stopped ({outcome.reason or 'no answer'}): it may take"
        f" {CONVERT_TIMEOUT_S:g} s and {CONVERT_MEMORY_BYTES >> 20} MiB; send fewer rows or CSV"
    )


def _make_folders(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _fetch(source: Path, target: Path) -> None:
    """Copy what the tool kernel wrote; it may have put anything under that name."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise unreadable("the Parquet file could not be turned into a table") from None
    with os.fdopen(descriptor, "rb") as found, target.open("wb") as kept:
        size = os.fstat(descriptor)
        if not stat.S_ISREG(size.st_mode) or size.st_size > converting.MAX_CSV_BYTES:
            raise unreadable("the Parquet file could not be turned into a table")
        shutil.copyfileobj(found, kept)


def _write_json(path: Path, content: bytes) -> None:
    """JSON (a list of jobs, ``{"jobs": […]}`` or one job per line) as CSV."""
    jobs = _jobs(content)
    names = list(dict.fromkeys(name for job in jobs for name in job))
    if len(names) > intake.MAX_COLUMNS:
        raise unreadable(f"the jobs have {len(names)} fields, at most {intake.MAX_COLUMNS}")
    with path.open("w", encoding="utf-8", newline="") as file:
        _write_rows(file, names, jobs)


def _write_rows(file: IO[str], names: list[str], jobs: Iterable[dict[str, Any]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(" ".join(name.split()) for name in names)
    for number, job in enumerate(jobs, start=1):
        writer.writerow([_text(job.get(name), number, name) for name in names])


def _text(value: Any, number: int, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        raise InvalidRequest(
            f"row {number}, field {name[:40]!r} holds a list or an object; use one plain value",
            field=name[:40],
        )
    return "" if value is None else str(value).replace("\n", " ").replace("\r", " ")


def _jobs(content: bytes) -> list[dict[str, Any]]:
    try:
        text = content.decode("utf-8-sig")
        found = _loaded(text)
    except UnicodeDecodeError:
        raise unreadable("the JSON is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise unreadable(f"this is not JSON: {str(error)[:100]}") from None
    if isinstance(found, dict):
        found = found.get("jobs", [found])
    if not isinstance(found, list) or not all(isinstance(job, dict) for job in found):
        raise unreadable('send a list of objects, one per job, or {"jobs": [...]}')
    if not found:
        raise unreadable("the list of jobs is empty")
    return found


def _loaded(text: str) -> Any:
    """One JSON value, or one per line."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:2]):
        try:
            return [json.loads(line, parse_constant=_no_constant) for line in lines]
        except ValueError:
            pass  # one value over several lines
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
