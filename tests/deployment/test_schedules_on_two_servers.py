"""Servers that share PostgreSQL meet every tick once, also when one of them is killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.deployment.ticking_server import BASE, BEGUN, N_TICKS, build

from notebook_agents.core.core import Core
from notebook_agents.core.executions import Execution, ListExecutions
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.tasks import CreateTask
from notebook_agents.core.users import Actor, CreateUser

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.service,
    pytest.mark.slow,
]
SCRIPT = Path(__file__).with_name("ticking_server.py")
HEAD_START_S = 1.5
"""Longer than servers that are ready take to begin."""


class Deployment:
    """Servers, and somebody who looks at what they do."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.servers: list[asyncio.subprocess.Process] = []
        self.core: Core

    async def start(self) -> None:
        """One more server, once it is ready."""
        words = [str(SCRIPT), str(self.folder), self.url]
        server = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=asyncio.subprocess.PIPE
        )
        self.servers.append(server)
        assert server.stdout is not None
        async with asyncio.timeout(60):
            assert await server.stdout.readline() == b"ready\n"

    async def begin(self) -> None:
        """Let time begin."""
        self.begun = time.time() + HEAD_START_S
        loop = asyncio.get_running_loop()
        self.core = await loop.run_in_executor(None, self._build)
        draft = self.folder / "draft"
        draft.write_text(str(self.begun))
        draft.rename(self.folder / BEGUN)

    def _build(self) -> Core:
        return build(self.folder, self.url, self.begun, is_server=False)

    async def until(self, actor: Actor, n: int) -> list[Execution]:
        """The executions once that many have ended."""
        async with asyncio.timeout(60):
            while True:
                wish = ListExecutions(limit=1000)
                found = (await self.core.executions.list(actor, wish)).items
                if sum(execution.is_final for execution in found) >= n:
                    return list(found)
                await asyncio.sleep(0.1)

    async def aclose(self) -> None:
        for server in self.servers:
            if server.returncode is None:
                server.kill()
            await server.wait()
        await self.core.aclose()


@pytest.fixture
async def deployment(tmp_path: Path, own_schema_url: str) -> AsyncIterator[Deployment]:
    made = Deployment(tmp_path, own_schema_url)
    await asyncio.gather(made.start(), made.start())
    await made.begin()
    yield made
    await made.aclose()


async def test_two_servers_meet_sixty_ticks_sixty_times_although_one_is_killed(
    deployment: Deployment,
) -> None:
    core = deployment.core
    user = await core.users.create(CreateUser(username="ann", email="ann@example.org"))
    ann = Actor(user_id=user.id, username="ann")
    plan = SchedulePlan(cron="* * * * *", overlap="queue", catch_up="all")
    wish = CreateTask(name="often", prompt_template="hi", schedule=plan)
    task = await core.tasks.create(ann, wish)
    some = await deployment.until(ann, 20)
    # Either of them may have met all so far: the one that did is killed, so that the other goes on.
    busy = next(s for s in deployment.servers if f":{s.pid}:" in some[0].holder)
    busy.kill()
    await busy.wait()
    assert len(some) < N_TICKS, "it was killed in the middle"

    await deployment.until(ann, N_TICKS)
    await asyncio.sleep(0.5)  # ten more seconds of theirs, in which nothing more may happen
    executions = (await core.executions.list(ann, ListExecutions(limit=1000))).items
    ticks = Counter(e.scheduled_for for e in executions)
    assert ticks == {BASE + timedelta(seconds=n): 1 for n in range(1, N_TICKS + 1)}
    assert {e.trigger for e in executions} == {"schedule"}
    # What the killed one had begun is marked; everything else was done.
    states = [execution.state for execution in executions]
    assert states.count("succeeded") >= N_TICKS - 1
    assert set(states) <= {"succeeded", "interrupted"}
    schedule = await core.schedules.get(ann, task.id)
    assert schedule.next_run_at is None
    assert N_TICKS - 1 <= schedule.n_fired <= N_TICKS
