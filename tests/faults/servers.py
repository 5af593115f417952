"""A server as a user starts it, in a process of its own; its model echoes, slowly when asked to."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from notebook_agents_server.testing import Client

PATIENCE_S = 60
CONFIG = """
import asyncio
from dataclasses import replace
from pathlib import Path
from notebook_agents.build import build_core
from notebook_agents.core.core import Core
from notebook_agents.testing import ScriptedEngine

class Paced(ScriptedEngine):
    async def generate(self, request):
        async for chunk in super().generate(request):
            yield chunk
            while "slowly" in request.messages[-1].text and not Path({gate!r}).exists():
                await asyncio.sleep(0.05)

def with_echo(config, **options):
    return Core(replace(build_core(config, **options)._ports, engine=Paced()))

c.NotebookAgentsApp.core_factory = with_echo
c.NotebookAgentsApp.rate_limiting = False
"""


@dataclass(slots=True)
class Server:
    """One ``jupyter agents`` with a home of its own."""

    folder: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def gate(self) -> Path:
        """Answers that are asked for slowly wait until this file is there."""
        return self.folder / "gate"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self.port = self.port or _free_port()
        config = self.folder / "config.py"
        config.write_text(CONFIG.format(gate=str(self.gate)))
        command = [sys.executable, "-c", "from notebook_agents_server.command import main; main()"]
        command += [f"--port={self.port}", f"--config={config}", f"--ServerApp.token={self.token}"]
        command += [f"--ServerApp.root_dir={self.folder}", "--ServerApp.allow_root=True"]
        environment = {
            "HOME": str(self.folder),
            "JUPYTER_CONFIG_DIR": str(self.folder / "jupyter"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "NOTEBOOK_AGENTS_HOME": str(self.folder / "agents"),
        }
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._answers()

    async def _answers(self) -> None:
        http = AsyncHTTPClient(force_instance=True)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    assert self.process is not None
                    assert self.process.poll() is None, (self.folder / "log.txt").read_text()
                    try:
                        await http.fetch(f"{self.url}/notebook-agents/tektra/v1/health")
                    except (HTTPClientError, OSError):
                        await asyncio.sleep(0.1)
                    else:
                        return
        finally:
            http.close()

    def client(self, **http: int) -> Client:
        """A program that talks to it as its owner."""
        client = Client(AsyncHTTPClient(force_instance=True, **http), self.url, "")
        return client.holding(self.token)

    def resident_bytes(self) -> int:
        """The memory that it holds."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
