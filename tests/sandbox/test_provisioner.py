"""Jupyter's own kernel manager can drive the provisioner; a specification cannot weaken it."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

STANZA = {
    "provisioner_name": "notebook-agents-sandbox",
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
