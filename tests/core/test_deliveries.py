"""Deliveries arrive once each, however long it takes and whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.deliveries import RETRIES_S, Delivery, Letter, Receipt
from notebook_agents.core.errors import Conflict
from notebook_agents.core.ports import Patch, Query
from notebook_agents.core.users import Actor
from notebook_agents.core.webhook_events import EVENT_NAMES
from notebook_agents.core.webhook_scan import LogScan, StreamCursor
from notebook_agents.core.webhook_work import AT_ONCE_PER_HOST, DEAD_IN_A_ROW
from notebook_agents.core.webhooks import (
    CreateWebhook,
    ListDeliveries,
    Webhook,
    WebhookChanges,
)
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FakeClock, Postbox, fake_core

ANN = Actor(user_id="00000000-0000-7000-8000-000000000001", username="ann", dialect="tektra")
BEN = Actor(user_id="00000000-0000-7000-8000-000000000002", username="ben")
ROOT = Actor(user_id="00000000-0000-7000-8000-000000000003", username="root", is_admin=True)
SECRET = "webhook_secret_key"
URL = "https://hooks.example.org/x"


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


async def all_of(core: Core, webhook: Webhook) -> list[Delivery]:
    page = await core.webhooks.deliveries(ANN, webhook.id, ListDeliveries(limit=1000))
    return list(page.items)


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
        with pytest.raises(Conflict, match="is inactive; set its status to active"):
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
    for killed in (first, server, again):
        await killed._ports.event_log.aclose()


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


async def test_a_slow_server_does_not_set_back_what_a_fast_one_has_read(
    core: Core, clock: FakeClock, postbox: Postbox, tmp_path: Path
) -> None:
    ports, store = core._ports, core._ports.store
    fast, slow = (LogScan(store, ports.event_log, clock) for _ in range(2))
    await subscribe(core, "agent.created")
    await happen(core, name="one")
    assert (await fast.look(), await slow.look()) == (1, 0)
    read_on = ports.event_log.read_on
    await happen(core, name="two")

    async def overtaken(*asked: Any) -> Any:
        """While the slow one reads, more happens, and the fast one reads it all."""
        chunk = await read_on(*asked)
        ports.event_log.read_on = read_on  # type: ignore[method-assign]
        await happen(core, name="three")
        assert await fast.look() == 2
        return chunk

    async def cursors() -> dict[str, int]:
        page = await store.find(StreamCursor, Query(limit=100))
        return {cursor.stream: cursor.position for cursor in page.items}

    ports.event_log.read_on = overtaken  # type: ignore[method-assign, assignment]
    assert await slow.look() == 0, "the fast one has kept them"
    ends = {end.stream: end.position for end in await ports.event_log.ends()}
    assert await cursors() == {stream: ends[stream] for stream in await cursors()}
    await happen(core, name="four")
    assert await slow.look() == 1, "it goes on from there"


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
