"""The worker's Jupyter side, seen by jupyter_client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpec

from notebook_agents.core.spawn import Supervisor
from notebook_agents.engine.kernel import LifecycleKernel
from notebook_agents.engine.provisioner import PROVISIONER, EngineProvisioner

Kernel = tuple[AsyncKernelClient, list[str], asyncio.Event]


@pytest.fixture
async def kernel(tmp_path: Path) -> AsyncIterator[Kernel]:
    """A client of a kernel in this process, and what happened to the kernel."""
    file = tmp_path / "kernel.json"
    write_connection_file(str(file), transport="ipc", ip=str(tmp_path / "k"), key=b"key")
    events: list[str] = []
    over = asyncio.Event()
    connection = json.loads(file.read_text())
    kernel = LifecycleKernel(connection, lambda: events.append("interrupted"))
    supervisor = Supervisor()

    async def run() -> None:
        await kernel.run()
        over.set()

    supervisor.spawn(run(), name="kernel")
    client = AsyncKernelClient()
    client.load_connection_file(str(file))
    client.start_channels()
    # A heartbeat that is stopped before its thread has begun never ends: it opens sockets in a
    # circle until the process has no descriptors left.
    async with asyncio.timeout(10):
        while not client.hb_channel.is_beating():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.01)
    yield client, events, over
    client.stop_channels()
    client.context.destroy(linger=0)
    await supervisor.aclose()
    kernel.close()


async def control(client: AsyncKernelClient, kind: str) -> dict[str, Any]:
    client.control_channel.send(client.session.msg(kind))
    reply: dict[str, Any] = await client.control_channel.get_msg(timeout=5)
    return reply


async def test_it_says_who_it_is_and_runs_no_code(kernel: Kernel) -> None:
    client, *_ = kernel
    await client.wait_for_ready(timeout=10)
    info = await client.kernel_info(reply=True, timeout=5)
    assert info["content"]["implementation"] == "notebook-agents-engine"
    refused = await client.execute("1 + 1", reply=True, timeout=5)
    assert refused["content"]["status"] == "error"
    assert "runs no code" in refused["content"]["evalue"]


async def test_an_interrupt_reaches_the_engine_and_a_shutdown_ends_it(kernel: Kernel) -> None:
    client, events, over = kernel
    assert (await control(client, "interrupt_request"))["header"]["msg_type"] == "interrupt_reply"
    assert events == ["interrupted"]
    assert (await control(client, "shutdown_request"))["content"]["status"] == "ok"
    await asyncio.wait_for(over.wait(), timeout=5)


async def test_a_message_signed_by_somebody_else_is_ignored(kernel: Kernel) -> None:
    client, events, _over = kernel
    client.session.key = b"another key"
    client.control_channel.send(client.session.msg("interrupt_request"))
    client.session.key = b"key"
    assert (await control(client, "kernel_info_request"))["content"]["status"] == "ok"
    assert events == []


def test_the_provisioner_is_an_entry_point() -> None:
    (entry,) = entry_points(group="jupyter_client.kernel_provisioners", name=PROVISIONER)
    assert entry.load() is EngineProvisioner


async def test_the_end_of_the_process_reaches_every_waiter_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    provisioner = EngineProvisioner(kernel_spec=KernelSpec(), kernel_id="k", log_file=str(log))
    provisioner.connection_info = {}
    code = "import time; time.sleep(100)"
    await provisioner.launch_kernel([sys.executable, "-c", code], cwd=str(tmp_path))
    assert provisioner.process is not None
    supervisor = Supervisor()
    waits = [supervisor.spawn(provisioner.wait(), name="wait") for _ in range(2)]
    os.kill(provisioner.process.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    assert await asyncio.gather(*waits) == [-signal.SIGKILL, -signal.SIGKILL]
    assert time.monotonic() - killed_at < 10
    assert await provisioner.wait() == -signal.SIGKILL
    assert not provisioner.has_process
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
