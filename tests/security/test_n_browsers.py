"""N04, N05, N06, N12, N13, N16: what a page of a stranger can make a browser do here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from notebook_agents.core.core import Core
from notebook_agents.core.errors import NotPermitted
from notebook_agents.testing import MemoryReports, ScriptedEngine, fake_core
from notebook_agents_server.downloads import attachment
from notebook_agents_server.hosts import require_known_host
from notebook_agents_server.mounts import DIALECT_NAMES
from notebook_agents_server.testing import Client

TRUSTED = "https://trusted.example.com"
STRANGERS = (
    f"{TRUSTED}.evil.com",
    "https://evil.com/https://trusted.example.com",
    "https://TRUSTED.example.com",
    f"{TRUSTED}:8443",
    "http://trusted.example.com",
    "https://trustedXexample.com",
    f"{TRUSTED}\thttps://evil.com",
    "null",
)
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    return fake_core(engine=engine, home=tmp_path / "workspaces", report_files=MemoryReports())


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "rate_limiting": False,
        "allow_origins": [TRUSTED],
        "allow_origin_pat": r"https://[a-z]+\.pages\.example\.com",
    }


async def test_n04_a_browsers_session_does_nothing_for_another_site(
    client: Client, jp_serverapp: ServerApp
) -> None:
    anybody = client.holding(None)
    token = client.headers["Authorization"].split()[-1]
    entered = await anybody.get(f"/?token={token}")
    cookie = "; ".join(
        text.split(";")[0]
        for text in entered.headers.get_list("Set-Cookie")  # type: ignore[attr-defined]
    )
    assert cookie
    for headers in (
        {"Content_Type": "application/json"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "text/plain", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Site": "cross-site"},
        {"Content_Type": "application/x-www-form-urlencoded", "X_HTTP_Method_Override": "DELETE"},
    ):
        given = {**headers, "Cookie": cookie, "Origin": "https://evil.com"}
        assert (await anybody.ask("POST", "/v1/agents", b'{"name": "x"}', **given)).status == 401
        assert (await anybody.ask("POST", "/api/kernels", b"{}", **given)).status in (403, 404)
    # With a credential the body must still say what it is, and no field changes the verb.
    text = await client.ask("POST", "/v1/agents", b'{"name": "x"}', Content_Type="text/plain")
    assert text.status in (400, 415, 422)
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    for override in (f"/v1/agents/{agent}?_method=DELETE", f"/v1/agents/{agent}"):
        answer = await client.post(override, {"_method": "DELETE"}, X_HTTP_Method_Override="DELETE")
        assert answer.status == 405
    assert (await client.get(f"/v1/agents/{agent}")).status == 200


async def test_n05_only_whole_origins_are_known(client: Client) -> None:
    for origin in STRANGERS:
        answer = await client.get("/v1/agents", Origin=origin)
        assert "Access-Control-Allow-Origin" not in answer.headers, origin
        assert "Access-Control-Allow-Credentials" not in answer.headers
        asked = await client.ask("OPTIONS", "/v1/agents", Origin=origin)
        assert "Access-Control-Allow-Methods" not in asked.headers
    for origin in (TRUSTED, "https://one.pages.example.com"):
        answer = await client.get("/v1/agents", Origin=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
    evil = "https://one.pages.example.com.evil.com"
    assert (
        "Access-Control-Allow-Origin" not in (await client.get("/v1/agents", Origin=evil)).headers
    )


async def test_n05_sockets_know_no_other_origins_either(client: Client) -> None:
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    url = f"{client.origin.replace('http', 'ws', 1)}{client.base_path}/v1/ws/stream/{agent}"
    own = client.origin
    for origin in (
        *STRANGERS,
        f"{own}0",
        own.replace("127.0.0.1", "127.0.0.1.evil.com"),
        "http://[",
    ):
        request = HTTPRequest(url, headers={**client.headers, "Origin": origin})
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(request)
        assert refused.value.code == 403, origin
    for origin in (TRUSTED, own):
        request = HTTPRequest(url, headers={**client.headers, "Origin": origin})
        (await websocket_connect(request)).close()
    socket = await client.socket(f"/v1/ws/stream/{agent}")  # a program says no origin
    assert socket.close_code is None


async def test_n06_a_foreign_host_name_is_refused_everywhere(client: Client) -> None:
    port = client.origin.rpartition(":")[2]
    hosts = ("evil.com", f"evil.com:{port}", "127.0.0.1.evil.com", "localhost.evil.com", "[::2]")
    for host in (*hosts, "localhost@evil.com", "127.0.0.1:80@evil.com", ""):
        for path in ("/v1/agents", "/v1/health", "/docs", "/notebook-agents/mcp", "/api/status"):
            answer = await client.get(path, Host=host)
            assert answer.status in (400, 403), (host, path, answer.status)
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    url = f"{client.origin.replace('http', 'ws', 1)}{client.base_path}/v1/ws/stream/{agent}"
    headers = {**client.headers, "Host": "evil.com", "Origin": "http://evil.com"}
    with pytest.raises(HTTPClientError) as refused:
        await websocket_connect(HTTPRequest(url, headers=headers))
    assert refused.value.code == 403


def test_n06_a_public_server_answers_to_its_listed_names_alone() -> None:
    open_to_all = {"allow_remote_access": True}
    for host in ("agents.example.org", "AGENTS.example.org:443", "localhost:8888", "[::1]:1"):
        require_known_host(host, ("agents.example.org",), open_to_all)
    for host in ("evil.com", "agents.example.org.evil.com", "xagents.example.org", "a@b", ""):
        with pytest.raises(NotPermitted):
            require_known_host(host, ("agents.example.org",), open_to_all)
    require_known_host("anything.example", (), open_to_all)


async def test_n12_a_login_leads_nowhere_else(client: Client) -> None:
    token = client.headers["Authorization"].split()[-1]
    places = ("//evil.com", "/\\evil.com", "https:evil.com", "https://evil.com", "\t//evil.com")
    for place in places:
        for path in ("/login", "/logout", "/"):
            answer = await client.holding(None).get(
                f"{path}?token={token}&next={place.replace(chr(9), '%09')}"
            )
            led = answer.headers.get("Location", "")
            assert not led or (led.startswith("/") and not led.startswith(("//", "/\\"))), led
            assert "evil.com" not in led.split("?")[0]


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="evil.html',
        "a\r\nSet-Cookie: x=1",
        "../../etc/passwd",
        "a\u202efdp.exe",
        "grüße 😀.csv",
        "",
        "..",
        "x" * 5000,
    ],
)
def test_n13_the_name_of_a_file_is_a_name_and_nothing_more(name: str) -> None:
    said = attachment(name)
    assert said.isascii()
    assert said.isprintable()
    assert said.startswith('attachment; filename="')
    assert said.split('"')[2][:1] in ("", ";")
    assert said.count('"') == 2
    assert "/" not in said
    assert len(said) < 2500


async def test_n13_a_name_that_people_give_does_not_become_a_header(client: Client) -> None:
    evil = "a\r\nSet-Cookie: stolen=1\r\n\r\n<script>"
    session = (await client.post("/api/v1/sessions", {"name": evil})).json.get("id")
    session = session or (await client.post("/api/v1/sessions", {"name": 'q"; x=é'})).json["id"]
    report = await client.post("/api/v1/reports", {"session_id": session})
    assert report.status < 300, report.body
    found = await client.get(f"/api/v1/reports/{report.json['id']}/download?format=html")
    assert found.status == 200, found.body
    assert "Set-Cookie" not in found.headers
    assert found.headers["Content-Disposition"].startswith("attachment; ")
    assert "sandbox" in found.headers["Content-Security-Policy"]
    assert found.headers["X-Content-Type-Options"] == "nosniff"


async def test_n16_an_error_is_never_a_page(client: Client) -> None:
    for verb, path, body in (
        ("GET", "/v1/agents/<img%20src=x>", None),
        ("POST", "/v1/agents", {MARKUP: 1, "name": "x"}),
        ("POST", "/v1/agents", {"name": {"x": MARKUP}}),
        ("GET", "/notebook-agents/%3Cscript%3E", None),
        ("GET", "/docs?%3Cscript%3Ealert(1)%3C/script%3E", None),
    ):
        answer = await client.ask(verb, path, body)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src 'unsafe" not in answer.headers["Content-Security-Policy"]
        if answer.headers["Content-Type"].startswith("text/html"):
            assert b"alert(1)" not in answer.body
        else:
            assert answer.headers["Content-Type"].startswith("application/json")
            assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_every_answer_says_what_browsers_must_not_do(client: Client) -> None:
    ours = ("/v1/agents", "/v1/health", "/docs", "/redoc", "/notebook-agents/openapi.json")
    for path in (*ours, "/nothing-here-but-jupyters"):
        answer = await client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in policy, path
        if path != "/nothing-here-but-jupyters":
            assert "default-src 'none'" in policy, path
            assert "'unsafe-inline'" not in policy.split("style-src")[0]
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    for name in DIALECT_NAMES:
        page = await client.get(f"/notebook-agents/{name}/docs")
        assert b"<script>" not in page.body
        assert b" onload=" not in page.body
