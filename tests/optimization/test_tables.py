"""Where tables are kept, and what strangers' files may do."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.workloads import RegisterWorkload
from notebook_agents.optimization.converting import parquet_to_csv
from notebook_agents.optimization.database import Worker
from notebook_agents.optimization.tables import ParquetTables, TablePorts
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

from .conftest import ANN, Bench


def parquet(path: Path, sql: str) -> bytes:
    duckdb.connect().execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


@pytest.fixture
async def tables(tmp_path: Path) -> AsyncIterator[ParquetTables]:
    """At level low, which every machine has."""
    scratch = tmp_path / "scratch"
    run_dir = Path(mkdtemp(prefix="nbt-"))  # short: paths of sockets have 107 bytes at most
    sandbox = KernelSandbox(SandboxConfig(run_dir=run_dir, writable_root=scratch))
    made = ParquetTables(
        TablePorts(folder=tmp_path / "kept", scratch=scratch, sandbox=sandbox, level="low")
    )
    yield made
    await made.aclose()
    await sandbox.aclose()
    await asyncio.to_thread(shutil.rmtree, run_dir, ignore_errors=True)


@pytest.mark.slow
async def test_parquet_is_read_in_a_tool_kernel(tables: ParquetTables, tmp_path: Path) -> None:
    sql = "SELECT 'L4' AS gpu, 1.5 AS hours, TIMESTAMP '2026-03-01 08:00:00' AS start, true spot_ok"
    content = await asyncio.to_thread(parquet, tmp_path / "a.parquet", sql)
    wish = RegisterWorkload(name="a", content=content, format="parquet")
    kept = await tables.keep("ann", "0" * 32, wish)
    assert kept.columns == ("gpu_type", "hours", "started_at", "interruptible")
    assert await asyncio.to_thread(os.listdir, tmp_path / "scratch") == []
    broken = RegisterWorkload(name="b", content=b"PAR1" + b"\xff" * 64 + b"PAR1", format="parquet")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        await tables.keep("ann", "1" * 32, broken)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "upload.parquet", "SELECT repeat('0', 1000) AS gpu FROM range(1000000)")
    found = parquet_to_csv(str(tmp_path), 256, 2_000_000, 100)
    assert found["limit"] == "unpacking it needs more than 256 MB"
    assert "at most 10 are read" in parquet_to_csv(str(tmp_path), 256, 10, 100)["limit"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[]", "the list of jobs is empty"),
        (b"[1]", "send a list of objects"),
        (b"{", "this is not JSON"),
        (b"[" * 100_000, "this is not JSON"),
        (b'[{"gpu": "L4", "hours": NaN}]', "NaN is not a JSON number"),
        (b'[{"gpu": {"a": 1}, "hours": 1}]', "row 1, field 'gpu' holds a list or an object"),
        (b"\xff", "not UTF-8"),
    ],
)
async def test_wrong_json_is_refused(bench: Bench, content: bytes, words: str) -> None:
    wish = RegisterWorkload(name="a", content=content, format="json")
    with pytest.raises(InvalidRequest, match=words):
        await bench.core.workloads.register(ANN, wish)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"gpu": "L4", "hours": 1}, {"gpu": "T4", "hours": 2, "spot_ok": true}]',
        b'{"jobs": [{"gpu": "L4", "hours": 1}, {"gpu": "T4", "hours": 2}]}',
        b'{"gpu": "L4", "hours": 1}\n{"gpu": "T4", "hours": 2}\n',
    ],
)
async def test_json_in_three_forms(bench: Bench, content: bytes) -> None:
    wish = RegisterWorkload(name="a", content=content, format="json")
    assert (await bench.core.workloads.register(ANN, wish)).n_rows == 2


async def test_no_name_becomes_a_path_and_nothing_is_left(bench: Bench) -> None:
    workload = await bench.register(b"gpu,hours\nL4,1\n", name="../../etc/passwd")
    kept = [path async for path in _files(bench.home / "workloads")]
    assert [path.name for path in kept] == [f"{workload.id}.parquet"]
    await bench.core.workloads.delete(ANN, "../../etc/passwd")
    with pytest.raises(InvalidRequest):
        await bench.register(b"gpu,hours\nL4,-1\n", name="b")
    assert [path async for path in _files(bench.home / "workloads")] == []


async def _files(folder: Path) -> AsyncIterator[Path]:
    for path in await asyncio.to_thread(lambda: [p for p in folder.rglob("*") if p.is_file()]):
        yield path


async def test_cancelling_interrupts_the_work_itself() -> None:
    worker = Worker()
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(leash: object) -> None:
        loop.call_soon_threadsafe(begun.set)
        while True:
            leash.check()  # type: ignore[attr-defined]

    task = asyncio.ensure_future(worker.run(endless))  # noqa: TID251 - no core to spawn it
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await worker.aclose()


async def test_the_example_is_checked_once_and_read_from_what_was_kept(bench: Bench) -> None:
    first = await bench.core.workloads.preview(ANN, "wl-example", limit=2)
    assert len(first.rows) == 2
    # With its Parquet kept, neither the workload nor its rows need the shipped file again.
    (kept,) = await asyncio.to_thread(lambda: list((bench.home / "workloads").glob("*/*")))
    before = (await asyncio.to_thread(kept.stat)).st_mtime_ns
    assert kept.name == "example.parquet"
    assert (await bench.core.workloads.preview(ANN, "example", limit=2)) == first
    assert (await asyncio.to_thread(kept.stat)).st_mtime_ns == before
    await asyncio.to_thread(kept.unlink)  # somebody tidied up
    assert (await bench.core.workloads.preview(ANN, "example", limit=2)) == first
