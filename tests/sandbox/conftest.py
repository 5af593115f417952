"""A sandbox over a workspace of the test, and a short way to run code in it."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.sandbox.config import OutputBudget, SandboxConfig
from notebook_agents.sandbox.probe import probe
from notebook_agents.sandbox.sandbox import KernelSandbox

MIB = 1024 * 1024


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Whether a condition came true in time; it is asked on a thread."""
    give_up = time.monotonic() + timeout_s

    def ask() -> bool:
        while not condition():
            if time.monotonic() > give_up:
                return False
            time.sleep(0.01)
        return True

    return await asyncio.to_thread(ask)


@pytest.fixture(scope="session")
def medium_works() -> None:
    """Skip where bubblewrap cannot be used, and say why."""
    report = probe(SandboxConfig(Path("unused")))[1]
    if not report.is_available:
        pytest.skip(f"level 'medium' is not available: {report.evidence}; {report.remedy}")


@pytest.fixture(params=["low", "medium"])
def level(request: pytest.FixtureRequest) -> str:
    """Each level that runs code."""
    if request.param == "medium":
        request.getfixturevalue("medium_works")
    return str(request.param)


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A short folder: socket paths have 107 bytes at most."""
    folder = Path(mkdtemp(prefix="nbt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@dataclass
class Bench:
    """Runs calls in a sandbox, with the defaults of the test."""

    sandbox: KernelSandbox
    call: SandboxCall
    shown: list[str] = field(default_factory=list)

    async def run(self, code: str = "", **changes: Any) -> SandboxOutcome:
        call = replace(self.call, code=code, on_output=self.shown.append, **changes)
        return await self.sandbox.execute(call)


MakeBench = Callable[..., Bench]


@pytest.fixture
async def make_bench(run_dir: Path, workspace: Path) -> AsyncIterator[MakeBench]:
    """A bench for a configuration; closed at the end of the test."""
    made: list[KernelSandbox] = []

    def make(
        level: str = "low", budget: OutputBudget | None = None, timeout_s: float = 20, **config: Any
    ) -> Bench:
        sandbox = KernelSandbox(SandboxConfig(config.pop("run_dir", run_dir), **config), budget)
        made.append(sandbox)
        call = SandboxCall(
            key="conversation",
            owner_id="owner",
            workspace=str(workspace),
            level=level,  # type: ignore[arg-type]
            timeout_s=timeout_s,
            memory_bytes=512 * MIB,
        )
        return Bench(sandbox, call)

    yield make
    for sandbox in made:
        await sandbox.aclose()


@pytest.fixture
def bench(make_bench: MakeBench, level: str) -> Bench:
    """A bench at each level."""
    return make_bench(level)


@pytest.fixture
def confined(make_bench: MakeBench, medium_works: None) -> Bench:
    """A bench at level medium."""
    return make_bench("medium")
