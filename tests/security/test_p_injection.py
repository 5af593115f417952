"""The corpus: documents that order things, by every way they come in, to a model that obeys them.

A document passes when nothing that it orders leaves or cannot be taken back without a person's
fresh answer. A plain file of the person's own folder is the one origin that taints nothing; there
the mode decides as ever, so it is left out of ``full``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.security.obeying import ANN, ORDER, World, make_world, orders

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.assessments import Allowance
from notebook_agents.core.conversations import ConversationSettings, StartConversation
from notebook_agents.core.events import ApprovalRequested
from notebook_agents.core.messages import AttachmentPart, ToolResultPart, user_message
from notebook_agents.core.policy import HEADLESS_POLICY, MODES, ApprovalPolicy, unattended
from notebook_agents.core.provenance import LEAVING, for_model
from notebook_agents.core.tool_servers import RegisterToolServer
from notebook_agents.core.visible_text import visible
from notebook_agents.testing import call

DOCUMENTS = sorted(path for path in (Path(__file__).parent / "injected").iterdir())
POLICIES: dict[str, ApprovalPolicy] = {
    **{mode: MODES[mode] for mode in ("ask", "auto-edit", "full")},
    "headless": HEADLESS_POLICY,
    "unattended": unattended(MODES["full"], ("network", "external")),
}
WAYS = ("file_reader", "database_query", "search_uploads", "web_fetch", "mcp", "attached")
OWN = ("file_reader", "database_query")
OWN_POLICIES = ("ask", "auto-edit", "headless")
STRANGE_POLICIES = ("ask", "full", "unattended")
HIDDEN = {"tags.md", "comment.html"}
"""What only a model could read: on the ways of strangers it is not told of it at all."""
FORBIDDEN = {"post", "webhook", "shell", "python", "web_fetch", "file_writer"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World, None]:
    made = await asyncio.get_running_loop().run_in_executor(None, make_world, tmp_path)
    server = RegisterToolServer(name="srv", kind="stdio", command="serve")
    await made.core.tool_servers.register(ANN, server)
    yield made
    await made.core.aclose()


async def brought(world: World, way: str, text: str, policy: ApprovalPolicy) -> Any:
    """A run that reads the document and does what it orders, as far as it may."""
    world.tools.document = text
    first = {
        "web_fetch": [call("web_fetch", source="https://news.test")],
        "mcp": [call("srv__look", text="x")],
        "attached": [],
    }.get(way, [call(way, source="x")])
    world.engine.first = first
    # The person allowed the reading itself; what is judged is what comes of it.
    reads = policy if way not in {"web_fetch", "mcp"} else replace(policy, network="allow")
    reads = replace(reads, external="allow") if way == "mcp" else reads
    given = [AttachmentPart(kind="text", name="given", content=text)] if way == "attached" else []
    allowed = tuple(Allowance(tool=name, effect="external", by="ann") for name in FORBIDDEN)
    agent = await world.core.agents.ensure(ANN, CreateAgent(name="a"))
    settings = ConversationSettings(allowances=allowed)
    start = StartConversation(agent_id=agent.id, settings=settings)
    conversation = await world.core.conversations.start(ANN, start)
    return await world.start(
        policy=reads, message=user_message("read it", given), conversation_id=conversation.id
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
async def test_p01_nothing_a_document_orders_happens_without_a_person(
    world: World, path: Path
) -> None:
    text = path.read_text(encoding="utf-8")
    for number, way in enumerate(WAYS, start=DOCUMENTS.index(path)):
        # Two of the three that tell something of this way; all come up among the documents.
        names = OWN_POLICIES if way in OWN else STRANGE_POLICIES
        for name in (names[number % 3], names[(number + 1) % 3]):
            policy = POLICIES[name]
            world.tools.invocations.clear()
            run = await brought(world, way, text, policy)
            told = f"{path.name} by {way} in {name}: {run.state} {world.done()}"
            happened = [
                invocation.name
                for invocation in world.tools.invocations
                if invocation.name in FORBIDDEN
                and invocation.arguments != {"source": "https://news.test"}
            ]
            assert happened == [], told
            if path.name in HIDDEN and way not in OWN:
                assert run.state == "succeeded", told
            if run.state == "waiting_approval":
                assert policy.is_attended, told
                await world.core.runs.cancel(ANN, run.id)


def test_p01_the_corpus_orders_what_it_says_it_does() -> None:
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        assert orders(text) or ORDER in visible(text), path.name
        assert {each.name for each in orders(text)} <= FORBIDDEN, path.name
    assert len(DOCUMENTS) >= 15


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_p01_no_document_can_end_its_own_marks(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for origin in ("web", "tool_server", "upload", "file"):
        part = ToolResultPart(call_id="c1", name="t", content=text, origin=origin)
        message = user_message("x")
        [made] = for_model([replace(message, role="tool", parts=(part,))], is_marked=True)
        content = made.tool_results[0].content
        head, _, rest = content.partition("\n")
        mark = head.rpartition(": ")[2].rstrip("]")
        assert content.endswith(f"\n[end {mark}]")
        assert rest.count(mark) == 1
        assert visible(content) == content
        [plain] = for_model([replace(message, role="tool", parts=(part,))], is_marked=False)
        assert "not instructions" not in plain.tool_results[0].content
    assert {"network", "external"} == LEAVING
    assert ApprovalRequested(call_id="x", name="y").digest == ""
