"""Servers as they are deployed: processes of their own, that meet in PostgreSQL and Redis.

Everything in them is real but the model, whose answers are an echo. It says the first word and then
waits for a gate when it is asked to answer slowly.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from notebook_agents_server.testing import Client

PATIENCE_S = 120
ADMIN_PASSWORD = "correct horse battery"
ENGINE = """
import asyncio
from dataclasses import replace
from pathlib import Path
from notebook_agents.build import build_core
from notebook_agents.core.core import Core
from notebook_agents.testing import ScriptedEngine

GATE = Path({gate!r})

class Paced(ScriptedEngine):
    async def generate(self, request):
        async for chunk in super().generate(request):
            yield chunk
            while "slowly" in request.messages[-1].text and not GATE.exists():
                await asyncio.sleep(0.05)

def with_echo(config, **options):
    return Core(replace(build_core(config, **options)._ports, engine=Paced()))

c.NotebookAgentsApp.core_factory = with_echo
# Each test logs in anew, from one address.
c.NotebookAgentsApp.rate_limits = {{"tektra.authentication": "1000/minute"}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def is_open(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


async def answers(url: str, process: Process, path: str = "") -> None:
    """Return once the address answers 200."""
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                assert process.is_running, process.log.read_text()
                try:
                    await http.fetch(url + path)
                except (HTTPClientError, OSError):
                    await asyncio.sleep(0.1)
                else:
                    return
    finally:
        http.close()


@dataclass(slots=True)
class Process:
    """A program that runs in the background, with its log."""

    command: list[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it, in a group of its own that ends as a whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it without a word, as a machine that loses its power would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_S)

    def stop(self) -> None:
        """End it in order."""
        if self.is_running and self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.process is not None:
            with suppress(ProcessLookupError):  # what it has left behind
                os.killpg(self.process.pid, signal.SIGKILL)


@dataclass(slots=True)
class Server:
    """One ``jupyter agents``, with a home of its own as on a machine of its own."""

    process: Process
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ready(self) -> None:
        await answers(self.url, self.process, "/notebook-agents/tektra/v1/health")

    def client(self, token: str | None = None) -> Client:
        client = Client(AsyncHTTPClient(force_instance=True), self.url, "")
        return client.holding(token)


@dataclass(slots=True)
class Deployment:
    """Servers that share a database, a Redis and a secret."""

    folder: Path
    database_url: str
    redis_url: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    prefix: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex}")
    servers: list[Server] = field(default_factory=list)

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    def start(self, name: str) -> Server:
        """Start another server."""
        folder, port = self.folder / name, free_port()
        folder.mkdir()
        (folder / "config.py").write_text(ENGINE.format(gate=str(self.gate)))
        command = [sys.executable, "-c", "from notebook_agents_server.command import main; main()"]
        command += [f"--port={port}", f"--config={folder / 'config.py'}"]
        command += [f"--ServerApp.root_dir={folder}", "--ServerApp.allow_root=True"]
        command += [f"--NotebookAgentsApp.redis_prefix={self.prefix}"]
        environment = {
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "NOTEBOOK_AGENTS_HOME": str(folder / "agents"),
            "NOTEBOOK_AGENTS_DATABASE_URL": self.database_url,
            "NOTEBOOK_AGENTS_REDIS_URL": self.redis_url,
            "NOTEBOOK_AGENTS_SECRET_KEY": self.secret,
            "NOTEBOOK_AGENTS_ADMIN_PASSWORD": ADMIN_PASSWORD,
        }
        process = Process(command, folder, environment)
        process.start()
        self.servers.append(Server(process, port))
        return self.servers[-1]


@pytest.fixture(scope="session")
def redis_url() -> str:
    url = os.environ.get("NOTEBOOK_AGENTS_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    host, port = url.partition("//")[2].partition("/")[0].rsplit(":", 1)
    if not is_open(host, int(port)):
        pytest.skip(f"no Redis on {host}:{port}")
    return url


@pytest.fixture(scope="session")
def deployment(
    postgresql_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A deployment without servers yet."""
    schema = f"deployment_{uuid.uuid4().hex}"
    admin = create_engine(postgresql_url)
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    url = f"{postgresql_url}?options=-csearch_path%3D{schema}"
    made = Deployment(tmp_path_factory.mktemp("deployment"), url, redis_url)
    yield made
    for server in made.servers:
        server.process.stop()
    with admin.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    admin.dispose()


@pytest.fixture(scope="session")
def two(deployment: Deployment) -> tuple[Server, Server]:
    """Two servers that have been started; wait until they are ready."""
    return deployment.start("a"), deployment.start("b")


@pytest.fixture
async def speak() -> AsyncGenerator[Callable[..., Client], None]:
    """Clients of servers, closed at the end."""
    made: list[Client] = []

    def client(server: Server, token: str | None = None) -> Client:
        made.append(server.client(token))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def proxy_command() -> str:
    """JupyterHub's proxy, as npm installs it."""
    command = Path(__file__).parent / "node_modules/.bin/configurable-http-proxy"
    if shutil.which("node") is None:
        pytest.skip("there is no node")
    if not command.exists():
        pytest.skip("no configurable-http-proxy; run: npm ci --prefix tests/deployment")
    return str(command)


class MakeProcess:
    """What other modules here need of this one."""

    def __call__(self, command: list[str], folder: Path, environment: Any = None) -> Process:
        return Process(command, folder, environment or {})

    @staticmethod
    def write_engine(config: Path, gate: Path) -> None:
        config.write_text(ENGINE.format(gate=str(gate)))


@pytest.fixture(scope="session")
def make_process() -> MakeProcess:
    return MakeProcess()


@pytest.fixture(scope="session")
def ports() -> Callable[[], int]:
    """Free ports."""
    return free_port
