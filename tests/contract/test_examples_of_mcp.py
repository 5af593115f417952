"""The commands of the page on MCP servers do what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.contract.test_examples_of_docs import commands_of, needs_curl, run

from notebook_agents.core.core import Core
from notebook_agents.mcp import files
from notebook_agents.testing import FakeToolServers, fake_core
from notebook_agents_server.testing import Client

COMMANDS = commands_of("docs/mcp.md")


class Readers(FakeToolServers):
    """Reads files as the product does."""

    def read(self, content: bytes) -> object:
        return files.read(content)


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return fake_core(home=tmp_path, tool_servers=Readers())


@needs_curl
async def test_the_commands_of_the_page_work(client: Client) -> None:
    registered, listed, imported, exported = [
        json.loads(await run(client, command)) for command in COMMANDS
    ]
    assert registered["status"] == "new"
    assert [item["name"] for item in listed["items"]] == ["Time"]
    assert (imported["imported_count"], imported["errors"]) == (1, [])
    assert set(exported["mcpServers"]) == {"Time", "Files"}
    assert exported["mcpServers"]["Time"]["env"] == {"TZ": "********"}
