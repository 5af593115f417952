"""Webhooks hear what their owner's events were, once each, for as long as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.deliveries import RETRIES_S, Delivery, Letter, Receipt
from notebook_agents.core.errors import (
    Conflict,
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    NotPermitted,
    Unsupported,
)
from notebook_agents.core.messages import user_message
from notebook_agents.core.ports import Patch
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.tools import ExecuteTool, ToolInvocation, ToolResult
from notebook_agents.core.users import Actor
from notebook_agents.core.webhook_events import EVENT_NAMES
from notebook_agents.core.webhook_work import AT_ONCE_PER_HOST, DEAD_IN_A_ROW
from notebook_agents.core.webhooks import (
    MAX_WEBHOOKS,
    CreateWebhook,
    ListDeliveries,
    Webhook,
    WebhookChanges,
)
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FakeClock, ScriptedEngine, ScriptedTools, fake_core
from notebook_agents.testing.core import python_executor

ANN = Actor(user_id="00000000-0000-7000-8000-000000000001", username="ann", dialect="tektra")
BEN = Actor(user_id="00000000-0000-7000-8000-000000000002", username="ben")
ROOT = Actor(user_id="00000000-0000-7000-8000-000000000003", username="root", is_admin=True)
SECRET = "webhook_secret_key"
URL = "https://hooks.example.org/x"


class Postbox:
    """A sender that keeps letters and answers as it is told."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.receipts: Callable[[Letter], Receipt] = lambda _letter: Receipt(status_code=200)

    async def check(self, url: str) -> str:
        return url.split("/")[2]

    def seal(self, secret: str) -> str:
        return "sealed:" + secret[::-1]

    def renew(self, sealed: str) -> str:
        return sealed.replace("old-key:", "sealed:")

    async def send(self, letter: Letter) -> Receipt:
        self.letters.append(letter)
        return self.receipts(letter)

    async def aclose(self) -> None:
        """Nothing is open."""

    @property
    def told(self) -> list[str]:
        return [letter.event for letter in self.letters]

    def data(self, event: str) -> dict[str, Any]:
        (found,) = (letter.data for letter in self.letters if letter.event == event)
        return found


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


async def all_of(core: Core, webhook: Webhook) -> list[Delivery]:
    page = await core.webhooks.deliveries(ANN, webhook.id, ListDeliveries(limit=1000))
    return list(page.items)


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
        "duration_ms": round(run.duration_ms),
        "result": {"text": "Hello"},
    }


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


# -- until it arrives --------------------------------------------------------------------------


async def test_failed_attempts_are_repeated_at_growing_intervals_then_given_up(
    core: Core, clock: FakeClock, postbox: Postbox
) -> None:
    postbox.receipts = lambda _letter: Receipt(status_code=503, error="the receiver answered 503")
    webhook = await subscribe(core, "agent.created")
    await happen(core)
    waits = []
    for longest in RETRIES_S:
        await deliver(core)
        (delivery,) = await all_of(core, webhook)
        assert delivery.state == "pending"
        waits.append((delivery.next_attempt_at - clock.now()).total_seconds())
        assert 0 < waits[-1] <= longest
        n_sent = len(postbox.letters)
        clock.advance(waits[-1] - 0.5)
        await deliver(core)
        assert len(postbox.letters) == n_sent, "it is not due yet"
        clock.advance(0.5)
    await deliver(core)
    (delivery,) = await all_of(core, webhook)
    assert (delivery.state, len(delivery.attempts)) == ("dead", len(RETRIES_S) + 1)
    assert {a.error for a in delivery.attempts} == {"the receiver answered 503"}
    assert {letter.id for letter in postbox.letters} == {delivery.id}
    clock.advance(48 * 3600)
    await deliver(core)
    assert len(postbox.letters) == len(RETRIES_S) + 1


async def test_a_receiver_can_ask_for_time_but_not_for_too_much(
    core: Core, clock: FakeClock, postbox: Postbox
) -> None:
    webhook = await subscribe(core, "agent.created")
    await happen(core)
    for asked, longest in ((90.0, 90.0), (1e9, 24 * 3600.0)):
        postbox.receipts = lambda _letter, asked=asked: Receipt(  # type: ignore[misc]
            status_code=429, error="the receiver answered 429", retry_after_s=asked
        )
        await deliver(core)
        (delivery,) = await all_of(core, webhook)
        assert (delivery.next_attempt_at - clock.now()).total_seconds() == longest
        clock.advance(longest)


