"""The commands of the README and of the pages on APIs, webhooks and sessions do what they say."""

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

from notebook_agents.core.core import Core
from notebook_agents.outbound.addresses import Rules
from notebook_agents.outbound.targets import Guard
from notebook_agents.outbound.transport import Outbound
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import ScriptedTools, fake_core
from notebook_agents.testing.tasks import ScriptedRunner
from notebook_agents.webhooks.sender import HttpSender
from notebook_agents_server.docs_pages import Shelf
from notebook_agents_server.mounts import DIALECT_NAMES, all_routes
from notebook_agents_server.testing import Client

ROOT = Path(__file__).parents[2]


def commands_of(page: str) -> list[str]:
    """What a page has its reader type."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"```bash\n(.*?)```", text, re.DOTALL)


PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
COMMANDS = commands_of("docs/api.md")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")


@pytest.fixture
def core(tmp_path: Path) -> Core:
    """A core with tools that delivers webhooks, to names that all have the same address."""
    guard = Guard(Rules(allow_private=False), resolve=lambda _host, _port: ("93.184.216.34",))
    sender = HttpSender(lambda: [b"k" * 32], Outbound(guard))
    names = ("python_executor", "file_reader", "shell")
    tools = ScriptedTools({name: lambda: "done" for name in names})
    return fake_core(
        home=tmp_path / "workspaces",
        webhook_sender=sender,
        tools=tools,
        task_runner=ScriptedRunner(),
        timetable=CronTimetable(),
    )


async def run(client: Client, command: str) -> str:
    """What a command prints, with ``BASE`` and ``TOKEN`` set and this server for any other."""
    here = {
        "BASE": client.origin + client.base_path,
        "TOKEN": client.headers["Authorization"].removeprefix("Bearer "),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }
    command = command.replace("localhost:8000", here["BASE"])
    full = ["bash", "-e", "-o", "pipefail", "-c", command]

    def work() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(full, env=os.environ | here, capture_output=True, timeout=60)

    outcome = await asyncio.get_running_loop().run_in_executor(None, work)
    assert outcome.returncode == 0, outcome
    return outcome.stdout.decode()


def test_there_are_three_commands() -> None:
    assert len(COMMANDS) == 3


@needs_curl
async def test_the_commands_work(client: Client) -> None:
    paths, agent, tools = [await run(client, each) for each in COMMANDS]
    assert "/v1/agents/{agent_id}" in paths.splitlines()
    assert json.loads(agent)["name"] == "Analyst"
    assert (await client.get(f"/v1/agents/{json.loads(agent)['agent_id']}")).status == 200
    assert "python_executor" in {tool["tool_id"] for tool in json.loads(tools)["tools"]}


@needs_curl
async def test_the_commands_of_the_readme_work(client: Client, tmp_path: Path) -> None:
    found = [each for each in commands_of("README.md") if "curl" in each]
    assert len(found) == 1
    password = (tmp_path / "home/admin_password").read_text().strip()
    command = found[0].replace('"password": "…"', f'"password": "{password}"')
    *before, start = command.strip().splitlines()
    agent = json.loads(await run(client, "\n".join(before)))
    assert agent["name"] == "Analyst"
    start = "\n".join(before[:-1]) + "\n" + start.replace("agent_…", agent["agent_id"])
    assert json.loads(await run(client, start))["conversation_id"]


@needs_curl
async def test_the_command_of_the_page_on_webhooks_works(client: Client) -> None:
    found = [each for each in commands_of("docs/webhooks.md") if "curl" in each]
    assert len(found) == 1
    assert json.loads(await run(client, found[0]))["webhook_id"]


@needs_curl
async def test_the_commands_of_the_page_on_sessions_work(client: Client) -> None:
    found = [each for each in commands_of("docs/agent_api.md") if "api " in each]
    assert len(found) == 2
    said = await run(client, "\n".join(found))
    assert '"text":"You said: What is in app.log?"' in said
    assert '"compression":"gzip"' in said
    (session,) = (await client.get("/api/v1/sessions")).json["items"]
    assert (session["name"], session["status"]) == ("Error logs", "archived")


@needs_curl
async def test_the_commands_of_the_page_on_tasks_work(client: Client) -> None:
    said = await run(client, "\n".join(commands_of("docs/tasks.md")))
    answers = [json.loads(part) for part in re.split(r"(?<=})(?={)", said)]
    executed, listed, _planned, schedule, paused = answers
    assert executed["status"] in {"running", "completed"}
    assert listed["total"] == 1
    assert len(schedule["next_runs"]) == 3
    assert paused["is_paused"] is True


@needs_curl
async def test_the_commands_of_the_page_on_agent_c_work(client: Client) -> None:
    chat, bare = [await run(client, each) for each in commands_of("docs/agent_c.md")]
    said = [json.loads(line) for line in chat.splitlines()]
    assert "".join(each["data"] for each in said if each["type"] == "content")
    assert said[-1]["type"] == "interaction_end"
    assert '"persona_name":{"from":"default","to":"data - ana"}' in bare
    assert bare.endswith("You said: hello")


@needs_curl
async def test_the_commands_of_the_page_on_files_work(client: Client) -> None:
    (command,) = commands_of("docs/files.md")
    given, listed = (await run(client, command)).replace("}{", "}\n{").splitlines()
    file = json.loads(given)
    assert (file["filename"], file["size"]) == ("sales.csv", 31)
    (found,) = json.loads(listed)["files"]
    assert found["id"] == file["id"]


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
