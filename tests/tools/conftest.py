"""The tools of the product over a workspace of the test and a real tool kernel."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from notebook_agents.core.policy import Level
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.probe import probe
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.tools.registry import Registry

MIB = 1024 * 1024


@pytest.fixture(scope="session")
def medium_works() -> bool:
    return probe(SandboxConfig(Path("unused")))[1].is_available


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
class ToolBench:
    """Uses tools in one conversation."""

    registry: Registry
    workspace: Path
    level: Level
    shown: list[str] = field(default_factory=list)

    async def use(self, name: str, /, *, timeout_s: float = 20, **arguments: Any) -> ToolResult:
        return await self.registry.run(
            ToolInvocation(
                call_id="call",
                name=name,
                arguments=self.registry.validate(name, arguments),
                owner_id="owner",
                conversation_id="conversation",
                workspace=str(self.workspace),
                level=self.level,
                timeout_s=timeout_s,
                memory_bytes=512 * MIB,
                on_output=self.shown.append,
            )
        )


@pytest.fixture
def registry(run_dir: Path) -> Registry:
    """All installed tools."""
    return Registry.from_entry_points(KernelSandbox(SandboxConfig(run_dir)))


@pytest.fixture
async def tools(registry: Registry, workspace: Path) -> AsyncIterator[ToolBench]:
    """The tools at level low, where nothing but the tool itself keeps to the workspace."""
    yield ToolBench(registry, workspace, "low")
    await registry.aclose()


@pytest.fixture
def confined_tools(tools: ToolBench, medium_works: bool) -> ToolBench:
    """The same tools at level medium."""
    if not medium_works:
        pytest.skip("level 'medium' is not available on this machine")
    tools.level = "medium"
    return tools