async def test_a_dead_delivery_can_be_sent_again_under_its_id(
    core: Core, clock: FakeClock, postbox: Postbox
) -> None:
    postbox.receipts = lambda _letter: Receipt(error="the connection was refused")
    webhook = await subscribe(core, "agent.created")
    await happen(core)
    for wait_s in (0, *RETRIES_S):
        clock.advance(wait_s)
        await deliver(core)
    dead = await core.webhooks.deliveries(ANN, webhook.id, ListDeliveries(state="dead"))
    assert dead.total == 1
    postbox.receipts = lambda _letter: Receipt(status_code=204)
    await core.webhooks.redeliver(ANN, webhook.id, dead.items[0].id)
    await deliver(core)
    (delivery,) = await all_of(core, webhook)
    assert (delivery.state, delivery.id) == ("delivered", dead.items[0].id)
    assert delivery.attempts[-1].status_code == 204
    assert len({(letter.id, str(letter.data)) for letter in postbox.letters}) == 1


async def test_410_disables_the_webhook_and_what_is_left_can_be_sent_later(
    core: Core, clock: FakeClock, postbox: Postbox
) -> None:
    postbox.receipts = lambda _letter: Receipt(status_code=410, error="the receiver answered 410")
    webhook = await subscribe(core, "agent.created")
    await happen(core, name="first")
    await deliver(core)
    webhook = await core.webhooks.get(ANN, webhook.id)
    assert (webhook.is_enabled, "410" in webhook.disabled_reason) == (False, True)
    clock.advance(1)
    await happen(core, name="while disabled")
    await deliver(core)
    (dead,) = await all_of(core, webhook)
    for ask in (core.webhooks.ping, lambda a, i: core.webhooks.redeliver(a, i, dead.id)):
        with pytest.raises(Conflict, match="enable it"):
            await ask(ANN, webhook.id)
    clock.advance(1)
    await core.webhooks.update(ANN, webhook.id, WebhookChanges(is_enabled=True))
    postbox.receipts = lambda _letter: Receipt(status_code=200)
    await happen(core, name="second")
    await core.webhooks.redeliver(ANN, webhook.id, dead.id)
    await deliver(core)
    assert [letter.data["name"] for letter in postbox.letters] == ["first", "first", "second"]


async def test_a_webhook_that_never_answers_is_disabled_in_the_end(
    core: Core, clock: FakeClock, postbox: Postbox
) -> None:
    postbox.receipts = lambda _letter: Receipt(error="no answer within 15 s")
    webhook = await subscribe(core, "agent.created")
    for n in range(DEAD_IN_A_ROW):
        assert (await core.webhooks.get(ANN, webhook.id)).is_enabled
        await happen(core, name=str(n))
        for wait_s in (0, *RETRIES_S):
            clock.advance(wait_s)
            await deliver(core)
    webhook = await core.webhooks.get(ANN, webhook.id)
    assert not webhook.is_enabled
    assert "in a row" in webhook.disabled_reason


async def test_a_slow_receiver_holds_up_only_itself(core: Core, postbox: Postbox) -> None:
    n_now: dict[str, int] = {}
    n_most: dict[str, int] = {}

    def receive(letter: Letter) -> Receipt:
        n_now[letter.url] = n_now.get(letter.url, 0) + 1
        n_most[letter.url] = max(n_most.get(letter.url, 0), n_now[letter.url])
        return Receipt(status_code=200)

    async def send(letter: Letter) -> Receipt:
        receipt = receive(letter)
        for _ in range(20):  # others get their turn meanwhile
            await asyncio.sleep(0)
        n_now[letter.url] -= 1
        return receipt

    postbox.send = send  # type: ignore[method-assign]
    await subscribe(core, "agent.created", url="https://slow.example.org/")
    await subscribe(core, "agent.created", url="https://fast.example.org/", actor=BEN)
    for n in range(40):
        await happen(core, name=str(n))
    await happen(core, actor=BEN)
    await deliver(core)
    assert n_most == {"https://slow.example.org/": AT_ONCE_PER_HOST, "https://fast.example.org/": 1}


# -- once each ---------------------------------------------------------------------------------


async def test_looking_twice_adds_nothing(core: Core, postbox: Postbox) -> None:
    await subscribe(core, "agent.created")
    await happen(core)
    await deliver(core)
    await deliver(core)
    assert len(postbox.letters) == 1


