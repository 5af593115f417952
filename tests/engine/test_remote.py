"""The client of the engine: starting, watching and restarting a worker."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from notebook_agents.confinement import cgroups
from notebook_agents.core.errors import EngineUnavailable, NotFound
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateChunk, GenerateRequest, Sampling
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.launcher import MAX_CRASHES
from notebook_agents.engine.remote import RemoteEngine
from notebook_agents.engine.run_folder import RunFolder


def request_of(model: Path, n_tokens: int = 4) -> GenerateRequest:
    return GenerateRequest(
        model=str(model),
        messages=(user_message("hi"),),
        sampling=Sampling(temperature=1.0, seed=3, max_tokens=n_tokens),
    )


async def collect(engine: RemoteEngine, request: GenerateRequest) -> list[GenerateChunk]:
    async with aclosing(engine.generate(request)) as chunks:
        return [chunk async for chunk in chunks]


async def drain(chunks: AsyncIterator[GenerateChunk]) -> None:
    async for _chunk in chunks:
        pass


@pytest.fixture
async def own_engine(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RemoteEngine]:
    """An engine with a worker of its own."""
    monkeypatch.chdir(model_folder.parent)
    models = (str(model_folder), "./random")
    config = EngineConfig(run_dir=tmp_path / "run", models=models, threads=1)
    engine = RemoteEngine(config)
    yield engine
    await engine.aclose()


async def test_nothing_starts_before_it_is_needed(
    own_engine: RemoteEngine, tmp_path: Path, model_folder: Path
) -> None:
    health = await own_engine.health()
    assert (health.is_ready, health.detail) == (
        False,
        "the engine worker starts with the first request",
    )
    assert {m.id: m.status for m in await own_engine.models()}[str(model_folder)] == "available"
    await own_engine.unload(str(model_folder))
    assert not (tmp_path / "run").exists()


async def test_a_killed_worker_fails_its_requests_at_once_and_is_replaced(
    own_engine: RemoteEngine,
    model_folder: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = await asyncio.gather(
        collect(own_engine, request_of(model_folder)), collect(own_engine, request_of(model_folder))
    )
    assert first[-1].type == second[-1].type == "finished"
    log = tmp_path / "run" / "engine.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.read_text().count("serving") == 1

    status = {info.id: info.status for info in await own_engine.models()}
    assert (status[str(model_folder)], status["./random"]) == ("loaded", "available")
    pid = (await own_engine.health()).pid
    assert pid is not None
    async with aclosing(own_engine.generate(request_of(model_folder, 350))) as chunks:
        await anext(chunks)
        os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        with pytest.raises(EngineUnavailable) as raised:
            await drain(chunks)
    assert raised.value.message == (
        "the engine worker stopped answering; the engine worker was killed by SIGKILL; "
        "the server's log has the details"
    )
    assert f"last lines of {log}: " in caplog.text
    assert "serving" in caplog.text
    assert time.monotonic() - killed_at < 10
    assert (await collect(own_engine, request_of(model_folder)))[-1].type == "finished"
    assert (await own_engine.health()).pid != pid


async def test_a_worker_that_takes_more_memory_than_it_may_have_is_replaced(
    own_engine: RemoteEngine, model_folder: Path
) -> None:
    groups = await asyncio.to_thread(cgroups.find)
    if groups is None:
        pytest.skip("control groups cannot be written here")
    await own_engine.load(str(model_folder))
    pid = (await own_engine.health()).pid
    assert pid is not None
    group = await asyncio.to_thread(groups.make, f"engine-{pid}", 24 << 20, 1000)
    try:
        await asyncio.to_thread(group.add, pid)  # what it has used until now is not counted
        large = replace(request_of(model_folder), messages=(user_message("x" * (48 << 20)),))
        ends = await asyncio.gather(
            collect(own_engine, large),
            collect(own_engine, request_of(model_folder, 350)),
            return_exceptions=True,
        )
        assert isinstance(ends[0], EngineUnavailable)
        assert "the engine worker was killed by SIGKILL" in ends[0].message
        # The other one either came through before, or was told the same.
        assert isinstance(ends[1], list) or "killed by SIGKILL" in str(ends[1])
        assert await asyncio.to_thread(group.n_memory_kills) == 1
        assert (await collect(own_engine, request_of(model_folder)))[-1].type == "finished"
        assert (await own_engine.health()).pid != pid
    finally:
        assert await asyncio.to_thread(group.remove)


@pytest.mark.slow
async def test_a_worker_that_crashes_too_often_is_given_up_until_a_load(
    own_engine: RemoteEngine, model_folder: Path
) -> None:
    await own_engine.load(str(model_folder))
    for _ in range(MAX_CRASHES):
        with pytest.raises(NotFound):
            await collect(own_engine, request_of(Path("nobody")))
        pid = (await own_engine.health()).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while (await own_engine.health()).pid == pid:
                pass
    with pytest.raises(EngineUnavailable, match=r"times in a row.*SIGKILL.*server's log") as gone:
        await collect(own_engine, request_of(model_folder))
    assert "serving" not in gone.value.message
    await own_engine.load(str(model_folder))
    assert (await collect(own_engine, request_of(model_folder)))[-1].type == "finished"


PARENT = """
import asyncio, sys
from pathlib import Path
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.remote import RemoteEngine

