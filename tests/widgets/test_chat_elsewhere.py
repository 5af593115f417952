"""Conversations of the chat panel where there is no panel: over REST, and in saved notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter, MarkdownExporter
from tests.widgets.chat_front import Front

from notebook_agents.core.clock import SystemClock
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import fake_core

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents_server.testing import Client

pytestmark = pytest.mark.slow


@pytest.fixture
def core(front: Front) -> Core:
    """A server's core that shares the kernel's home."""
    home = Path(front.run("print(home)").strip())
    return fake_core(
        clock=SystemClock(),
        home=home / "workspaces",
        store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
        event_log=JsonlEventLog(home / "events"),
    )


async def test_a_conversation_of_the_panel_is_in_the_lists_of_the_rest_apis(
    front: Front, client: Client
) -> None:
    comm = front.chat(cell="rest")
    id = front.say(comm, "Who sees this?").state["conversation"]["id"]
    threads = await client.below("/notebook-agents/netra").get("/api/threads")
    assert "Who sees this?" in str(threads.json)
    conversation = await client.below("/notebook-agents/tektra").get(f"/v1/conversations/{id}")
    assert "You said: Who sees this?" in str(conversation.json)
    sessions = await client.below("/notebook-agents/agent_api").get("/api/v1/sessions")
    assert "Who sees this?" in str(sessions.json)


def test_a_saved_notebook_shows_the_transcript_in_nbconvert(front: Front) -> None:
    comm = front.chat(cell="saved")
    front.say(comm, "**Save** <b>me</b>")
    front.run("pass")
    first: dict[str, Any] = {"application/vnd.jupyter.widget-view+json": {"model_id": comm}}
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[
            nbformat.v4.new_code_cell(  # type: ignore[no-untyped-call]
                "%agent chat",
                outputs=[
                    nbformat.v4.new_output("display_data", data)  # type: ignore[no-untyped-call]
                    for data in (first | {"text/plain": "a panel"}, front.transcript())
                ],
            )
        ]
    )
    exporters: tuple[Any, ...] = (HTMLExporter, MarkdownExporter)
    for exporter in exporters:
        text, _resources = exporter().from_notebook_node(notebook)
        assert "Transcript: **Save** &lt;b&gt;me&lt;/b&gt;" in text
        assert "You said: <b>Save</b> &lt;b&gt;me&lt;/b&gt;" in text
