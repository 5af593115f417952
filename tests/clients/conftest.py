"""A server in a process of its own, for clients that know nothing of Python's event loop.

Everything in it is real but the model, whose answers are an echo.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_TIMEOUT_S = 60
RUN_TIMEOUT_S = 60
PASSWORD = "admin123"
"""Of the documents; the product itself has none that anybody knows."""
CONFIG = """
from dataclasses import replace
from notebook_agents.build import build_core
from notebook_agents.core.core import Core
from notebook_agents.testing import ScriptedEngine

def with_echo(config, **options):
    return Core(replace(build_core(config, **options)._ports, engine=ScriptedEngine()))

c.NotebookAgentsApp.core_factory = with_echo
c.NotebookAgentsApp.rate_limiting = False
c.NotebookAgentsApp.sample_interval_s = 0.2
"""
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str

    def ask(self, verb: str, path: str, body: Any = None, token: str = "") -> Any:
        """One request with JSON, as the administrator when a token is given."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.url + path, data=data, headers=headers, method=verb
        )
        with urllib.request.urlopen(request, timeout=RUN_TIMEOUT_S) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as found:
        yield found


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """Start ``jupyter agents`` and wait until it answers."""
    (home / "config.py").write_text(CONFIG)
    own = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "NOTEBOOK_AGENTS_HOME": str(home / "agents"),
        "NOTEBOOK_AGENTS_ADMIN_PASSWORD": PASSWORD,
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from notebook_agents_server.command import main; main()"]
    command += [f"--port={port}", f"--config={home / 'config.py'}", f"--ServerApp.root_dir={home}"]
    command += ["--allow-root"] if os.geteuid() == 0 else []
    log = home / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=os.environ | own, stdout=file, stderr=file)
    try:
        server = Server(f"http://127.0.0.1:{port}")
        wait_until_up(process, server, log)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_up(process: subprocess.Popen[bytes], server: Server, log: Path) -> None:
    """Return once the server answers; fail with its log when it does not."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            server.ask("GET", "/api/health")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    pytest.fail(log.read_text())


@pytest.fixture(scope="session")
def token(server: Server) -> str:
    """The administrator's."""
    login = {"username": "admin", "password": PASSWORD}
    return str(server.ask("POST", "/v1/auth/login", login)["access_token"])


@pytest.fixture
def run_node(tmp_path: Path) -> Callable[[str, str], str]:
    """Runs JavaScript with the packages of the documents' clients; gives what it printed."""
    packages = HERE / "node_modules"
    if not packages.is_dir():
        pytest.skip("no packages for Node; run: npm ci --prefix tests/clients")
    (tmp_path / "node_modules").symlink_to(packages)

    def run(source: str, name: str) -> str:
        script = tmp_path / name
        script.write_text(source)
        done = subprocess.run(
            ["node", script],
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def document(name: str) -> str:
    """A client as its document prints it."""
    return (HERE / "documents" / f"{name}.txt").read_text()
