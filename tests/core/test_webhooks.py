"""Webhooks hear what happened to their owners, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.errors import (
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    NotPermitted,
    Unsupported,
)
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.tools import ExecuteTool, ToolInvocation, ToolResult
from notebook_agents.core.users import Actor
from notebook_agents.core.webhook_events import EVENT_NAMES
from notebook_agents.core.webhooks import (
    MAX_WEBHOOKS,
    CreateWebhook,
    ListDeliveries,
    Webhook,
    WebhookChanges,
)
from notebook_agents.testing import FakeClock, Postbox, ScriptedEngine, ScriptedTools, fake_core
from notebook_agents.testing.core import python_executor

ANN = Actor(user_id="00000000-0000-7000-8000-000000000001", username="ann", dialect="tektra")
BEN = Actor(user_id="00000000-0000-7000-8000-000000000002", username="ben")
ROOT = Actor(user_id="00000000-0000-7000-8000-000000000003", username="root", is_admin=True)
SECRET = "webhook_secret_key"
URL = "https://hooks.example.org/x"


class RefusingTools(ScriptedTools):
    async def run(self, invocation: ToolInvocation) -> ToolResult:
        return ToolResult(status="failed", content="Error: no", error_type="PATH_DENIED")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(tick_s=0.0)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
async def core(tmp_path: Path, clock: FakeClock, postbox: Postbox) -> AsyncIterator[Core]:
    core = fake_core("Hello", home=tmp_path / "work", clock=clock, webhook_sender=postbox)
    yield core
    await core.aclose()


async def subscribe(core: Core, *events: str, actor: Actor = ANN, url: str = URL) -> Webhook:
    wish = CreateWebhook(url=url, events=events or EVENT_NAMES, secret=SECRET)
    return await core.webhooks.create(actor, wish)


async def deliver(core: Core) -> None:
    assert core.webhook_work is not None
    await core.webhook_work.deliver()


async def happen(core: Core, *, actor: Actor = ANN, name: str = "a") -> str:
    """Something that webhooks can hear of."""
    return (await core.agents.create(actor, CreateAgent(name=name))).id


async def run_of(core: Core, agent_id: str, *, actor: Actor = ANN, **wish: Any) -> Run:
    start = StartRun(agent_id=agent_id, message=user_message("hi"), **wish)
    run = await core.runs.start(actor, start)
    return await core.runs.wait(actor, run.id)


# -- what is told ------------------------------------------------------------------------------


async def test_t82_t83_agents_that_come_and_go_are_told(core: Core, postbox: Postbox) -> None:
    await subscribe(core, "agent.created", "agent.deleted")
    agent_id = await happen(core, name="Helper")
    await core.agents.delete(ANN, agent_id)
    await deliver(core)
    assert sorted(postbox.told) == ["agent.created", "agent.deleted"]
    expected = {
        "agent_id": "agent_" + agent_id.replace("-", ""),
        "name": "Helper",
        "user_id": "user_" + ANN.user_id.replace("-", ""),
    }
    assert postbox.data("agent.created") == postbox.data("agent.deleted") == expected


async def test_t84_t88_a_completed_conversation_is_told_with_the_documented_fields(
    core: Core, postbox: Postbox
) -> None:
    await subscribe(core, "conversation.completed")
    agent_id = await happen(core)
    run = await run_of(core, agent_id)
    await deliver(core)
    data = postbox.data("conversation.completed")
    assert data == {
        "conversation_id": "conv_" + run.conversation_id.replace("-", ""),
        "agent_id": "agent_" + agent_id.replace("-", ""),
        "user_id": "user_" + ANN.user_id.replace("-", ""),
        "message_count": 2,
        "total_tokens": run.usage.input_tokens + run.usage.output_tokens,
        "duration_ms": round(run.duration_ms),
    }


async def test_t85_a_tool_that_was_used_is_told_without_what_it_said(
    core: Core, postbox: Postbox
) -> None:
    await subscribe(core, "tool.executed")
    arguments = {"code": "print('private')"}
    id, _ = await core.tools.execute(ANN, ExecuteTool(name="python_executor", arguments=arguments))
    await deliver(core)
    data = postbox.data("tool.executed")
    assert data["tool_id"] == "python_executor"
    assert data["execution_id"] == "exec_" + id.replace("-", "")
    assert data["status"] == "completed"
    assert "private" not in str(data)


async def test_t86_what_policy_refuses_is_told(
    tmp_path: Path, clock: FakeClock, postbox: Postbox
) -> None:
    tools = RefusingTools({"python_executor": python_executor}, effects={})
    core = fake_core(home=tmp_path, clock=clock, webhook_sender=postbox, tools=tools)
    await subscribe(core, "security.violation")
    wish = ExecuteTool(name="python_executor", arguments={"code": "1"})
    await core.tools.execute(ANN, wish)
    await deliver(core)
    assert postbox.data("security.violation")["rule"] == "path-denied"


async def test_t86_a_tool_that_nobody_may_use_alone_is_told(
    tmp_path: Path, clock: FakeClock, postbox: Postbox
) -> None:
    tools = ScriptedTools({"mailer": python_executor}, effects={"mailer": "external"})
    core = fake_core(home=tmp_path, clock=clock, webhook_sender=postbox, tools=tools)
    await subscribe(core, "security.violation")
    with suppress(NotPermitted):
        await core.tools.execute(ANN, ExecuteTool(name="mailer", arguments={"code": "1"}))
    await deliver(core)
    data = postbox.data("security.violation")
    assert (data["rule"], data["action"]) == ("headless-policy", "execute mailer")


async def test_o69_a_completed_execution_is_told_with_the_documented_fields(
    core: Core, postbox: Postbox
) -> None:
    await subscribe(core, "agent.execution.completed", "agent.execution.failed")
    agent_id = await happen(core, name="CostOptBot")
    run = await run_of(core, agent_id)
    await deliver(core)
    assert postbox.told == ["agent.execution.completed"]
    assert postbox.data("agent.execution.completed") == {
        "execution_id": run.id,
        "agent_id": agent_id,
        "agent_name": "CostOptBot",
        "status": "success",
        "duration_ms": round(run.work_ms),
        "result": {"text": "Hello"},
    }


async def test_an_execution_takes_its_working_time_a_conversation_also_waits(
    tmp_path: Path, clock: FakeClock, postbox: Postbox
) -> None:
    both = asyncio.Event()

    async def work(_request: Any) -> str:
        await both.wait()
        clock.advance(5)
        return "done"

    engine = ScriptedEngine(work, work)
    core = fake_core(home=tmp_path, clock=clock, webhook_sender=postbox, engine=engine)
    await subscribe(core, "agent.execution.completed", "conversation.completed")
    agent_id = await happen(core)
    start = StartRun(agent_id=agent_id, message=user_message("hi"), turn="one after another")
    runs = [await core.runs.start(ANN, start) for _ in range(2)]
    both.set()
    for run in runs:
        await core.runs.wait(ANN, run.id)
    await deliver(core)
    told = [(letter.event, letter.data["duration_ms"]) for letter in postbox.letters]
    assert sorted(told) == [
        ("agent.execution.completed", 5000),
        ("agent.execution.completed", 5000),
        ("conversation.completed", 5000),
        ("conversation.completed", 10_000),
    ]
    await core.aclose()


async def test_a_failed_execution_is_told_and_completes_no_conversation(
    tmp_path: Path, clock: FakeClock, postbox: Postbox
) -> None:
    engine = ScriptedEngine(EngineUnavailable("the worker died"))
    core = fake_core(home=tmp_path, clock=clock, webhook_sender=postbox, engine=engine)
    await subscribe(core, "agent.execution.failed", "conversation.completed")
    await run_of(core, await happen(core))
    await deliver(core)
    assert postbox.told == ["agent.execution.failed"]
    data = postbox.data("agent.execution.failed")
    assert data["status"] == "failed"
    assert data["error"] == {"code": "engine_unavailable", "message": "the worker died"}
    await core.aclose()


# -- who hears it ------------------------------------------------------------------------------


async def test_a_webhook_hears_only_its_owner_an_admins_too(core: Core, postbox: Postbox) -> None:
    await subscribe(core, actor=BEN, url="https://ben.example.org/")
    await subscribe(core, actor=ROOT, url="https://root.example.org/")
    await happen(core, actor=ANN)
    await happen(core, actor=BEN)
    await deliver(core)
    assert [letter.url for letter in postbox.letters] == ["https://ben.example.org/"]


async def test_only_what_is_asked_for_and_happens_later_is_told(
    core: Core, clock: FakeClock, postbox: Postbox
) -> None:
    await happen(core, name="before")
    clock.advance(1)
    await subscribe(core, "agent.created")
    agent_id = await happen(core, name="after")
    await core.agents.delete(ANN, agent_id)
    await deliver(core)
    assert [letter.data["name"] for letter in postbox.letters] == ["after"]


async def test_somebody_elses_webhook_is_not_found(core: Core) -> None:
    webhook = await subscribe(core)
    delivery = await core.webhooks.ping(ANN, webhook.id)
    service = core.webhooks
    for ask in (
        service.get(BEN, webhook.id),
        service.update(BEN, webhook.id, WebhookChanges(url="https://ben.example.org/")),
        service.delete(BEN, webhook.id),
        service.ping(BEN, webhook.id),
        service.deliveries(BEN, webhook.id, ListDeliveries()),
        service.delivery(BEN, webhook.id, delivery.id),
        service.redeliver(BEN, webhook.id, delivery.id),
    ):
        with pytest.raises(NotFound):
            await ask
    assert (await service.list(BEN)).items == ()
    mine = await subscribe(core, actor=BEN)
    with pytest.raises(NotFound):
        await service.delivery(BEN, mine.id, delivery.id)


async def test_what_is_wrong_with_a_wish_is_named(core: Core) -> None:
    for wish, field in (
        (CreateWebhook(url=URL, events=(), secret=SECRET), "events"),
        (CreateWebhook(url=URL, events=("agent.exploded",), secret=SECRET), "events"),
        (CreateWebhook(url=URL, events=EVENT_NAMES, secret="short"), "secret"),
        (CreateWebhook(url=URL + "x" * 3000, events=EVENT_NAMES, secret=SECRET), "url"),
    ):
        with pytest.raises(InvalidRequest) as error:
            await core.webhooks.create(ANN, wish)
        assert error.value.details["field"] == field


async def test_nobody_has_more_than_the_limit(core: Core) -> None:
    for _ in range(MAX_WEBHOOKS):
        await subscribe(core)
    with pytest.raises(LimitExceeded, match="100 webhooks"):
        await subscribe(core)
    await subscribe(core, actor=BEN)


async def test_a_process_that_is_no_server_makes_no_webhooks(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="jupyter agents"):
        await subscribe(fake_core(home=tmp_path))


async def test_a_webhook_does_not_show_its_secret(core: Core) -> None:
    webhook = await subscribe(core)
    assert SECRET not in repr(webhook)
    assert webhook.sealed_secret not in repr(webhook)
    assert SECRET not in repr(CreateWebhook(url=URL, events=(), secret=SECRET))
    assert SECRET not in repr(WebhookChanges(secret=SECRET))