async def test_what_was_recorded_before_a_kill_is_told_by_the_next_process(
    tmp_path: Path, clock: FakeClock, postbox: Postbox
) -> None:
    first = fake_core(home=tmp_path, clock=clock, event_log=JsonlEventLog(tmp_path))
    store = first._ports.store
    ports: dict[str, Any] = {"home": tmp_path, "clock": clock, "store": store}
    server = fake_core(**ports, event_log=JsonlEventLog(tmp_path), webhook_sender=postbox)
    webhook = await subscribe(server, "agent.created")
    await happen(first)  # this process has no sender, as a notebook has none
    assert await all_of(server, webhook) == []
    await deliver(server)
    again = fake_core(**ports, event_log=JsonlEventLog(tmp_path), webhook_sender=postbox)
    await deliver(again)
    assert len(postbox.letters) == 1


async def test_a_claim_that_ran_out_is_taken_over_and_its_late_result_does_not_count(
    core: Core, clock: FakeClock, postbox: Postbox, tmp_path: Path
) -> None:
    webhook = await subscribe(core, "agent.created")
    await happen(core)
    other = fake_core(
        home=tmp_path,
        clock=clock,
        store=core._ports.store,
        event_log=core._ports.event_log,
        webhook_sender=postbox,
    )

    async def hang(letter: Letter) -> Receipt:
        """The server hangs so long that another one delivers in its place."""
        del postbox.send
        clock.advance(61)
        await deliver(other)
        assert len(postbox.letters) == 1
        return Receipt(error="the connection broke")

    postbox.send = hang  # type: ignore[method-assign]
    await deliver(core)
    (delivery,) = await all_of(core, webhook)
    assert (delivery.state, len(delivery.attempts), delivery.n_claims) == ("delivered", 1, 2)
    assert len(postbox.letters) == 1


async def test_two_servers_at_once_send_once_each(
    core: Core, clock: FakeClock, postbox: Postbox, tmp_path: Path
) -> None:
    other = fake_core(
        home=tmp_path,
        clock=clock,
        store=core._ports.store,
        event_log=core._ports.event_log,
        webhook_sender=postbox,
    )
    await subscribe(core, "agent.created")
    for n in range(20):
        await happen(core, name=str(n))
    await asyncio.gather(deliver(core), deliver(other))
    assert sorted(int(letter.data["name"]) for letter in postbox.letters) == list(range(20))


async def test_finished_deliveries_are_forgotten_after_a_while(
    core: Core, clock: FakeClock, postbox: Postbox
) -> None:
    assert core.webhook_work is not None
    webhook = await subscribe(core, "agent.created")
    await happen(core)
    await deliver(core)
    clock.advance(timedelta(days=7, hours=-1).total_seconds())
    await core.webhook_work.purge()
    assert len(await all_of(core, webhook)) == 1
    clock.advance(7200)
    await core.webhook_work.purge()
    assert await all_of(core, webhook) == []
    await deliver(core)
    assert len(postbox.letters) == 1


async def test_deleting_a_webhook_forgets_what_it_was_to_be_told(
    core: Core, postbox: Postbox
) -> None:
    webhook = await subscribe(core, "agent.created")
    delivery = await core.webhooks.ping(ANN, webhook.id)
    await core.webhooks.delete(ANN, webhook.id)
    await deliver(core)
    assert postbox.letters == []
    assert await core._ports.store.get(Delivery, delivery.id) is None


async def test_a_ping_is_told_to_its_webhook_alone(core: Core, postbox: Postbox) -> None:
    webhook = await subscribe(core, "agent.created")
    await subscribe(core, "agent.created")
    await core.webhooks.ping(ANN, webhook.id)
    await deliver(core)
    assert postbox.told == ["ping"]
    assert postbox.data("ping") == {"webhook_id": "webhook_" + webhook.id.replace("-", "")}


async def test_secrets_sealed_with_an_old_key_are_sealed_anew(core: Core) -> None:
    assert core.webhook_work is not None
    webhook = await subscribe(core)
    sealed = webhook.sealed_secret.replace("sealed:", "old-key:")
    changed = WebhookChanges(secret="another secret")
    await core.webhooks.update(ANN, webhook.id, changed)
    await core._ports.store.commit(
        Patch(kind=Webhook, id=webhook.id, fields={"sealed_secret": sealed})
    )
    await core.webhook_work.renew_secrets()
    assert (await core.webhooks.get(ANN, webhook.id)).sealed_secret == webhook.sealed_secret


async def test_a_running_server_delivers_by_itself(core: Core, postbox: Postbox) -> None:
    came = asyncio.Event()
    answer = postbox.receipts

    def receive(letter: Letter) -> Receipt:
        came.set()
        return answer(letter)

    postbox.receipts = receive
    await core.start()
    await subscribe(core, "agent.created")
    await happen(core)
    async with asyncio.timeout(60):
        await came.wait()
    assert postbox.told == ["agent.created"]
    await core.aclose()
