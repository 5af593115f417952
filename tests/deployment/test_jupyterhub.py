"""A real JupyterHub: its proxy, users with a server each, and the agents as a service of all."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.chromium import FLAGS, path_of_chromium
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from notebook_agents_server.testing import Answer, Client

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(600)]
PATIENCE_S = 300
SERVICE = "notebook-agents"
CONFIG = """
import os
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
c.Spawner.args = ["--allow-root"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 240
c.Spawner.environment = {{"JUPYTER_CONFIG_DIR": "{folder}/config"}}
c.JupyterHub.services = [
    {{"name": "test", "api_token": "{token}"}},
    {{
        "name": "notebook-agents",
        "url": "http://127.0.0.1:{service_port}",
        "command": ["{agents}", "--allow-root", "--config={config}"],
        "timeout": 240,
        "cwd": "{folder}/service",
        "environment": {{"HOME": "{folder}/service", "PATH": os.environ["PATH"]}},
        "oauth_no_confirm": True,
    }},
]
c.JupyterHub.load_roles = [
    {{"name": "test", "services": ["test"],
      "scopes": ["admin:users", "admin:servers", "tokens", "access:servers"]}},
    {{"name": "user", "scopes": ["self", "access:services!service=notebook-agents"]}},
]
"""
"""As the documentation has it, but for ports, folders and the test's own rights."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A running JupyterHub, as one with the rights of an administrator sees it."""

    origin: str
    token: str
    process: Any

    def client(self, path: str, token: str | None) -> Client:
        return Client(AsyncHTTPClient(force_instance=True), self.origin, path).holding(token)

    async def ask(self, verb: str, path: str, body: Any = None) -> Answer:
        client = self.client("/hub/api", None)
        try:
            return await client.ask(verb, path, body, Authorization=f"token {self.token}")
        finally:
            client.close()

    async def ready(self) -> None:
        await self.until("/hub/api/health", lambda answer: answer.status == 200)

    async def until(self, path: str, is_so: Callable[[Answer], bool]) -> Answer:
        """The first answer that is as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                assert self.process.is_running, self.process.log.read_text()
                try:
                    answer = await self.ask("GET", path.removeprefix("/hub/api"))
                    if is_so(answer):
                        return answer
                except OSError:
                    pass
                await asyncio.sleep(0.2)

    async def token_of(self, user: str) -> str:
        """A token of a user, who is made when there is none."""
        await self.ask("POST", f"/users/{user}", {})
        answer = await self.ask("POST", f"/users/{user}/tokens", {})
        assert answer.status == 201, answer.body
        return str(answer.json["token"])

    async def start_server(self, user: str) -> None:
        answer = await self.ask("POST", f"/users/{user}/server", {})
        assert answer.status in {201, 202, 400}, answer.body

        def is_ready(answer: Answer) -> bool:
            return bool(answer.json["servers"].get("", {}).get("ready"))

        await self.until(f"/hub/api/users/{user}", is_ready)
        # Jupyter answers a little earlier than the agents do.
        client = self.client(f"/user/{user}", None)
        async with asyncio.timeout(PATIENCE_S):
            while (await client.get("/health")).status != 200:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.2)
        client.close()


@pytest.fixture
async def hub(
    hub_process: tuple[str, str, Any],
) -> Any:
    found = Hub(*hub_process)
    await found.ready()
    yield found  # noqa: PT022 - async fixtures yield here


@pytest.fixture(scope="module")
def hub_process(
    proxy_command: str, tmp_path_factory: pytest.TempPathFactory, make_process: Any, ports: Any
) -> Any:
    folder = tmp_path_factory.mktemp("hub")
    for name in ("config", "service", "homes"):
        (folder / name).mkdir()
    # Also for the echo in place of the model; the gate is never closed here.
    (folder / "gate").touch()
    binaries = Path(sys.executable).parent
    port, hub_port, proxy_port, service_port = (ports() for _ in range(4))
    token = secrets.token_hex(16)
    server_config = folder / "config/jupyter_server_config.py"
    config = CONFIG.format(
        folder=folder, config=server_config, proxy=proxy_command, token=token,
        agents=binaries / "jupyter-agents",
        port=port, hub_port=hub_port, proxy_port=proxy_port, service_port=service_port,
    )  # fmt: skip
    (folder / "jupyterhub_config.py").write_text(config)
    make_process.write_engine(server_config, folder / "gate")
    environment = {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
    }
    command = [str(binaries / "jupyterhub"), "-f", str(folder / "jupyterhub_config.py")]
    process = make_process(command, folder, environment)
    process.start()
    yield f"http://127.0.0.1:{port}", token, process
    process.stop()


@pytest.fixture
def speak(hub: Hub) -> Any:
    made: list[Client] = []

    def client(path: str, token: str | None = None) -> Client:
        made.append(hub.client(path, token))
        return made[-1]

    yield client
    for each in made:
        each.close()


async def make_agent(client: Client, name: str) -> str:
    answer = await client.post("/v1/agents", {"name": name, "model": "other/model"})
    assert answer.status == 201, answer.body
    return str(answer.json["agent_id"])


async def test_each_user_reaches_the_agents_of_their_own_server_only(hub: Hub, speak: Any) -> None:
    alice, bob = await hub.token_of("alice"), await hub.token_of("bob")
    await asyncio.gather(hub.start_server("alice"), hub.start_server("bob"))
    on_alices, on_bobs = speak("/user/alice", alice), speak("/user/bob", bob)
    await make_agent(on_alices, "of alice")
    assert [a["name"] for a in (await on_alices.get("/v1/agents")).json["agents"]] == ["of alice"]
    assert (await on_bobs.get("/v1/agents")).json["agents"] == []
    below = await on_alices.get("/notebook-agents/tektra/v1/agents")
    assert below.json["total"] == 1
    for stranger in (on_alices.holding(bob), on_bobs.holding(alice)):
        answer = await stranger.get("/v1/agents")
        assert answer.status in {401, 403}
        assert answer.json["error"], "in the words of the API, not as a page"
    for token in (None, "nonsense"):
        assert (await on_alices.holding(token).get("/v1/agents")).status == 401


async def test_sockets_pass_the_proxy(hub: Hub, speak: Any) -> None:
    alice, bob = await hub.token_of("alice"), await hub.token_of("bob")
    await hub.start_server("alice")
    client = speak("/user/alice", alice)
    agent_id = await make_agent(client, "for sockets")
    path, browser = f"/v1/ws/stream/{agent_id}", client.holding(None)
    sockets = [
        await client.socket(path),
        await browser.socket(path, query={"token": alice}),
        await browser.socket(path, subprotocols=[f"bearer.{alice}"]),
        await browser.socket(path),
    ]
    await sockets[-1].send({"type": "auth", "token": alice})
    for socket in sockets:
        await socket.send({"type": "message", "content": "hello", "metadata": {}})
        async with asyncio.timeout(PATIENCE_S):
            assert (await socket.until("complete"))[-1]["content"] == "You said: hello"
    with pytest.raises(HTTPClientError, match=r"HTTP 40[13]"):
        await browser.socket(path, query={"token": bob})


async def test_nobody_logs_in_with_a_password_or_opens_an_account(hub: Hub, speak: Any) -> None:
    alice = await hub.token_of("alice")
    await hub.start_server("alice")
    account = {"username": "eve", "email": "eve@example.org", "password": "long enough 1"}
    for path in ("/user/alice", f"/services/{SERVICE}"):
        client = speak(path)
        login = {"username": "admin", "password": "whatever 123"}
        answer = await client.post("/v1/auth/login", login)
        assert answer.status == 403, answer.body
        assert "password" in answer.json["error"]["message"].lower()
        assert (await client.post("/api/auth/register", account)).status == 403
    assert (await speak("/user/alice", alice).get("/v1/agents")).status == 200


async def test_as_a_service_everybody_acts_under_their_own_name(hub: Hub, speak: Any) -> None:
    tokens = {name: await hub.token_of(name) for name in ("alice", "bob", "admin")}
    clients = {name: speak(f"/services/{SERVICE}", token) for name, token in tokens.items()}
    agent_id = await make_agent(clients["alice"], "mine")
    assert (await clients["alice"].get(f"/v1/agents/{agent_id}")).status == 200
    assert (await clients["bob"].get(f"/v1/agents/{agent_id}")).status == 404
    names = {n: (await c.get("/api/auth/me")).json["username"] for n, c in clients.items()}
    assert (names["alice"], names["bob"]) == ("alice", "bob")
    assert names["admin"] != "admin", "the Hub's admin is not the owner of the service's account"
    assert not (await clients["admin"].get("/api/auth/me")).json["is_admin"]
    for token in (None, "nonsense"):
        assert (await clients["bob"].holding(token).get("/v1/agents")).status == 401
    started = await clients["bob"].post(f"/v1/agents/{agent_id}/conversations", {"message": "hi"})
    assert started.status == 404
    own = await make_agent(clients["bob"], "own")
    answer = await clients["bob"].post(f"/v1/agents/{own}/conversations", {"message": "hi"})
    assert answer.json["message"] == "You said: hi"


@pytest.mark.parametrize(
    "path", ["/api/kernels", "/api/contents", "/api/sessions", "/api/terminals", "/files/x"]
)
async def test_as_a_service_nobody_gets_a_shell_or_files(hub: Hub, speak: Any, path: str) -> None:
    client = speak(f"/services/{SERVICE}", await hub.token_of("alice"))
    await make_agent(client, "up")
    assert (await client.get(path)).status in {403, 404}
    assert (await client.post("/api/kernels", {})).status == 403
    assert (await client.get("/api/status")).status == 200


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/user/alice", f"/services/{SERVICE}"])
async def test_the_page_is_opened_with_the_hubs_own_login(hub: Hub, path: str) -> None:
    from playwright.async_api import async_playwright

    await hub.token_of("alice")
    await hub.start_server("alice")
    executable = path_of_chromium()
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = await browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{hub.origin}{path}/notebook-agents/ui/?days=30")
        await page.locator("input[name=username]").fill("alice")
        await page.locator("input[name=password]").fill("any")
        await page.locator("input[type=submit]").click()
        await page.locator(".empty, .tile").first.wait_for(timeout=60_000)
        assert page.url == f"{hub.origin}{path}/notebook-agents/ui/?days=30"
        assert await page.locator(".who").inner_text() in {"of admin", "of alice"}
        other = await page.goto(f"{hub.origin}/user/bob/notebook-agents/ui/")
        assert other is None or other.status in {403, 404, 424, 503}
        await browser.close()
    assert complaints == []