async def main():
    engine = RemoteEngine(EngineConfig(run_dir=Path(sys.argv[1]), models=(sys.argv[2],), threads=1))
    await engine.load(sys.argv[2])
    print((await engine.health()).pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def is_running(pid: int) -> bool:
    """Whether a process does anything: a zombie that nobody reaps does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_the_worker_ends_with_a_killed_parent(tmp_path: Path, model_folder: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(model_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
        deadline = time.monotonic() + 2
        while is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_running(pid)


WITHOUT_TORCH = """
import asyncio, sys
from pathlib import Path
sys.modules["torch"] = None
from notebook_agents.core.errors import EngineUnavailable, NotFound
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.remote import RemoteEngine

async def main():
    engine = RemoteEngine(EngineConfig(run_dir=Path(sys.argv[1])))
    assert len(await engine.models()) == 4
    try:
        await engine.load("notebook-agents/tiny")
    except EngineUnavailable as error:
        print(error)
    print((await engine.health()).detail)
    await engine.aclose()

asyncio.run(main())
assert "transformers" not in sys.modules
"""


def test_without_torch_the_error_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pip install 'notebook-agents[engine]'") == 2


def test_the_client_does_not_import_torch() -> None:
    code = "import sys, notebook_agents.engine.remote as _; print(HEAVY & set(sys.modules))"
    code = code.replace("HEAVY", "{'torch', 'transformers'}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_nobody_at_the_url_is_engine_unavailable(tmp_path: Path) -> None:
    url = f"unix:{tmp_path}/nobody"
    engine = RemoteEngine(EngineConfig(run_dir=tmp_path, url=url))
    with pytest.raises(EngineUnavailable) as raised:
        await engine.load("m")
    assert raised.value.message == "no engine answers at the configured engine_url"
    assert not (await engine.health()).is_ready
    await engine.aclose()


async def test_a_folder_that_cannot_be_made_is_named_in_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    engine = RemoteEngine(EngineConfig(run_dir=tmp_path / "file" / "run"))
    with pytest.raises(EngineUnavailable, match="could not be started") as raised:
        await engine.load("notebook-agents/tiny")
    assert str(tmp_path) not in raised.value.message
    assert str(tmp_path) not in (await engine.health()).detail
    assert str(tmp_path) in caplog.text
    await engine.aclose()


async def test_a_closed_engine_starts_nothing(tmp_path: Path) -> None:
    engine = RemoteEngine(EngineConfig(run_dir=tmp_path / "run"))
    await engine.aclose()
    with pytest.raises(EngineUnavailable, match="closed"):
        await engine.load("notebook-agents/tiny")


def test_sockets_move_to_a_short_path(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / ("long" * 25))
    assert len(str(folder.socket)) <= 100
    folder.create()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.remove()
    assert not folder.path.exists()


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    mine, other = RunFolder(tmp_path), RunFolder(tmp_path)
    other.create()
    orphan = tmp_path / "engine-0badcafe"
    orphan.mkdir()
    mine.create()
    assert other.path.exists()
    assert mine.path.parent != tmp_path or not orphan.exists()
    mine.remove()
    other.remove()


def test_links_in_a_shared_folder_are_not_followed(tmp_path: Path) -> None:
    precious, mine = tmp_path / "precious", RunFolder(tmp_path)
    precious.mkdir()
    (mine.path.parent / "engine-link").symlink_to(precious)
    locked = mine.path.parent / "engine-trap"
    locked.mkdir()
    (locked / "lock").symlink_to(precious / "made")
    mine.create()
    assert list(precious.iterdir()) == []
    assert locked.exists()
    mine.remove()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_folders_of_other_users_are_left_alone(tmp_path: Path) -> None:
    mine = RunFolder(tmp_path)
    other = mine.path.parent / "engine-0badcafe"
    other.mkdir()
    os.chown(other, 12345, 12345)
    mine.create()
    assert other.exists()
    assert list(other.iterdir()) == []
    mine.remove()


def test_a_folder_that_is_just_made_is_not_swept_away(tmp_path: Path) -> None:
    """Many workers start at once, and each sweeps while the others make their folders."""
    folders = [RunFolder(tmp_path) for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            list(pool.map(RunFolder.create, folders))
            assert all((folder.path / "lock").exists() for folder in folders)
    for folder in folders:
        folder.remove()
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_the_tail_of_the_log_is_short(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.log_tail() == ""
    folder.log_file.write_text("\n".join(f"line {n}" for n in range(1000)))
    assert folder.log_tail() == "line 995 | line 996 | line 997 | line 998 | line 999"
