"""I: webhooks go where they may, within bounds, and belong to one person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.test_deliveries import ANN, clock, deliver, happen, subscribe
from tests.dialects.tektra.test_routes_webhooks import SECRET, somebody_else
from tests.webhooks.conftest import letter_to, make_sender, open_receiver, receiver, sender
from tests.webhooks.test_sender import answering, drip, endless_body

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.deliveries import RETRIES_S, Letter
from notebook_agents.core.webhook_work import DEAD_IN_A_ROW
from notebook_agents.outbound.addresses import Rules
from notebook_agents.outbound.targets import Guard
from notebook_agents.outbound.transport import Outbound
from notebook_agents.testing import FakeClock, fake_core
from notebook_agents.webhooks.sender import HttpSender
from notebook_agents_server.testing import Client

__all__ = ["clock", "letter_to", "make_sender", "open_receiver", "receiver", "sender"]

from .sites import Names

PUBLIC = "93.184.216.34"
Make = Callable[..., HttpSender]
Moving = tuple[Core, Callable[[], Awaitable[None]]]


@pytest.fixture
def core(tmp_path: Path) -> Core:
    """Of a server that knows one name in the world."""
    names = Names({"x.org": [[PUBLIC]]})
    return fake_core(
        home=tmp_path / "workspaces",
        clock=SystemClock(),
        webhook_sender=HttpSender(lambda: [b"k" * 32], Outbound(Guard(Rules(), resolve=names))),
    )


def wish(url: str) -> dict[str, Any]:
    return {"url": url, "events": ["agent.created"], "secret": SECRET}


async def test_i01_no_webhook_leads_inside_or_says_who_we_are(client: Client) -> None:
    for url in (
        "http://127.0.0.1/", "https://169.254.169.254/latest/", "https://user:pass@x.org/",
        "ftp://x.org/", "file:///etc/passwd", "gopher://x.org/", "http://x.org/",
    ):  # fmt: skip
        answer = await client.post("/v1/webhooks", wish(url))
        assert answer.status == 400, url
        assert answer.json["error"]["details"]["field"] == "url"
    assert (await client.post("/v1/webhooks", wish("https://x.org/"))).status == 201


@pytest.fixture
async def moving(tmp_path: Path, clock: FakeClock, make_sender: Make) -> AsyncIterator[Moving]:
    """A server where a receiver's name leads to this machine from its second look-up on."""
    sender = await asyncio.to_thread(make_sender, [PUBLIC], ["127.0.0.1"], allow_private=False)
    core = fake_core("Hello", home=tmp_path / "work", clock=clock, webhook_sender=sender)

    async def give_up() -> None:
        for wait_s in (0, *RETRIES_S):
            clock.advance(wait_s)
            await deliver(core)

    yield core, give_up
    await core.aclose()


async def test_i02_a_receiver_that_moves_inside_is_refused_and_disabled_in_the_end(
    moving: Moving, receiver: Any
) -> None:
    core, give_up = moving
    webhook = await subscribe(core, "agent.created", url=f"https://moving.test:{receiver.port}/")
    for n in range(DEAD_IN_A_ROW):
        await happen(core, name=str(n))
        await give_up()
    webhook = await core.webhooks.get(ANN, webhook.id)
    assert not webhook.is_enabled
    assert "in a row" in webhook.disabled_reason
    assert receiver.n_connections == 0


async def test_i03_a_receiver_that_answers_badly_holds_up_nobody(
    receiver: Any, open_receiver: Any, make_sender: Make, letter_to: Callable[..., Letter]
) -> None:
    inner, good = await open_receiver(), await open_receiver()
    hasty = await asyncio.to_thread(lambda: make_sender(total_timeout_s=0.5))
    answers = (
        (drip, None), (endless_body, 200), (answering("503 Busy"), 503),
        (answering("302 Found", f"Location: {inner.url()}"), 302),
    )  # fmt: skip
    for answer, status in answers:
        receiver.answer = answer
        letters = letter_to(receiver.url()), letter_to(good.url())
        receipts = await asyncio.gather(*(hasty.send(letter) for letter in letters))
        assert [receipt.status_code for receipt in receipts] == [status, 200]
    assert inner.n_connections == 0
    await hasty.aclose()


async def test_i05_what_is_large_or_deep_is_refused_before_it_is_read(client: Client) -> None:
    large = await client.post("/v1/webhooks", wish("https://x.org/") | {"x": "y" * (11 << 20)})
    assert large.status == 413
    nested: Any = []
    for _ in range(200):
        nested = [nested]
    deep = await client.post("/v1/webhooks", wish("https://x.org/") | {"events": nested})
    assert deep.status == 400
    assert (await client.get("/v1/webhooks")).json["total"] == 0


async def test_i06_somebody_elses_webhook_is_not_there_and_no_secret_is_told(
    client: Client, core: Core
) -> None:
    ben = await somebody_else(core, client)
    made = await client.post("/v1/webhooks", wish("https://x.org/"))
    path = f"/v1/webhooks/{made.json['webhook_id']}"
    for verb, tail, body in (
        ("GET", "", None),
        ("PUT", "", {"url": "https://evil.test/"}),
        ("PATCH", "", {"secret": "another secret"}),
        ("POST", "/ping", {}),
        ("GET", "/deliveries", None),
        ("DELETE", "", None),
    ):
        assert (await ben.ask(verb, path + tail, body)).status == 404, (verb, tail)
    for answer in (made, await client.get(path), await client.get("/v1/webhooks")):
        assert SECRET not in answer.body.decode()
