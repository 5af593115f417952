"""Whole servers: killed and started again, and several on one database."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.deliveries import Delivery, delivery_id
from notebook_agents.core.events import AgentCreated
from notebook_agents.core.journal import Source
from notebook_agents.core.ports import Query
from notebook_agents.core.users import Actor
from notebook_agents.core.webhooks import CreateWebhook, ListDeliveries, Webhook
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import fake_core
from notebook_agents.webhooks.sender import HttpSender

SCRIPT = Path(__file__).with_name("killed_server.py")
OWNER = "0193aaaa-0000-7000-8000-000000000001"
ANN = Actor(user_id=OWNER, username="ann")
SECRET = "webhook_secret_key"


class LaterClock(SystemClock):
    """The machine's clock, some seconds ahead: leases of others have run out."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._ahead_s)


Serve = Callable[..., Awaitable[Core]]


@pytest.fixture
async def serve(
    tmp_path: Path, database_url: str, make_sender: Callable[..., HttpSender]
) -> AsyncIterator[Serve]:
    """Servers with the real store, event log and sender."""
    cores: list[Core] = []
    loop = asyncio.get_running_loop()

    def build(home: str, ahead_s: float) -> Core:
        return fake_core(
            home=tmp_path / "work",
            store=SqlStore.open(database_url, Holders(tmp_path / home / "holders")),
            event_log=JsonlEventLog(tmp_path / home),
            clock=LaterClock(ahead_s),
            webhook_sender=make_sender(),
        )

    async def start(home: str = "home", ahead_s: float = 0.0, *, starts: bool = True) -> Core:
        core = await loop.run_in_executor(None, build, home, ahead_s)
        cores.append(core)
        if starts:
            await core.start()
        return core

    yield start
    for core in cores:
        await core.aclose()


async def run_killed(tmp_path: Path, database_url: str, url: str, moment: str) -> Any:
    command = [sys.executable, str(SCRIPT), str(tmp_path / "home"), database_url, url, moment]
    return await asyncio.create_subprocess_exec(*command)


async def only_delivery(core: Core) -> Delivery:
    (webhook,) = (await core.webhooks.list(ANN)).items
    page = await core.webhooks.deliveries(ANN, webhook.id, ListDeliveries())
    assert page.total == 1
    return page.items[0]


async def settled(core: Core) -> None:
    """Wait until a server has nothing more to send now."""
    assert core.webhook_work is not None
    await core.webhook_work.deliver()


async def test_a_server_killed_after_the_event_loses_nothing(
    receiver: Any, serve: Serve, tmp_path: Path, database_url: str
) -> None:
    killed = await run_killed(tmp_path, database_url, receiver.url(), "before")
    assert await asyncio.wait_for(killed.wait(), 90) == -signal.SIGKILL
    assert receiver.requests == []
    core = await serve()
    (request,) = await receiver.received(1)
    assert json.loads(request.body)["data"]["name"] == "a"
    await settled(core)
    delivery = await only_delivery(core)
    assert delivery.state == "delivered"
    (webhook,) = (await core.webhooks.list(ANN)).items
    assert delivery.id == request.headers["webhook-id"]
    assert delivery.id == delivery_id(webhook.id, delivery.event_id, "agent.created")


async def test_a_server_killed_during_an_attempt_is_replaced_under_the_same_id(
    receiver: Any, serve: Serve, tmp_path: Path, database_url: str
) -> None:
    async def never(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    ok, receiver.answer = receiver.answer, never
    killed = await run_killed(tmp_path, database_url, receiver.url(), "during")
    async with asyncio.timeout(90):
        (first,) = await receiver.received(1)
    killed.kill()
    await killed.wait()
    receiver.answer = ok
    await serve(ahead_s=61)
    second = (await receiver.received(2))[1]
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.body == first.body


async def test_two_servers_on_one_database_deliver_once_each(
    receiver: Any, serve: Serve, database_url: str
) -> None:
    cores = [await serve(home) for home in ("one", "two")]
    webhook = await cores[0].webhooks.create(
        ANN, CreateWebhook(url=receiver.url(), events=("agent.created",), secret=SECRET)
    )
    for n in range(10):
        core = cores[n % 2]
        core.journal.record(AgentCreated(name=str(n)), Source(user_id=OWNER, agent_id=OWNER))
    await receiver.received(10)
    for core in cores:
        await settled(core)
    done = ListDeliveries(state="delivered")
    assert (await cores[1].webhooks.deliveries(ANN, webhook.id, done)).total == 10
    names = [json.loads(request.body)["data"]["name"] for request in receiver.requests]
    assert sorted(names, key=int) == [str(n) for n in range(10)]


async def test_a_process_that_is_no_server_leaves_its_events_to_the_servers(
    receiver: Any, serve: Serve, tmp_path: Path
) -> None:
    core = await serve()
    wish = CreateWebhook(url=receiver.url(), events=("agent.created",), secret=SECRET)
    await core.webhooks.create(ANN, wish)
    program = (
        "import sys; from pathlib import Path; from notebook_agents.testing import fake_core;"
        "from notebook_agents.eventlog.writer import JsonlEventLog;"
        "from notebook_agents.core.events import AgentCreated;"
        "from notebook_agents.core.journal import Source;"
        "from notebook_agents.core.clock import SystemClock;"
        "home = Path(sys.argv[1]);"
        "core = fake_core(home=home, event_log=JsonlEventLog(home), clock=SystemClock());"
        "core.journal.record(AgentCreated(name='n'), Source(user_id=sys.argv[2], agent_id='a'))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "home"), OWNER]
    notebook = await asyncio.create_subprocess_exec(*command)
    assert await asyncio.wait_for(notebook.wait(), 90) == 0
    (request,) = await receiver.received(1)
    assert json.loads(request.body)["data"]["name"] == "n"


async def test_the_database_does_not_tell_the_secret(
    receiver: Any, serve: Serve, database_url: str
) -> None:
    core = await serve(starts=False)
    wish = CreateWebhook(url=receiver.url(), events=("agent.created",), secret=SECRET)
    webhook = await core.webhooks.create(ANN, wish)
    await core.webhooks.ping(ANN, webhook.id)

    def dump() -> str:
        engine = create_engine(database_url)
        with engine.connect() as connection:
            rows = [
                str(row)
                for table in ("webhooks", "deliveries")
                for row in connection.execute(text(f"SELECT * FROM {table}"))
            ]
        engine.dispose()
        return "\n".join(rows)

    content = await asyncio.get_running_loop().run_in_executor(None, dump)
    assert webhook.id in content
    assert SECRET not in content
    assert SECRET.encode().hex() not in content


async def test_records_come_back_as_they_were(receiver: Any, serve: Serve) -> None:
    core = await serve(starts=False)
    wish = CreateWebhook(url=receiver.url(), events=("agent.created",), secret=SECRET)
    webhook = await core.webhooks.create(ANN, wish)
    assert await core._ports.store.get(Webhook, webhook.id) == webhook
    ping = await core.webhooks.ping(ANN, webhook.id)
    assert await core._ports.store.get(Delivery, ping.id) == ping
    receiver.answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    await settled(core)
    tried = await core.webhooks.delivery(ANN, webhook.id, ping.id)
    assert [(a.status_code, a.error) for a in tried.attempts] == [
        (500, "the receiver answered 500")
    ]
    due = Query(where={"state": "pending"}, at_most={"next_attempt_at": ping.created_at})
    assert (await core._ports.store.find(Delivery, due)).items == ()
    due = Query(where={"state": "pending"}, but={"host": (webhook.host,)})
    assert (await core._ports.store.find(Delivery, due)).items == ()
