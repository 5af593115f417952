"""Every endpoint that a document names: routed, guarded, its owner's alone, at both mounts."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser
from notebook_agents_server.entries import Entry, entries
from notebook_agents_server.mounts import DIALECT_NAMES, DIALECTS, all_routes
from notebook_agents_server.testing import Answer, Client

PASSWORD = "correct horse battery"
NOTHING = "00000000000070008000000000000000"
TABLES = {table.name: table for table in DIALECTS}
MOUNTS = [(name, mount) for name in DIALECT_NAMES for mount in ("", f"/notebook-agents/{name}")]
ENDPOINTS = """
T-04 tektra POST /v1/auth/login public
T-06 tektra POST /v1/agents
T-12 tektra GET /v1/agents
T-19 tektra GET /v1/agents/{agent_id}
T-21 tektra PUT /v1/agents/{agent_id}
T-22 tektra DELETE /v1/agents/{agent_id}
T-23 tektra POST /v1/agents/{agent_id}/conversations
T-28 tektra POST /v1/conversations/{conversation_id}/messages
T-29 tektra GET /v1/conversations/{conversation_id}
T-30 tektra GET /v1/tools
T-36 tektra POST /v1/tools/{tool_id}/execute
T-39 tektra GET /v1/models
T-40 tektra GET /v1/models/{model_id}/status
T-41 tektra GET /v1/health public
T-42 tektra GET /v1/metrics
T-43 tektra WS /v1/ws/conversations/{conversation_id}
T-45 tektra WS /v1/ws/stream/{agent_id}
T-81 tektra POST /v1/webhooks
O-08 aimos POST /api/auth/register public
O-10 aimos POST /api/auth/login public
O-12 aimos GET /api/auth/me
O-13 aimos GET /api/agents
O-16 aimos POST /api/agents
O-18 aimos GET /api/agents/{agent_id}
O-19 aimos PUT /api/agents/{agent_id}
O-20 aimos DELETE /api/agents/{agent_id}
O-21 aimos POST /api/execute
O-25 aimos GET /api/executions
O-29 aimos GET /api/system/status
O-31 aimos GET /api/system/metrics
O-33 aimos GET /api/system/metrics/prometheus
O-37 aimos WS /api/ws/{user_id}
O-72 aimos GET /api/docs public
O-73 aimos GET /api/redoc public
O-74 aimos GET /api/health public
N-03 netra POST /api/auth/login public
N-06 netra POST /api/auth/logout
N-08 netra GET /api/auth/me
N-10 netra GET /api/auth/google/authorize public
N-11 netra GET /api/auth/google/callback public
N-13 netra POST /api/agent/execute
N-19 netra GET /api/agent/status/{run_id}
N-22 netra GET /api/agent/history
N-26 netra GET /api/threads
N-28 netra GET /api/threads/{thread_id}
N-29 netra DELETE /api/threads/{thread_id}
N-32 netra GET /health public
N-35 netra GET /health/ready public
N-37 netra GET /health/dependencies public
N-38 netra GET /api/config public
N-42 netra WS /ws
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the documents."""

    row: str
    dialect: str
    verb: str
    path: str
    is_public: bool

    @property
    def mounts(self) -> tuple[str, str]:
        """Where it is."""
        return "", f"/notebook-agents/{self.dialect}"

    @property
    def method(self) -> str:
        """The verb of its request."""
        return "GET" if self.verb == "WS" else self.verb

    def with_id(self, id: str = "some-id") -> str:
        """A path that asks for it."""
        return re.sub(r"\{\w+\}", id, self.path)


ROWS = [
    Endpoint(fields[0], fields[1], fields[2], fields[3], is_public="public" in fields)
    for fields in (line.split() for line in ENDPOINTS.strip().splitlines())
]
BY_ROW = pytest.mark.parametrize("endpoint", ROWS, ids=lambda endpoint: endpoint.row)


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{\w+\}", "{}", path)


MOUNTED: Mapping[tuple[str, str], Entry] = {
    (entry.verb.upper(), shape(entry.path)): entry for entry in entries(all_routes(DIALECT_NAMES))
}


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@BY_ROW
def test_a_documented_endpoint_is_routed_at_both_mounts(endpoint: Endpoint) -> None:
    for mount in endpoint.mounts:
        entry = MOUNTED[endpoint.method, mount + shape(endpoint.path)]
        assert entry.is_socket is (endpoint.verb == "WS")
        assert entry.handler.is_public is endpoint.is_public


async def test_documented_endpoints_refuse_without_credentials_at_both_mounts(
    client: Client,
) -> None:
    anybody = client.holding(None)
    for endpoint in ROWS:
        if endpoint.is_public:
            continue
        for mount in endpoint.mounts:
            body: Any = {} if endpoint.verb in ("POST", "PUT") else None
            answer = await anybody.ask(endpoint.method, mount + endpoint.with_id(), body)
            assert answer.status == 401, (endpoint.row, mount)
            check_error(answer, endpoint.dialect)
            wrong = client.holding("nba_" + "0" * 40)
            answer = await wrong.ask(endpoint.method, mount + endpoint.with_id(), body)
            assert answer.status == 401, (endpoint.row, mount)


@pytest.mark.parametrize(("dialect", "mount"), MOUNTS)
async def test_a_dialect_has_one_shape_of_errors(client: Client, dialect: str, mount: str) -> None:
    """Wrong body, unknown thing, unknown path, wrong verb: the same keys."""
    rows = [row for row in ROWS if row.dialect == dialect and row.verb != "WS"]
    with_id = next(row for row in rows if "{" in row.path and row.verb == "GET")
    with_body = next(row for row in rows if row.verb == "POST" and "auth" not in row.path)
    asked = [
        ("GET", with_id.with_id(), None, {404}),
        ("GET", with_id.with_id(NOTHING), None, {404}),
        ("GET", with_id.with_id() + "/no/such/path", None, {404}),
        ("PATCH", with_id.with_id(), {}, {405}),
        (with_body.verb, with_body.with_id(), {"surprise": 1}, {400, 422}),
        (with_body.verb, with_body.with_id(), b"{", {400, 422}),
        (with_body.verb, with_body.with_id(), b"[]", {400, 422}),
    ]
    for verb, path, body, statuses in asked:
        answer = await client.ask(verb, mount + path, body, X_Request_ID="my-request")
        assert answer.status in statuses, (verb, path, answer.body)
        assert answer.headers["X-Request-ID"] == "my-request"
        check_error(answer, dialect)


def check_error(answer: Answer, dialect: str) -> None:
    """An error looks as the dialect writes it; paths that two share at the root say both."""
    assert answer.headers["Content-Type"].startswith("application/json")
    model = TABLES[dialect].dialect.error_model
    assert model is not None
    model.model_validate(answer.json)
    own = {"tektra": {"error"}, "netra": {"error", "request_id"}, "aimos": {"detail"}}
    assert own[dialect] <= set(answer.json), answer.json


# -- other people's things ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Two:
    """Two people, and what the first has."""

    ann: Client
    bob: Client


@pytest.fixture
async def two(client: Client, core: Core) -> AsyncGenerator[Two, None]:
    found = []
    for name in ("ann", "bob"):
        email = f"{name}@example.org"
        await core.users.create(CreateUser(username=name, email=email, password=PASSWORD))
        login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
        found.append(client.holding(login.json["access_token"]))
    yield Two(*found)  # noqa: PT022 - only generators run on the loop of the tests


async def check_hidden(two: Two, verb: str, path: str, id: str, body: Any = None) -> None:
    """Bob hears of Ann's thing what he hears of none, and Ann still has it."""
    theirs = await two.bob.ask(verb, path.format(id), body, X_Request_ID="same")
    none = await two.bob.ask(verb, path.format(NOTHING), body, X_Request_ID="same")
    assert theirs.status == none.status == 404, (verb, path, theirs.body)
    assert without_time_and_id(theirs) == without_time_and_id(none)


