"""The commands of the pages on replays and on reports do what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.contract.test_examples_of_docs import commands_of, needs_curl, run

from notebook_agents.core.core import Core
from notebook_agents.reports.files import ProcessReports
from notebook_agents.testing import fake_core
from notebook_agents_server.testing import Client

pytestmark = needs_curl


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return fake_core(home=tmp_path / "work", report_files=ProcessReports(tmp_path / "reports"))


async def converse(client: Client) -> None:
    agent = (await client.post("/v1/agents", {"name": "Helper"})).json["agent_id"]
    await client.post(f"/v1/agents/{agent}/conversations", {"message": "hello there"})


async def test_the_commands_of_the_page_on_replays_work(client: Client) -> None:
    await converse(client)
    (command,) = commands_of("docs/replay.md")
    said = await run(client, command)
    details, end = json.JSONDecoder().raw_decode(said)
    assert details["event_types"]["user_request"] == 1
    events, end = json.JSONDecoder().raw_decode(said, end)
    assert [event["content"] for event in events] == ["hello there"]
    assert said[end:].strip().endswith('data: {"type":"stream_complete"}')


async def test_the_commands_of_the_page_on_reports_work(client: Client, tmp_path: Path) -> None:
    await converse(client)
    (command,) = commands_of("docs/reports.md")
    await run(client, f"cd {tmp_path}\n{command}")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert "hello there" in (tmp_path / "report.md").read_text()
