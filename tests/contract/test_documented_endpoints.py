"""Every endpoint that a document names: routed, guarded, its owner's alone, at both mounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import NOTHING, Two, check_hidden

from notebook_agents_server.entries import Entry, entries
from notebook_agents_server.mounts import DIALECT_NAMES, DIALECTS, all_routes
from notebook_agents_server.testing import Answer, Client

TABLES = {table.name: table for table in DIALECTS}
MOUNTS = [(name, mount) for name in DIALECT_NAMES for mount in ("", f"/notebook-agents/{name}")]
ENDPOINTS = Path(__file__).with_name("endpoints.txt").read_text().splitlines()[1:]


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
    for fields in map(str.split, ENDPOINTS)
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
    own = {"tektra": {"error"}, "netra": {"error", "request_id"}, "aimos": {"detail"},
           "agent_c": {"detail"}, "agent_api": {"detail", "error_code", "timestamp"}}  # fmt: skip
    assert own[dialect] <= set(answer.json), answer.json


# -- other people's things ---------------------------------------------------------------------


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
