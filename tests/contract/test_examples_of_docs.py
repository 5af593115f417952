"""The commands of ``docs/api.md`` do what the page says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notebook_agents_server.docs_pages import Shelf
from notebook_agents_server.mounts import DIALECT_NAMES, all_routes
from notebook_agents_server.testing import Client

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_three_commands() -> None:
    assert len(COMMANDS) == 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
async def test_the_commands_work(client: Client) -> None:
    credential = client.headers["Authorization"].removeprefix("Bearer ")
    here = {"BASE": client.origin + client.base_path, "TOKEN": credential}
    here["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    loop = asyncio.get_running_loop()

    def run(command: str) -> str:
        full = ["bash", "-e", "-o", "pipefail", "-c", command]
        outcome = subprocess.run(full, env=os.environ | here, capture_output=True, timeout=60)
        assert outcome.returncode == 0, outcome
        return outcome.stdout.decode()

    paths, agent, tools = [await loop.run_in_executor(None, run, each) for each in COMMANDS]
    assert "/v1/agents/{agent_id}" in paths.splitlines()
    assert json.loads(agent)["name"] == "Analyst"
    assert (await client.get(f"/v1/agents/{json.loads(agent)['agent_id']}")).status == 200
    assert "python_executor" in {tool["tool_id"] for tool in json.loads(tools)["tools"]}


def test_the_page_names_every_place_that_is_there() -> None:
    there = {path.replace("\\", "") for path, _ in all_routes(DIALECT_NAMES)}
    named = set(re.findall(r"`(/[\w./<>-]*(?:docs|redoc|openapi\.json))`", PAGE))
    assert {"/docs", "/api/redoc"} <= named
    for path in named:
        for name in DIALECT_NAMES:
            assert path.replace("<name>", name) in there, path
    shelf = Shelf.below("/notebook-agents/<name>")
    assert {shelf.docs, shelf.redoc, shelf.openapi} <= named


def test_without_apis_at_the_root_only_our_own_prefix_has_pages() -> None:
    there = {path for path, _ in all_routes(())}
    assert "/docs" not in there
    assert "/notebook-agents/docs" in there
    assert "/notebook-agents/aimos/api/docs" in there
