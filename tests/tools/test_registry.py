"""Every tool comes through the same door, and whatever a tool does its result is a value."""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from notebook_agents.core.errors import NotFound, SandboxUnavailable, ToolFailed
from notebook_agents.core.guardrails import is_told, tools_warning
from notebook_agents.core.models import BUNDLED_MODEL, BUNDLED_TOOLS, ModelInfo
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.tools.definition import Tool, define_tool
from notebook_agents.tools.list_files import list_files
from notebook_agents.tools.registry import GROUP, Registry

from .conftest import ToolBench

BUILT_IN = [
    "code_analyzer", "database_query", "file_editor", "file_reader", "file_writer",
    "inspect_variable", "list_files", "python_executor", "search_files", "shell",
    "text_compare", "text_statistics", "think",
]  # fmt: skip
PLUGIN = """
from notebook_agents.tools.definition import define_tool

@define_tool(title="Hello", category="x", effect="read")
async def hello(name: str) -> dict:
    '''Greet.'''
    return {"greeting": f"hello {name}"}
"""
ENTRY_POINTS = f"""[{GROUP}]
hello = plugin_for_test:hello
other_name = plugin_for_test:hello
broken = plugin_for_test_missing:tool
no_tool = sys:version
"""


def make(*tools: Tool) -> Registry:
    return Registry(KernelSandbox(SandboxConfig(Path("unused"))), tools)


async def use(
    registry: Registry, tool: str, /, *, timeout_s: float = 5, **arguments: str
) -> ToolResult:
    return await registry.run(
        ToolInvocation(
            call_id="1",
            name=tool,
            arguments=registry.validate(tool, arguments),
            owner_id="o",
            conversation_id="c",
            workspace="/nowhere",
            level="low",
            timeout_s=timeout_s,
            memory_bytes=0,
        )
    )


@define_tool(title="Fails", category="x", effect="read")
async def fails() -> str:
    """Fail in an unforeseen way."""
    raise ValueError("two\nlines")


@define_tool(title="Says much", category="x", effect="read")
async def says_much() -> str:
    """Say more than anybody reads."""
    return "0123456789" * 200_000


@define_tool(title="Refuses", category="x", effect="read")
async def refuses() -> str:
    """Fail on purpose."""
    raise ToolFailed("not today", reason="CLOSED")


@define_tool(title="Hangs", category="x", effect="read")
async def hangs() -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return ""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with one good tool and three bad ones."""
    (tmp_path / "plugin_for_test.py").write_text(PLUGIN)
    info = tmp_path / "plugin_for_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-for-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "plugin_for_test", raising=False)


def test_the_built_in_tools_are_entry_points(tools: ToolBench) -> None:
    assert [spec.name for spec in tools.registry.specs()] == BUILT_IN
    assert sorted(entry_points(group=GROUP).names) == BUILT_IN


def test_the_model_in_the_box_is_told_of_its_own_five_and_nobody_is_warned(
    tools: ToolBench,
) -> None:
    model = ModelInfo(id=BUNDLED_MODEL, name="x", is_bundled=True, accepts_user_tools=False)
    specs = tools.registry.specs()
    assert {spec.name for spec in specs if is_told(model, spec)} == set(BUNDLED_TOOLS)
    assert all(spec.is_built_in for spec in specs)
    assert tools_warning(model, specs) is None


def test_enabled_names_only_those(run_dir: Path) -> None:
    sandbox = KernelSandbox(SandboxConfig(run_dir))
    registry = Registry.from_entry_points(sandbox, enabled=["list_files"])
    assert [spec.name for spec in registry.specs()] == ["list_files"]


@pytest.mark.usefixtures("plugin")
async def test_a_plugin_is_found_and_broken_ones_are_warnings(
    run_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        registry = await asyncio.to_thread(
            Registry.from_entry_points, KernelSandbox(SandboxConfig(run_dir))
        )
    assert [spec.name for spec in registry.specs()] == sorted([*BUILT_IN, "hello"])
    warned = " ".join(record.getMessage() for record in caplog.records)
    for name in ("broken", "no_tool", "other_name"):
        assert repr(name) in warned
    result = await use(registry, "hello", name="you")
    assert result.content == "greeting: hello you"
    assert result.value == {"greeting": "hello you"}


def test_an_unknown_tool_is_not_found() -> None:
    with pytest.raises(NotFound):
        make().validate("nothing", {})


async def test_a_failure_of_any_kind_is_a_result() -> None:
    registry = make(fails, refuses)
    failed = await use(registry, "fails")
    assert (failed.status, failed.error_type) == ("failed", "ValueError")
    assert failed.content == "Error: ValueError: two lines"
    refused = await use(registry, "refuses")
    assert (refused.error_type, refused.content) == ("CLOSED", "Error: not today")
    assert refused.duration_ms > 0


async def test_a_tool_that_hangs_times_out() -> None:
    result = await use(make(hangs), "hangs", timeout_s=0.1)
    assert (result.status, result.error_type) == ("timed_out", "TIMEOUT")
    assert result.content == "Error: hangs took longer than 0.1 seconds"


async def test_a_level_that_cannot_be_enforced_is_raised(run_dir: Path, workspace: Path) -> None:
    sandbox = KernelSandbox(SandboxConfig(run_dir, backends=("namespaces",), bwrap="no-such-bwrap"))
    bench = ToolBench(Registry(sandbox, [list_files]), workspace, "medium")
    with pytest.raises(SandboxUnavailable):
        await bench.use("list_files")
    await bench.registry.aclose()


async def test_release_ends_the_kernel_of_the_conversation(tools: ToolBench) -> None:
    await tools.use("python_executor", code="x = 1")
    await tools.registry.release("conversation")
    assert (await tools.use("python_executor", code="x")).error_type == "NameError"


async def test_a_text_without_end_is_cut_and_says_so() -> None:
    said = (await use(make(says_much), "says_much")).content
    assert len(said) == 1 << 20
    assert said.startswith("0123456789")
    assert said.endswith("\n... cut after 1,048,576 characters")