def without_time_and_id(answer: Answer) -> str:
    text = re.sub(r'"timestamp": "[^"]*"', "", answer.body.decode())
    return re.sub(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", "ID", text)


@pytest.mark.parametrize("mount", ["", "/notebook-agents/tektra"])
async def test_tektra_hides_other_peoples_things(two: Two, mount: str) -> None:
    at = two.ann.below(mount)
    agent = (await at.post("/v1/agents", {"name": "Mine"})).json["agent_id"]
    talk = (await at.post(f"/v1/agents/{agent}/conversations", {"message": "hello"})).json
    conversation = talk["conversation_id"]
    key = (await at.post("/v1/auth/keys", {"name": "mine"})).json["key_id"]
    hidden = Two(at, two.bob.below(mount))
    await check_hidden(hidden, "GET", "/v1/agents/{}", agent)
    await check_hidden(hidden, "PUT", "/v1/agents/{}", agent, {"name": "Stolen"})
    await check_hidden(hidden, "DELETE", "/v1/agents/{}", agent)
    await check_hidden(hidden, "POST", "/v1/agents/{}/conversations", agent, {"message": "hi"})
    await check_hidden(hidden, "GET", "/v1/conversations/{}", conversation)
    path = "/v1/conversations/{}/messages"
    await check_hidden(hidden, "POST", path, conversation, {"message": "hi"})
    await check_hidden(hidden, "DELETE", "/v1/auth/keys/{}", key)
    assert (await at.get(f"/v1/agents/{agent}")).json["name"] == "Mine"
    assert (await hidden.bob.get("/v1/agents")).json["total"] == 0


@pytest.mark.parametrize("mount", ["", "/notebook-agents/netra"])
async def test_netra_hides_other_peoples_things(two: Two, mount: str) -> None:
    at = two.ann.below(mount)
    wish = {"message": "Optimize the costs", "context": {"parameters": {"priority": "cost"}}}
    answer = await at.post("/api/agent/execute", wish)
    started = answer.json
    assert "run_id" in started, answer.body
    hidden = Two(at, two.bob.below(mount))
    await check_hidden(hidden, "GET", "/api/agent/status/{}", started["run_id"])
    await check_hidden(hidden, "GET", "/api/threads/{}", started["thread_id"])
    await check_hidden(hidden, "DELETE", "/api/threads/{}", started["thread_id"])
    assert (await at.get(f"/api/threads/{started['thread_id']}")).status == 200
    assert (await hidden.bob.get("/api/threads")).json["total"] == 0
    assert (await hidden.bob.get("/api/agent/history")).json["total"] == 0


@pytest.mark.parametrize("mount", ["", "/notebook-agents/aimos"])
async def test_aimos_hides_agents_that_are_not_shared(two: Two, mount: str) -> None:
    """AIMOS's own agents are everybody's; those of other dialects are their owner's."""
    agent = (await two.ann.post("/v1/agents", {"name": "Mine"})).json["agent_id"]
    hidden = Two(two.ann.below(mount), two.bob.below(mount))
    await check_hidden(hidden, "GET", "/api/agents/{}", agent)
    assert (await hidden.bob.get(f"/api/executions?agent_id={agent}")).json == []
    assert (await hidden.bob.get("/api/agents")).json == []
