"""The API documents say all that is mounted, nothing else, and say it as OpenAPI 3.1 wants it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta
from pydantic import BaseModel
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from notebook_agents_server.base import BaseHandler, UnknownPath
from notebook_agents_server.components import ANSWER, REQUEST, Components
from notebook_agents_server.docs_pages import Asset, OpenApiDocument, PublicPage
from notebook_agents_server.door import Door
from notebook_agents_server.entries import Entry, entries
from notebook_agents_server.mounts import DIALECT_NAMES, DIALECTS, all_routes
from notebook_agents_server.openapi import describe
from notebook_agents_server.operations import operation
from notebook_agents_server.path_templates import templates
from notebook_agents_server.testing import Client
from notebook_agents_server.ui.files import PageFile
from notebook_agents_server.ui.session import SessionDoor

BASE = "/user/me"
ROUTES = all_routes(DIALECT_NAMES)
WHOLE = "/notebook-agents/openapi.json"


@cache
def documents() -> dict[str, Mapping[str, Any]]:
    """Every document by its path."""
    return {
        path.replace("\\", ""): json.loads(json.dumps(handler.book.write(BASE)))
        for path, handler in ROUTES
        if issubclass(handler, OpenApiDocument)
    }


NAMES = sorted(documents())


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, said in verbs.items():
            yield path, verb, said


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def leads(document: Any, reference: str) -> bool:
    """Whether there is something where a reference points to."""
    for step in reference.removeprefix("#/").split("/"):
        if step not in document:
            return False
        document = document[step]
    return True


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_openapi_3_1(name: str) -> None:
    document = deepcopy(documents()[name])
    for scheme in document["components"]["securitySchemes"].values():
        if "flows" in scheme:
            # A path, as clients understand it: which name the server is called by, it cannot know.
            flow = scheme["flows"]["password"]
            flow["tokenUrl"] = "http://127.0.0.1" + flow["tokenUrl"]
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_json_schema_and_every_reference_is_there(name: str) -> None:
    document = documents()[name]
    for schema in document["components"]["schemas"].values():
        meta.validate(schema)
    assert [reference for reference in references(document) if not leads(document, reference)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_has_a_name_of_its_own_words_and_a_tag(name: str) -> None:
    document = documents()[name]
    said = [said for _, _, said in operations(document)]
    names = [each["operationId"] for each in said]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document["tags"]}
    for each in said:
        assert each["summary"], each["operationId"]
        assert set(each["tags"]) <= tags
        assert any(status in each["responses"] for status in ("101", "200", "201", "202", "204"))


def test_every_verb_of_ours_says_what_it_takes_and_gives() -> None:
    silent = [f"{entry.verb} {entry.path}" for entry in entries(ROUTES) if not entry.is_described]
    assert silent == []


def test_all_that_is_mounted_is_described_and_nothing_else() -> None:
    """The document of everything has each path once; the rest is below the mounts of dialects."""
    whole = {(path, verb) for path, verb, _ in operations(documents()[WHOLE])}
    mounted = {(entry.path, entry.verb) for entry in entries(ROUTES)}
    assert whole <= mounted
    below = set(whole)
    for table in DIALECTS:
        own = documents()[f"{table.mount}/openapi.json"]
        below |= {(table.mount + path, verb) for path, verb, _ in operations(own)}
    pages = {(e.path, e.verb) for e in entries(ROUTES) if issubclass(e.handler, PublicPage)}
    assert mounted - below <= pages
    assert below <= mounted


def test_only_pages_with_what_they_load_and_unknown_paths_are_left_out() -> None:
    found = {entry.handler for entry in entries(ROUTES)}
    left_out = {handler for _, handler in ROUTES if handler not in found}
    of_pages = UnknownPath | Asset | PageFile | SessionDoor
    assert all(issubclass(handler, of_pages) for handler in left_out if handler)


@pytest.mark.parametrize("table", DIALECTS, ids=lambda table: table.name)
def test_a_dialect_is_described_as_its_table_says(table: Any) -> None:
    document = documents()[f"{table.mount}/openapi.json"]
    assert document["servers"] == [{"url": BASE + table.mount}, {"url": BASE}]
    assert document["info"]["title"] == table.dialect.title
    expected = {(entry.path, entry.verb) for entry in entries(table.routes)}
    found = {
        (path, verb) for path, verb, said in operations(document) if said["tags"] != ["documents"]
    }
    assert found == expected


def test_paths_at_the_root_name_the_root_first() -> None:
    assert documents()["/api/openapi.json"]["servers"][0] == {"url": BASE}
    assert documents()[WHOLE]["servers"] == [{"url": BASE}]


def test_a_server_without_a_prefix_is_a_slash() -> None:
    assert describe([], title="x", servers=[""])["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("name", NAMES)
def test_public_operations_need_no_credential_and_others_do(name: str) -> None:
    for path, verb, said in operations(documents()[name]):
        is_public = said["security"] == []
        assert is_public is ("x-required-scope" not in said), (verb, path)
        if not is_public:
            assert {"401", "403", "429", "500", "503"} - {"429"} <= set(said["responses"])
            assert {"bearer": []} in said["security"]
    schemes = documents()[name]["components"]["securitySchemes"]
    used = {
        scheme
        for _, _, said in operations(documents()[name])
        for way in said["security"]
        for scheme in way
    }
    assert used <= set(schemes)


def test_o_10_the_form_login_is_an_oauth2_password_flow() -> None:
    flow = documents()["/api/openapi.json"]["components"]["securitySchemes"]["password"]["flows"]
    assert flow["password"]["tokenUrl"] == f"{BASE}/api/auth/login"
    own = documents()["/notebook-agents/aimos/openapi.json"]["components"]["securitySchemes"]
    tokens_at = own["password"]["flows"]["password"]["tokenUrl"]
    assert tokens_at == f"{BASE}/notebook-agents/aimos/api/auth/login"


@pytest.mark.parametrize("name", NAMES)
def test_examples_of_the_documents_are_examples_of_their_schemas(name: str) -> None:
    document = documents()[name]
    registry = {"components": document["components"]}
    n_examples = 0
    for _, _, said in operations(document):
        bodies = [said.get("requestBody", {}), *said["responses"].values()]
        for media in (m for body in bodies for m in body.get("content", {}).values()):
            if "example" in media:
                n_examples += 1
                Draft202012Validator({**registry, **media["schema"]}).validate(media["example"])
    assert n_examples >= 15 or "tektra" not in name


@pytest.mark.parametrize("table", DIALECTS, ids=lambda table: table.name)
def test_errors_have_the_body_of_the_dialect(table: Any) -> None:
    document = documents()[f"{table.mount}/openapi.json"]
    model = table.dialect.error_model
    assert issubclass(model, BaseModel)
    for said in document["components"]["responses"].values():
        schema = said["content"]["application/json"]["schema"]
        assert schema == {"$ref": f"#/components/schemas/{model.__name__}"}
        assert {"X-Request-ID", "X-RateLimit-Limit", *table.dialect.headers} <= set(said["headers"])


def test_sockets_say_their_frames_and_close_codes() -> None:
    for name in NAMES:
        for path, _, said in operations(documents()[name]):
            if "101" in said["responses"]:
                told = said["x-websocket"]
                assert told["sends"], path
                assert told["receives"], path
                assert "1011" in told["closeCodes"]
                assert "The server sends: `" in said["description"]
                assert ("first frame" in said["description"]) is path.startswith("/v1/")


def test_names_of_several_dialects_do_not_clash() -> None:
    schemas = documents()[WHOLE]["components"]["schemas"]
    assert "TektraErrorAnswer" in schemas
    assert "AimosErrorAnswer" in schemas
    owners = "Tektra|Aimos|Netra|AgentC|AgentApi|Mcp|Shared|Mcp|NotebookAgents"
    assert all(re.match(rf"({owners})\w", name) for name in schemas)


# -- how it is made ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        ("/v1/agents", [], ["/v1/agents"]),
        ("/v1/agents/([^/]+)", ["agent_id"], ["/v1/agents/{agent_id}"]),
        (r"/a/openapi\.json", [], ["/a/openapi.json"]),
        ("/m/(.+)/status", ["model_id"], ["/m/{model_id}/status"]),
        ("/(?:api|v2)/threads/?", [], ["/api/threads", "/v2/threads"]),
        ("/x(?:/(?P<id>[0-9]+))?", [], ["/x/{id}"]),
    ],
)
def test_patterns_become_paths(pattern: str, names: list[str], expected: list[str]) -> None:
    assert [template.path for template in templates(pattern, names)] == expected


@pytest.mark.parametrize(
    ("pattern", "names"), [("/a/.*", []), ("/a/([^/]+)", []), ("/a", ["agent_id"])]
)
def test_what_is_no_path_with_named_groups_is_refused(pattern: str, names: list[str]) -> None:
    with pytest.raises(ValueError, match="/a"):
        templates(pattern, names)


class Query(BaseModel):
    """A query."""

    status: str | None = None
    limit: int = 5


class Both(BaseModel):
    """Looks different in requests and answers."""

    when: int = 3


class Thing(BaseHandler):
    """``/things/{thing_id}``."""

    @operation(body=Both, query=Query, answer=Both, errors=(409,))
    async def put(self, thing_id: str) -> None:
        """Change a thing.

        It stays ``the same`` otherwise.
        """


def test_a_verb_is_described_by_its_handler_alone() -> None:
    document = describe([("/v1/things/([^/]+)", Thing)], title="T", servers=["/x"])
    said = document["paths"]["/v1/things/{thing_id}"]["put"]
    assert (said["summary"], said["description"]) == (
        "Change a thing",
        "It stays `the same` otherwise.",
    )
    assert said["tags"] == ["things"]
    names = [(p["name"], p["in"], p["required"]) for p in said["parameters"]]
    assert names == [
        ("thing_id", "path", True),
        ("status", "query", False),
        ("limit", "query", False),
    ]
    assert said["parameters"][1]["schema"]["type"] == "string"
    assert set(said["responses"]) == {"200", "400", "401", "403", "404", "409", "413", "500", "503"}
    assert said["x-required-scope"] == "write"
    assert said["requestBody"]["required"] is False


def test_shapes_are_named_once() -> None:
    made = Components([(Both, REQUEST), (Both, ANSWER), (Query, REQUEST)], prefix="Mine")
    assert set(made.schemas) == {"MineBoth", "MineQuery"}
    assert made.of(Both, ANSWER) == {"$ref": "#/components/schemas/MineBoth"}


def test_an_entry_knows_its_handler() -> None:
    entry = next(iter(entries([("/v1/things/([^/]+)", Thing)])))
    assert isinstance(entry, Entry)
    assert issubclass(entry.handler, Door)


# -- over the network --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_anybody_may_read_a_document(client: Client, name: str) -> None:
    answer = await client.holding(None).get(name)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    base = client.base_path
    assert answer.json["servers"][0]["url"].startswith(base)
    assert answer.json["paths"].keys() == documents()[name]["paths"].keys()


def test_the_document_says_when_the_metrics_need_no_credential() -> None:
    metrics = documents()[WHOLE]["paths"]["/metrics"]["get"]
    assert metrics["security"]
    assert "authenticate_prometheus" in metrics["description"]
