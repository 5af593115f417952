"""Jupyter's own kernel manager can drive the provisioner; a specification cannot weaken it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from notebook_agents.core.spawn import Supervisor

STANZA = {
    "provisioner_name": "notebook_agents.sandbox",
    "config": {},
}


@pytest.fixture
def manager(medium_works: None) -> KernelManager:
    """A manager whose kernel specification asks for another program and a secret variable."""
    spec = KernelSpec(
        argv=["/bin/false", "{connection_file}"],
        env={"SECRET": "canary"},
        display_name="x",
        language="python",
        metadata={"kernel_provisioner": STANZA},
    )
    manager = KernelManager()
    manager._kernel_spec = spec
    return manager


async def spoken(client: Any, code: str) -> str:
    shown: list[str] = []

    def show(message: dict[str, Any]) -> None:
        shown.append(str(message["content"].get("text", "")))

    await client.execute_interactive(code, timeout=20, output_hook=show)
    return "".join(shown)


async def test_an_unmodified_jupyter_server_runs_restarts_and_deletes_confined_kernels(
    tmp_path: Path, workspace: Path, medium_works: None
) -> None:
    folder = tmp_path / "kernels" / "confined"
    folder.mkdir(parents=True)
    spec = {"argv": ["x"], "display_name": "Confined", "language": "python",
            "metadata": {"kernel_provisioner": STANZA}}  # fmt: skip
    (folder / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(folder.parent)])
    manage: Any = AsyncMappingKernelManager
    kernels = manage(kernel_spec_manager=specs, root_dir=str(workspace))
    id = await kernels.start_kernel(kernel_name="confined", path=".")
    client: Any = kernels.get_kernel(id).client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=20)
        look = "import os; print(os.path.exists('/etc/passwd'), os.getcwd()); x = 1"
        assert await spoken(client, look) == f"False {workspace}\n"
        background = Supervisor()

        def interrupt(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                background.spawn(kernels.interrupt_kernel(id), name="interrupt")

        loop = "print('on', flush=True)\nwhile True: pass"
        reply = await client.execute_interactive(loop, timeout=20, output_hook=interrupt)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        await kernels.restart_kernel(id)
        await client.wait_for_ready(timeout=20)
        assert await spoken(client, "print('x' in globals())") == "False\n"
    finally:
        client.stop_channels()
        place = Path(kernels.get_kernel(id).connection_file).parent
        await kernels.shutdown_kernel(id, now=True)
    assert not place.exists()
    assert id not in kernels


def run(client: BlockingKernelClient, code: str) -> str:
    shown: list[str] = []

    def show(message: dict[str, object]) -> None:
        content = message["content"]
        assert isinstance(content, dict)
        if "text" in content:
            shown.append(str(content["text"]))

    client.execute_interactive(code, timeout=20, output_hook=show)
    return "".join(shown)


def test_a_manager_gets_a_confined_kernel_over_socket_files(
    manager: KernelManager, workspace: Path
) -> None:
    manager.start_kernel(cwd=str(workspace))
    assert manager.transport == "ipc"
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=20)
        code = (
            "import os; print(os.getcwd(), os.path.exists('/etc/passwd'), os.environ.get('SECRET'))"
        )
        assert run(client, code) == f"{workspace} False None\n"
        folder = Path(manager.connection_file).parent
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert not folder.exists()
