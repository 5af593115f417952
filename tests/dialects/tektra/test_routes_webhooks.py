"""Tektra: webhooks, row by row of the document, to a real receiver."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents.outbound.addresses import Rules
from notebook_agents.outbound.targets import Guard
from notebook_agents.outbound.transport import Outbound
from notebook_agents.testing import ScriptedEngine, ScriptedTools, fake_core
from notebook_agents.testing.core import python_executor
from notebook_agents.webhooks.sender import HttpSender
from notebook_agents.webhooks.signatures import canonical
from notebook_agents_server.dialects.tektra import webhook_wire
from notebook_agents_server.testing import Client

SECRET = "webhook_secret_key"
DOCUMENTED = [
    "agent.created",
    "agent.deleted",
    "conversation.completed",
    "tool.executed",
    "security.violation",
]


def example(name: str) -> dict[str, Any]:
    folder = Path(webhook_wire.__file__).with_name("examples")
    return dict(json.loads((folder / f"{name}.json").read_bytes()))


@dataclass
class Receiver:
    """Keeps what it is sent."""

    requests: list[HTTPServerRequest] = field(default_factory=list)
    status: int = 200
    url: str = ""
    has_come: asyncio.Event = field(default_factory=asyncio.Event)

    async def bodies(self, *events: str) -> dict[str, Any]:
        """By event, the bodies, once all these have come."""
        async with asyncio.timeout(60):
            while not set(events) <= set(found := self._by_event()):
                self.has_come.clear()
                await self.has_come.wait()
        return found

    def _by_event(self) -> dict[str, Any]:
        return {(body := json.loads(request.body))["event"]: body for request in self.requests}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()

    class Hook(RequestHandler):
        def post(self) -> None:
            receiver.requests.append(self.request)
            receiver.has_come.set()
            self.set_status(receiver.status)

    socket, port = bind_unused_port()
    server = HTTPServer(Application([("/hook", Hook)]))
    server.add_socket(socket)
    receiver.url = f"http://127.0.0.1:{port}/hook"
    yield receiver
    server.stop()
    await server.close_all_connections()


@pytest.fixture
def allow_private() -> bool:
    return True


@pytest.fixture
def core(tmp_path: Path, allow_private: bool) -> Core:
    tools = ScriptedTools(
        {"python_executor": python_executor, "mailer": python_executor},
        effects={"mailer": "external"},
    )
    return fake_core(
        home=tmp_path / "workspaces",
        engine=ScriptedEngine("Hello"),
        tools=tools,
        clock=SystemClock(),
        webhook_sender=HttpSender(
            lambda: [b"k" * 32], Outbound(Guard(Rules(allow_private=allow_private)))
        ),
    )


async def configure(client: Client, url: str, *events: str) -> str:
    body = {"url": url, "events": list(events or DOCUMENTED), "secret": SECRET}
    answer = await client.post("/v1/webhooks", body)
    assert answer.status == 201, answer.body
    return str(answer.json["webhook_id"])


async def somebody_else(core: Core, client: Client) -> Client:
    user = await core.users.create(CreateUser(username="ben", email="ben@localhost"))
    actor = Actor(user_id=user.id, username="ben")
    _, secret = await core.api_keys.create(actor, "key")
    return client.holding(secret)


async def test_t81_the_documents_request_makes_a_webhook(tektra: Client) -> None:
    body = example("configure_webhook_request")
    answer = await tektra.post("/v1/webhooks", body)
    assert answer.status == 201
    assert answer.json["webhook_id"].startswith("webhook_")
    assert (answer.json["url"], answer.json["events"]) == (body["url"], body["events"])
    assert answer.json["status"] == "active"


async def test_t82_to_t86_every_documented_event_arrives(
    tektra: Client, receiver: Receiver, make_agent: Any
) -> None:
    await configure(tektra, receiver.url)
    agent_id = await make_agent(name="Helper")
    conversation = await tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "hi"})
    await tektra.post("/v1/tools/python_executor/execute", {"parameters": {"code": "1"}})
    refused = await tektra.post("/v1/tools/mailer/execute", {"parameters": {"code": "1"}})
    assert refused.status == 403
    assert (await tektra.delete(f"/v1/agents/{agent_id}")).status == 200
    bodies = await receiver.bodies(*DOCUMENTED)
    assert set(bodies) == set(DOCUMENTED)
    for body in bodies.values():
        webhook_wire.WebhookPayload.model_validate(body)
    assert bodies["agent.created"]["data"]["agent_id"] == agent_id
    assert bodies["agent.deleted"]["data"]["agent_id"] == agent_id
    assert bodies["tool.executed"]["data"]["tool_id"] == "python_executor"
    assert bodies["security.violation"]["data"]["action"] == "execute mailer"
    data = bodies["conversation.completed"]["data"]
    assert data["conversation_id"] == conversation.json["conversation_id"]
    assert data["agent_id"] == agent_id
    assert data["message_count"] == 2


async def test_t87_t88_t89_the_payload_is_the_documents(
    tektra: Client, receiver: Receiver, make_agent: Any
) -> None:
    documented = example("webhook_payload")
    await configure(tektra, receiver.url, "conversation.completed")
    path = f"/v1/agents/{await make_agent()}/conversations"
    await tektra.post(path, {"message": "hi"})
    body = (await receiver.bodies("conversation.completed"))["conversation.completed"]
    assert set(body) == set(documented)
    assert set(body["data"]) == set(documented["data"])
    for name, value in documented["data"].items():
        assert type(body["data"][name]) is type(value), name
    signature = body.pop("signature")
    digest = hmac.new(SECRET.encode(), canonical(body), hashlib.sha256).hexdigest()
    assert signature == f"sha256={digest}"
    encoded = "whsec_" + base64.b64encode(SECRET.encode()).decode()
    request = receiver.requests[0]
    Webhook(encoded).verify(request.body, {k.lower(): v for k, v in request.headers.items()})


async def test_a_secret_is_never_shown_again(
    tektra: Client, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    id = await configure(tektra, receiver.url)
    await tektra.post(f"/v1/webhooks/{id}/ping")
    await receiver.bodies("ping")
    for path in ("", f"/{id}", f"/{id}/deliveries"):
        answer = await tektra.get(f"/v1/webhooks{path}")
        assert answer.status == 200
        assert SECRET not in answer.body.decode()
    assert (await tektra.get(f"/v1/webhooks/{id}")).json["secret"] == "********"
    wrong = await tektra.post("/v1/webhooks", {"url": "x", "events": [], "secret": SECRET})
    assert wrong.status == 400
    assert SECRET not in wrong.body.decode()
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"events": ["agent.created"], "secret": SECRET}, "url"),
        ({"url": "ftp://x.org/", "events": ["agent.created"], "secret": SECRET}, "url"),
        ({"url": "https://x.org/", "events": [], "secret": SECRET}, "events"),
        ({"url": "https://x.org/", "events": ["agent.exploded"], "secret": SECRET}, "events.0"),
        ({"url": "https://x.org/", "events": ["agent.created"]}, "secret"),
        ({"url": "https://x.org/", "events": ["agent.created"], "secret": "short"}, "secret"),
        ({"url": "https://x.org/", "events": ["agent.created"], "secret": SECRET, "x": 1}, "x"),
    ],
)
async def test_what_is_wrong_is_named(tektra: Client, body: dict[str, Any], name: str) -> None:
    answer = await tektra.post("/v1/webhooks", body)
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, "INVALID_REQUEST")
    assert error["details"]["field"] == name


async def test_a_webhook_is_changed_disabled_and_removed(
    tektra: Client, receiver: Receiver, make_agent: Any
) -> None:
    id = await configure(tektra, "https://old.example.org/")
    for verb, body in (
        ("PUT", {"url": receiver.url}),
        ("PATCH", {"events": ["agent.created"], "secret": "another secret"}),
        ("PATCH", {"status": "inactive"}),
    ):
        answer = await tektra.ask(verb, f"/v1/webhooks/{id}", body)
        assert answer.status == 200, answer.body
    shown = (await tektra.get(f"/v1/webhooks/{id}")).json
    assert (shown["url"], shown["events"]) == (receiver.url, ["agent.created"])
    assert (shown["status"], shown["status_reason"]) == ("inactive", None)
    refused = await tektra.post(f"/v1/webhooks/{id}/ping")
    assert (refused.status, refused.json["error"]["code"]) == (409, "WEBHOOK_INACTIVE")
    assert "set its status to active" in refused.json["error"]["message"]
    assert refused.json["error"]["details"] == {"status": "inactive"}
    assert (await tektra.ask("PUT", f"/v1/webhooks/{id}", {})).status == 400
    deleted = await tektra.delete(f"/v1/webhooks/{id}")
    assert (deleted.status, deleted.json["webhook_id"]) == (200, id)
    gone = await tektra.get(f"/v1/webhooks/{id}")
    assert (gone.status, gone.json["error"]["code"]) == (404, "WEBHOOK_NOT_FOUND")
    assert (await tektra.get("/v1/webhooks")).json["total"] == 0


async def test_the_delivery_log_says_what_became_of_a_ping_which_can_be_sent_again(
    tektra: Client, receiver: Receiver
) -> None:
    receiver.status = 500
    id = await configure(tektra, receiver.url)
    asked = await tektra.post(f"/v1/webhooks/{id}/ping")
    assert (asked.status, asked.json["status"]) == (202, "pending")
    await receiver.bodies("ping")
    path = f"/v1/webhooks/{id}/deliveries/{asked.json['delivery_id']}"
    delivery = await until(tektra, path, lambda body: bool(body["attempts"]))
    assert delivery["attempts"][0]["status_code"] == 500
    assert delivery["attempts"][0]["error"] == "the receiver answered 500"
    assert delivery["next_attempt_at"] is not None
    receiver.status = 200
    again = await tektra.post(f"{path}/redeliver")
    assert again.status == 202
    await until(tektra, path, lambda body: body["status"] == "delivered")
    ids = {request.headers["webhook-id"] for request in receiver.requests}
    assert ids == {delivery["message_id"]}
    page = (await tektra.get(f"/v1/webhooks/{id}/deliveries?status=delivered")).json
    assert [row["delivery_id"] for row in page["deliveries"]] == [delivery["delivery_id"]]
    assert (await tektra.get(f"/v1/webhooks/{id}/deliveries?status=dead")).json["total"] == 0


async def until(client: Client, path: str, is_so: Any) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while not is_so(body := (await client.get(path)).json):
            continue
    return dict(body)


async def test_somebody_elses_webhook_is_not_found(
    tektra: Client, receiver: Receiver, core: Core
) -> None:
    ben = await somebody_else(core, tektra)
    id = await configure(tektra, receiver.url)
    ping = (await tektra.post(f"/v1/webhooks/{id}/ping")).json["delivery_id"]
    for verb, path, body in (
        ("GET", "", None),
        ("PUT", "", {"status": "inactive"}),
        ("PATCH", "", {"status": "inactive"}),
        ("DELETE", "", None),
        ("POST", "/ping", {}),
        ("GET", "/deliveries", None),
        ("GET", f"/deliveries/{ping}", None),
        ("POST", f"/deliveries/{ping}/redeliver", {}),
    ):
        answer = await ben.ask(verb, f"/v1/webhooks/{id}{path}", body)
        assert (answer.status, answer.json["error"]["code"]) == (404, "WEBHOOK_NOT_FOUND"), path
    assert (await ben.get("/v1/webhooks")).json["webhooks"] == []


async def test_an_admins_webhook_hears_nothing_of_others(
    tektra: Client, receiver: Receiver, core: Core
) -> None:
    await configure(tektra, receiver.url, "agent.created")
    ben = await somebody_else(core, tektra)
    assert (await ben.post("/v1/agents", {"name": "of ben"})).status == 201
    assert (await tektra.post("/v1/agents", {"name": "of the admin"})).status == 201
    await receiver.bodies("agent.created")
    assert core.webhook_work is not None
    await core.webhook_work.deliver()
    names = [json.loads(request.body)["data"]["name"] for request in receiver.requests]
    assert names == ["of the admin"]


@pytest.mark.parametrize("allow_private", [False])
async def test_a_private_receiver_is_refused_with_the_name_of_the_field(tektra: Client) -> None:
    body = {"url": "http://127.0.0.1:9/", "events": ["agent.created"], "secret": SECRET}
    answer = await tektra.post("/v1/webhooks", body)
    error = answer.json["error"]
    assert (answer.status, error["details"]["field"]) == (400, "url")
    assert "webhook_allow_private" in error["message"]


@pytest.mark.parametrize("allow_private", [False])
async def test_a_plain_http_receiver_is_refused_with_the_fix(tektra: Client) -> None:
    url = "http://hooks.example.invalid/"
    body = {"url": url, "events": ["agent.created"], "secret": SECRET}
    answer = await tektra.post("/v1/webhooks", body)
    error = answer.json["error"]
    assert (answer.status, error["details"]["field"]) == (400, "url")
    assert "use https://" in error["message"]
    assert (await tektra.post("/v1/webhooks", body | {"url": "https" + url[4:]})).status == 201


async def test_o69_o70_executions_are_told_to_webhooks_of_aimos(
    client: Client, receiver: Receiver
) -> None:
    aimos = client.below("/notebook-agents/aimos")
    answer = await aimos.post("/api/webhooks", {"url": receiver.url, "secret": SECRET})
    assert (answer.status, answer.json["events"]) == (201, ["agent.execution.completed"])
    agent = await aimos.post("/api/agents", {"name": "CostOptBot", "role": "saves"})
    assert agent.status == 201, agent.body
    await aimos.put(f"/api/agents/{agent.json['id']}", {"status": "active"})
    started = await aimos.post("/api/execute", {"agent_ids": [agent.json["id"]]})
    assert started.status == 200, started.body
    body = (await receiver.bodies("agent.execution.completed"))["agent.execution.completed"]
    assert set(body) == {"event", "timestamp", "data", "signature"}
    assert body["data"] == {
        "execution_id": started.json["execution_id"],
        "agent_id": agent.json["id"],
        "agent_name": "CostOptBot",
        "status": "success",
        "duration_ms": body["data"]["duration_ms"],
        "result": {"text": "Hello"},
    }
    id = answer.json["id"]
    log = await aimos.get(f"/api/webhooks/{id}/deliveries")
    assert (log.headers["X-Total-Count"], log.json[0]["event"]) == (
        "1",
        "agent.execution.completed",
    )
    assert (await aimos.get("/api/webhooks")).json[0]["secret"] == "********"
    changed = await aimos.put(f"/api/webhooks/{id}", {"status": "inactive"})
    assert changed.json["status"] == "inactive"
    refused = await aimos.post(f"/api/webhooks/{id}/ping")
    assert (refused.status, "set its status to active" in refused.json["detail"]) == (400, True)
    assert (await aimos.delete(f"/api/webhooks/{id}")).status == 204
    assert (await aimos.get(f"/api/webhooks/{id}")).status == 404
