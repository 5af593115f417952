"""Tektra: what a real execution draws, as a client gets it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from notebook_agents.core.core import Core
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.testing import fake_core
from notebook_agents.tools.registry import Registry
from notebook_agents_server.testing import Client

MIB = 1024 * 1024


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A short folder: socket paths have 107 bytes at most."""
    folder = Path(mkdtemp(prefix="nbt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def core(run_dir: Path, tmp_path: Path) -> Core:
    sandbox = KernelSandbox(SandboxConfig(run_dir))
    return fake_core(
        tools=Registry.from_entry_points(sandbox),
        sandbox=sandbox,
        level="low",
        event_log=JsonlEventLog(tmp_path),
        home=tmp_path / "workspaces",
    )


async def test_an_execution_answers_with_its_figures_and_the_log_holds_them(
    tektra: Client, tmp_path: Path
) -> None:
    code = """import plotly.express as px
for n in (100, 40_000, 40_000, 200_000): px.line(y=['%012d' % i for i in range(n)]).show()
print('drawn')"""
    body = {"parameters": {"code": code}, "security_context": {"security_level": "low"}}
    answer = await tektra.post("/v1/tools/python_executor/execute", body)
    assert answer.status == 200, answer.body
    result = answer.json["result"]
    assert (result["output"], result["exit_code"]) == ("drawn", 0)
    assert [set(figure) for figure in result["figures"]] == [{"data", "layout"}] * 2
    assert result["figures"][0]["data"][0]["y"][99] == "000000000099"
    assert len(answer.body) < 1.1 * MIB
    [line] = [
        line
        for line in (tmp_path / "events" / "hot" / "system.jsonl").read_bytes().splitlines()
        if b'"tool_finished"' in line
    ]
    payload = json.loads(line)["payload"]
    kept = [json.loads(figure["content"]) for figure in payload["figures"]]
    assert kept == result["figures"]
    assert payload["content"] == "drawn\n[figure]\n[figure]\n" + "\n".join(
        ["[figure, too large to show]"] * 2
    )
    assert len(line) < 1.5 * MIB
