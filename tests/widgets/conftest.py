"""A kernel for the chat panel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from jupyter_client.manager import KernelManager
from tests.widgets.chat_front import SETUP, Front

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One kernel for all tests; each shows a panel in a cell of its own."""
    home: Path = tmp_path_factory.mktemp("kernel")
    folder = home / "work"
    folder.mkdir()
    own = {
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_DATA_DIR": str(home / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "NOTEBOOK_AGENTS_HOME": str(home / "agents"),
        "JPY_SESSION_NAME": str(folder / "mine.ipynb"),
    }
    manager = KernelManager(kernel_name="python3", connection_file=str(home / "kernel.json"))
    manager.start_kernel(cwd=str(folder), env=os.environ | own)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    made = Front(manager, client)
    made.run(SETUP)
    yield made
    client.stop_channels()
    manager.shutdown_kernel()
