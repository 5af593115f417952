"""The AI-Agent-API-Service's MCP servers, as its document and its examples have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser
from notebook_agents.testing import FakeToolServers, ScriptedEngine, fake_core
from notebook_agents_server.dialects.agent_api import mcp_wire as wire
from notebook_agents_server.testing import Answer, Client

PATH = "/api/v1/mcp-servers"
PASSWORD = "correct horse battery"
DOCUMENTED = {
    "name": "Kubernetes MCP",
    "description": "Kubernetes cluster management",
    "server_type": "STDIO",
    "command": "kubectl-mcp-server",
    "args": ["--cluster", "production"],
    "env": {"KUBECONFIG": "/path/to/kubeconfig"},
    "is_enabled": True,
    "is_global": False,
}


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@pytest.fixture
def host() -> FakeToolServers:
    return FakeToolServers()


@pytest.fixture
def core(engine: ScriptedEngine, host: FakeToolServers, tmp_path: Path) -> Core:
    return fake_core(engine=engine, home=tmp_path, tool_servers=host)


async def upload(client: Client, value: Any, query: str = "") -> Answer:
    """Send a file as a browser does."""
    text = value if isinstance(value, str) else json.dumps(value)
    body = (
        '--XX\r\nContent-Disposition: form-data; name="file"; filename="servers.json"\r\n'
        f"Content-Type: application/json\r\n\r\n{text}\r\n--XX--\r\n"
    )
    kind = "multipart/form-data; boundary=XX"
    return await client.ask("POST", f"{PATH}/import{query}", body.encode(), Content_Type=kind)


@pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"])
async def test_S_45_S_46_a_server_is_registered_as_documented(client: Client, mount: str) -> None:
    at = client.below(mount)
    answer = await at.post(PATH, DOCUMENTED)
    assert answer.status == 201
    assert set(answer.json) >= {"id", "name", "server_type", "is_enabled", "created_at"}
    assert (answer.json["server_type"], answer.json["is_enabled"]) == ("STDIO", True)
    # Secrets are never shown again; the rest is as it was given.
    assert answer.json["env"] == {"KUBECONFIG": "********"}
    one = (await at.get(f"{PATH}/{answer.json['id']}")).json
    assert {name: one[name] for name in ("command", "args", "description")} == {
        name: DOCUMENTED[name] for name in ("command", "args", "description")
    }
    wire.ServerAnswer.model_validate_json(answer.body)


async def test_S_46_the_type_says_what_a_server_needs(client: Client) -> None:
    url: dict[str, Any] = {"name": "w", "server_type": "streamable-http", "url": "https://a.b/mcp"}
    headers = {"Authorization": "Bearer t"}
    answer = (await client.post(PATH, {**url, "headers": headers})).json
    assert (answer["server_type"], answer["headers"]) == ("HTTP", {"Authorization": "********"})
    for wrong, field in (
        ({"name": "x", "server_type": "STDIO"}, "command"),
        ({"name": "x", "server_type": "SSE"}, "url"),
        ({"name": "x", "server_type": "PIPE", "command": "c"}, "server_type"),
        ({**url, "name": "x", "env": {"A": "b"}}, "env"),
        ({**DOCUMENTED, "name": "x", "headers": {"A": "b"}}, "headers"),
        ({**DOCUMENTED, "name": "x", "cwd": "/"}, "cwd"),
        ({**url, "name": "x", "url": "http://127.0.0.1"}, "url"),
    ):
        refused = await client.post(PATH, wrong)
        assert refused.status == 422, refused.body
        assert refused.json["errors"][0]["field"] == field


async def test_S_47_servers_are_listed(client: Client, core: Core) -> None:
    await client.post(PATH, DOCUMENTED)
    await client.post(PATH, {**DOCUMENTED, "name": "For all", "is_global": True})
    listed = (await client.get(f"{PATH}?limit=1")).json
    assert set(listed) >= {"items", "total"}
    assert listed["total"] == 2
    assert {"id", "name", "server_type", "is_enabled", "is_global"} <= set(listed["items"][0])
    # Others see of what is for everybody only that it is there.
    await core.users.create(CreateUser(username="bob", email="b@x.org", password=PASSWORD))
    login = await client.post("/v1/auth/login", {"username": "bob", "password": PASSWORD})
    bob = client.holding(login.json["access_token"])
    [seen] = (await bob.get(PATH)).json["items"]
    assert (seen["name"], seen["command"], seen["args"], seen["env"]) == (
        "For all", None, None, None
    )  # fmt: skip
    assert (await bob.ask("PUT", f"{PATH}/{seen['id']}", {"is_enabled": False})).status == 403
    assert (await bob.delete(f"{PATH}/{seen['id']}")).status == 403
    assert (await bob.post(PATH, DOCUMENTED)).status == 403  # only listed commands
    assert (await bob.post(PATH, {**DOCUMENTED, "is_global": True})).status == 403


async def test_a_server_is_changed_switched_and_deleted(
    client: Client, host: FakeToolServers
) -> None:
    id = (await client.post(PATH, DOCUMENTED)).json["id"]
    health = (await client.get(f"{PATH}/{id}/health")).json
    assert (health["status"], health["is_running"], health["tool_count"]) == ("ready", True, 1)
    tools = (await client.get(f"{PATH}/{id}/tools")).json
    assert tools["items"][0]["name"] == "kubernetes_mcp__echo"
    host.descriptions["echo"] = "Something else."
    changed = (await client.get(f"{PATH}/{id}/tools")).json["items"][0]
    assert changed["status"] == "unapproved"
    approved = (await client.post(f"{PATH}/{id}/tools/approve")).json["items"][0]
    assert approved["status"] == "ready"
    kept = {"env": {"KUBECONFIG": "********"}, "is_enabled": False}
    off = await client.put(f"{PATH}/{id}", kept)
    assert (off.json["status"], off.json["env"]) == ("disabled", kept["env"])
    assert (await client.get(f"{PATH}/{id}/tools")).status == 409
    assert (await client.delete(f"{PATH}/{id}")).status == 204
    assert (await client.get(f"{PATH}/{id}")).status == 404
    assert host.stopped == [id, id]


async def test_S_48_servers_are_imported_in_every_form(client: Client) -> None:
    known: dict[str, Any] = {"command": "a", "args": ["x"], "env": {"K": "v"}}
    for name, value in (
        ("one", {"mcpServers": {"one": known}}),
        ("two", {"mcp_servers": {"two": {**known, "type": "stdio"}}}),
        ("three", {"servers": {"three": {"type": "sse", "url": "https://a.b", "enabled": False}}}),
        ("four", [{"name": "four", "server_type": "STDIO", **known, "disabled": True}]),
    ):
        report = (await upload(client, value)).json
        assert (report["imported_count"], report["skipped_count"], report["errors"]) == (1, 0, [])
        assert name in {item["name"] for item in (await client.get(PATH)).json["items"]}
    again = {
        "mcpServers": {
            "one": {**known, "description": "new"},
            "five": {"args": []},
            "six": {**known, "args": [1]},
            "seven": {**known, "autoApprove": []},
            "eight": {"command": "a", "env": {"K": "********"}},
            "nine": 9,
        }
    }
    report = (await upload(client, again)).json
    assert (report["imported_count"], report["skipped"]) == (0, ["one"])
    problems = dict(line.split(": ", 1) for line in report["errors"])
    assert set(problems) == {"five", "six", "seven", "eight", "nine"}
    assert "needs a command" in problems["five"]
    assert problems["six"].startswith("args.0")
    assert problems["seven"].startswith("autoApprove")
    report = (await upload(client, again, "?override_existing=true")).json
    assert (report["imported_count"], report["skipped_count"]) == (1, 0)
    items = {item["name"]: item for item in (await client.get(PATH)).json["items"]}
    assert items["one"]["description"] == "new"


async def test_S_48_what_is_no_file_of_servers_is_refused(client: Client) -> None:
    for text in ("{", "[1", '{"other": {}}', "7"):
        answer = await upload(client, text)
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, "file"), answer.body
    for kind in ("multipart/form-data; boundary=YY", "application/json", "multipart/form-data"):
        answer = await client.ask("POST", f"{PATH}/import", b"{}", Content_Type=kind)
        assert answer.status == 422, answer.body
    too_many = [{"name": f"s{n}", "command": "a"} for n in range(101)]
    assert (await upload(client, too_many)).status == 422


@pytest.mark.parametrize("format", ["json", "yaml"])
async def test_S_49_S_50_an_export_comes_back_with_its_secrets(
    client: Client, core: Core, host: FakeToolServers, format: str
) -> None:
    id = (await client.post(PATH, DOCUMENTED)).json["id"]
    url = {"name": "w", "server_type": "SSE", "url": "https://a.b", "headers": {"X": "y"}}
    await client.post(PATH, {**url, "is_enabled": False})
    answer = await client.get(f"{PATH}/export?format={format}")
    assert answer.headers["Content-Type"].startswith(f"application/{format}")
    assert answer.headers["Content-Disposition"].endswith(f'"mcp-servers.{format}"')
    text = answer.body.decode()
    assert "/path/to/kubeconfig" not in text
    before = {item["name"]: item for item in (await client.get(PATH)).json["items"]}
    report = (await upload(client, text, "?override_existing=true")).json
    assert (report["imported_count"], report["errors"]) == (2, [])
    after = {item["name"]: item for item in (await client.get(PATH)).json["items"]}
    for name, item in before.items():
        assert {**after[name], "updated_at": ""} == {**item, "updated_at": ""}
    admin = next(iter((await core.tool_servers.list(await owner_of(core))).items))
    assert admin.id in {id, after["w"]["id"]}
    stored = [s for s in (await core.tool_servers.list(await owner_of(core))).items if s.id == id]
    assert host.unseal(stored[0].sealed) == DOCUMENTED["env"]
    assert (await client.get(f"{PATH}/export?format=toml")).status == 422


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"kube__echo", "web__echo"}),
        ({"allowed_tools": ["python_executor"]}, {"kube__echo", "web__echo"}),
        ({"allowed_tools": ["mcp__kube__echo"]}, {"kube__echo"}),
        ({"allowed_tools": ["mcp__web", "python_executor"]}, {"web__echo"}),
        ({"disallowed_tools": ["mcp__web"]}, {"kube__echo"}),
        ({"allowed_tools": ["python_executor"], "disallowed_tools": ["web__echo"]}, {"kube__echo"}),
    ],
)
async def test_tools_of_enabled_servers_are_there_at_the_next_query(
    client: Client, engine: ScriptedEngine, options: dict[str, Any], expected: set[str]
) -> None:
    sdk_options = {"model": "other/model", **options}
    session = await client.post("/api/v1/sessions", {"name": "s", "sdk_options": sdk_options})
    assert session.status == 201, session.body
    query = f"/api/v1/sessions/{session.json['id']}/query"
    assert (await client.post(query, {"message": "hello"})).status == 200
    assert not any("__" in tool.name for tool in engine.requests[-1].tools)
    for name in ("Kube", "web"):
        await client.post(PATH, {"name": name, "server_type": "STDIO", "command": "x"})
    await client.post(query, {"message": "again"})
    assert {tool.name for tool in engine.requests[-1].tools if "__" in tool.name} == expected


async def owner_of(core: Core) -> Any:
    from notebook_agents.core.users import Actor

    found = await core.users.find("admin")
    assert found is not None
    return Actor(user_id=found.id, username=found.username, is_admin=True)


async def test_a_server_that_fails_says_so_beside_its_tools(
    client: Client, host: FakeToolServers
) -> None:
    id = (await client.post(PATH, DOCUMENTED)).json["id"]
    host.failure = "the command was not found"
    answer = await client.get(f"{PATH}/{id}/tools")
    assert (answer.status, answer.json["items"]) == (200, [])
    assert (answer.json["status"], answer.json["error"]) == ("failed", host.failure)
    host.failure = ""
    answer = await client.get(f"{PATH}/{id}/tools")
    assert (answer.json["status"], answer.json["error"]) == ("ready", None)
    missing = await client.get(f"{PATH}/{'0' * 8}-0000-4000-8000-{'0' * 12}")
    assert missing.json["detail"] == "MCP server not found"
