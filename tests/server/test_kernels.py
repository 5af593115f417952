"""Kernels that the server starts find it, with a token of their own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_server.serverapp import ServerApp

from notebook_agents.core.core import Core
from notebook_agents_server.kernels import server_url, way_to
from notebook_agents_server.testing import Client

CODE = """
import json, os
print(json.dumps({k: v for k, v in os.environ.items() if k.startswith("NOTEBOOK_AGENTS")}))
"""


@pytest.fixture
def jp_environ(jp_environ: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NOTEBOOK_AGENTS_ADMIN_PASSWORD", "not for kernels")
    return jp_environ


async def printed_by(kernels: Any, kernel_id: str) -> dict[str, str]:
    """What the kernel sees of its environment."""
    kernel: AsyncKernelClient = kernels.get_kernel(kernel_id).client()
    kernel.start_channels()
    try:
        await kernel.wait_for_ready(timeout=60)
        kernel.execute(CODE)
        while True:
            message = await asyncio.wait_for(kernel.get_iopub_msg(), 60)
            if message["msg_type"] == "stream":
                return dict(json.loads(message["content"]["text"]))
    finally:
        kernel.stop_channels()


@pytest.mark.slow
async def test_a_kernel_has_the_address_the_home_and_a_token_that_dies_with_it(
    client: Client, jp_serverapp: ServerApp, tmp_path: Path
) -> None:
    kernels: Any = jp_serverapp.kernel_manager
    kernel_id = await kernels.start_kernel(kernel_name="python3")
    seen = await printed_by(kernels, kernel_id)
    assert seen["NOTEBOOK_AGENTS_URL"].endswith("/a%40b/")
    assert seen["NOTEBOOK_AGENTS_HOME"] == str(tmp_path / "home")
    assert seen["NOTEBOOK_AGENTS_TASK_FOLDER"] == str(jp_serverapp.root_dir)
    assert "NOTEBOOK_AGENTS_ADMIN_PASSWORD" not in seen
    engine = client.holding(seen["NOTEBOOK_AGENTS_TOKEN"]).below("/notebook-agents/engine")
    assert (await engine.get("/health")).status == 200
    await kernels.shutdown_kernel(kernel_id, now=True)
    assert (await engine.get("/health")).status == 401


async def test_a_kernel_that_does_not_start_leaves_no_token(
    client: Client, jp_serverapp: ServerApp
) -> None:
    app: Any = jp_serverapp.extension_manager.extension_points["notebook_agents"].app
    with pytest.raises(NoSuchKernel):
        await jp_serverapp.kernel_manager.start_kernel(kernel_name="nothing")
    assert app.services.gatekeeper.kernel_tokens._kernel_ids == {}


async def test_kernels_of_executions_have_a_token_that_ends_with_them(
    client: Client, core: Core
) -> None:
    way = core.executions._way
    assert way is not None
    environment = way.open("")
    kernel = client.holding(environment["NOTEBOOK_AGENTS_TOKEN"])
    assert environment["NOTEBOOK_AGENTS_URL"].startswith("http://127.0.0.1:")
    path = "/notebook-agents/engine/health"
    assert (await kernel.get(path)).status == 200
    assert (await kernel.get("/v1/agents")).status in (401, 403)
    way.close(environment)
    assert (await kernel.get(path)).status == 401


@pytest.mark.parametrize(
    ("ip", "certfile", "url"),
    [
        ("localhost", "", "http://127.0.0.1:8000/"),
        ("0.0.0.0", "", "http://127.0.0.1:8000/"),  # noqa: S104
        ("", "cert.pem", "https://127.0.0.1:8000/"),
        ("::", "", "http://[::1]:8000/"),
        ("::1", "", "http://[::1]:8000/"),
        ("10.0.0.5", "", "http://10.0.0.5:8000/"),
    ],
)
def test_the_url_is_reachable_from_this_machine(ip: str, certfile: str, url: str) -> None:
    app = SimpleNamespace(ip=ip, certfile=certfile, port=8000, base_url="/", sock="")
    assert server_url(cast("ServerApp", app)) == url


def test_a_server_on_a_unix_socket_has_no_url() -> None:
    assert server_url(cast("ServerApp", SimpleNamespace(sock="/run/jupyter.sock"))) == ""


def test_only_a_server_with_https_gives_kernels_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = SimpleNamespace(ip="", certfile="cert.pem", port=8000, base_url="/", sock="")
    assert way_to(cast("ServerApp", app)) == {
        "NOTEBOOK_AGENTS_URL": "https://127.0.0.1:8000/",
        "NOTEBOOK_AGENTS_CERTIFICATE": str(tmp_path / "cert.pem"),
    }
    app.certfile = ""
    assert way_to(cast("ServerApp", app)) == {"NOTEBOOK_AGENTS_URL": "http://127.0.0.1:8000/"}
