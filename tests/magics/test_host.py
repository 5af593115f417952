"""The core's own thread."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from notebook_agents.core.core import Core
from notebook_agents.magics.host import CoreHost
from notebook_agents.testing import ScriptedEngine, fake_core


class Closing(ScriptedEngine):
    """Knows whether it was closed."""

    is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


async def thread_name(_core: Core) -> str:
    return threading.current_thread().name


def test_the_core_is_made_on_first_use_on_a_thread_of_its_own(tmp_path: Path) -> None:
    made: list[str] = []

    def make() -> Core:
        made.append(threading.current_thread().name)
        return fake_core(home=tmp_path)

    host = CoreHost(make)
    assert not host.is_used
    names = {host.submit(thread_name).result(timeout=10) for _ in range(3)}
    assert names == {"notebook-agents-core"} == set(made)
    assert len(made) == 1
    host.close()


def test_closing_ends_the_core_and_the_thread(tmp_path: Path) -> None:
    engine = Closing()
    host = CoreHost(lambda: fake_core(engine=engine, home=tmp_path))
    host.submit(thread_name).result(timeout=10)
    host.close()
    host.close()
    assert engine.is_closed
    assert "notebook-agents-core" not in {thread.name for thread in threading.enumerate()}


def test_a_core_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    attempts: list[int] = []

    async def make() -> Core:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("no space left")
        return fake_core(home=tmp_path)

    host = CoreHost(make)
    with pytest.raises(OSError, match="no space"):
        host.submit(thread_name).result(timeout=10)
    assert host.submit(thread_name).result(timeout=10) == "notebook-agents-core"
    host.close()


def test_work_goes_on_while_the_callers_loop_stands_still(tmp_path: Path) -> None:
    host = CoreHost(lambda: fake_core(home=tmp_path))

    async def main() -> str:
        return host.submit(thread_name).result(timeout=10)  # blocks this loop on purpose

    assert asyncio.run(main()) == "notebook-agents-core"
    host.close()
