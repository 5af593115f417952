"""Each attempt to deliver a letter is in the event log, without its address and its content."""

from __future__ import annotations

from pathlib import Path

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.deliveries import Receipt
from notebook_agents.core.events import WebhookAttempted
from notebook_agents.core.users import Actor
from notebook_agents.core.webhooks import CreateWebhook
from notebook_agents.testing import FakeClock, Postbox, fake_core

ANN = Actor(user_id="00000000-0000-7000-8000-000000000001", username="ann", dialect="tektra")
URL = "https://hooks.example.org/x"


async def test_every_attempt_is_on_record_without_its_address_or_content(
    tmp_path: Path,
) -> None:
    clock, postbox = FakeClock(tick_s=0.0), Postbox()
    core = fake_core("Hello", home=tmp_path / "work", clock=clock, webhook_sender=postbox)
    assert core.webhook_work is not None
    receipts = iter(
        (
            Receipt(status_code=500, error="the receiver answered 500", duration_ms=7.0),
            Receipt(error="no answer within 10 s"),
            Receipt(status_code=200),
        )
    )
    postbox.receipts = lambda _letter: next(receipts)
    wish = CreateWebhook(url=URL, events=("agent.created",), secret="webhook_secret_key")
    webhook = await core.webhooks.create(ANN, wish)
    await core.agents.create(ANN, CreateAgent(name="a"))
    for _ in range(3):
        await core.webhook_work.deliver()
        clock.advance(200)
    events = await core.journal.read(f"webhooks-{clock.now():%Y-%m-%d}")
    told = [event.body for event in events if isinstance(event.body, WebhookAttempted)]
    assert [(b.attempt, b.status, b.http_status, b.error_type) for b in told] == [
        (1, "retrying", 500, "http_500"),
        (2, "retrying", None, "no_answer"),
        (3, "delivered", 200, ""),
    ]
    assert [bool(body.next_try_at) for body in told] == [True, True, False]
    assert {(body.webhook_id, body.event_type) for body in told} == {(webhook.id, "agent.created")}
    assert {event.user_id for event in events} == {webhook.owner_id}
    assert all(URL.partition("//")[2].partition("/")[0] == body.host for body in told)
    assert told[0].latency_ms == 7.0
    await core.aclose()
