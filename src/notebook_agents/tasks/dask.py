"""Executions on a Dask cluster; answers the Executor port with distributed.

Workers share the folder of executions and the database with the servers. What a child tells comes
back through the scheduler. Neither the way to a server nor a password travels there: children find
them, if they need them, in the environment of their worker.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from notebook_agents.core.errors import Unsupported
from notebook_agents.core.executors import Job, JobEnd
from notebook_agents.core.ids import new_id
from notebook_agents.tasks.runner import PASSED_ON

CONNECT_S = 10.0
LAST_LINES_S = 5.0
"""How long lines may come after the end they belong to."""
KEPT_BACK = frozenset(
    f"NOTEBOOK_AGENTS_{name}" for name in ("DATABASE_URL", "URL", "TOKEN", "CERTIFICATE")
)
"""What only this machine is to know, or can use."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Work:
    """A job on its way."""

    tell: Callable[[bytes], None]
    future: Any = None
    n_lines: int = 0
    is_stopped: bool = False

    def hear(self, line: str) -> None:
        self.n_lines += 1
        self.tell(line.encode())


class DaskExecutor:
    """Runs jobs in children of the workers of a cluster."""

    def __init__(self, address: str) -> None:
        if find_spec("distributed") is None:
            raise Unsupported("dask_scheduler needs distributed: install notebook-agents[dask]")
        self._address = address
        self._topic = f"notebook-agents-{new_id()}"
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._work: dict[str, _Work] = {}

    @property
    def places(self) -> int | None:
        """The cluster has a queue of its own."""
        return None

    async def run(self, job: Job, tell: Callable[[bytes], None]) -> JobEnd:
        """Run a job on whichever worker has room."""
        work = self._work[job.id] = _Work(tell)
        try:
            return await self._run(job, work)
        except Exception as error:  # noqa: BLE001 - distributed raises whatever went wrong anywhere
            if work.is_stopped:
                return JobEnd(exit_code=-15, detail="it was stopped")
            _log.warning("Dask lost execution %s: %r", job.id, error)
            return JobEnd(exit_code=None, detail=f"Dask lost it: {type(error).__name__}")
        finally:
            del self._work[job.id]
            await _cancel(work)

    async def stop(self, id: str, *, grace_s: float) -> None:
        """Interrupt a job wherever it runs; it is cancelled when it still runs after that."""
        work = self._work.get(id)
        if work is None or work.future is None:
            return
        work.is_stopped = True
        worker_side = await _worker_side()
        heard = await self._client.run(worker_side.interrupt, id, on_error="ignore")
        late_s = grace_s if any(heard.values()) else 0.0
        asyncio.get_running_loop().call_later(late_s, self._cancel_late, id, work)

    async def aclose(self) -> None:
        """Cancel what still runs."""
        for work in tuple(self._work.values()):
            await _cancel(work)
        if self._client is not None:
            with suppress(TimeoutError, OSError):
                await self._client.close()

    async def _run(self, job: Job, work: _Work) -> JobEnd:
        client, worker_side = await self._connected(), await _worker_side()
        key = f"notebook-agents-{job.id}-{new_id()}"
        sent = {"id": job.id, "folder": job.folder, "environment": _sent(job.environment)}
        work.future = client.submit(
            worker_side.run_job, sent, self._topic, key, key=key, pure=False, retries=0
        )
        exit_code, detail, n_lines = await work.future
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_LINES_S):
                while work.n_lines < n_lines:  # noqa: ASYNC110 - they come from another thread's hands
                    await asyncio.sleep(0.01)
        return JobEnd(exit_code=exit_code, detail=detail)

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._client is None or self._client.status not in ("running", "connecting"):
                distributed = await _imported("distributed")
                self._client = await distributed.Client(
                    self._address, asynchronous=True, set_as_default=False, timeout=CONNECT_S
                )
                self._client.subscribe_topic(self._topic, self._hear)
        return self._client

    def _hear(self, event: tuple[float, Mapping[str, str]]) -> None:
        work = self._work.get(event[1]["id"])
        if work is not None:
            work.hear(event[1]["line"])

    def _cancel_late(self, id: str, work: _Work) -> None:
        if self._work.get(id) is work:
            self._client.loop.add_callback(work.future.cancel)


async def _cancel(work: _Work) -> None:
    """Have the child killed by its worker, which looks whether it is still wanted."""
    if work.future is not None:
        with suppress(OSError, TimeoutError):  # without a scheduler nothing is wanted any more
            await work.future.cancel()


async def _worker_side() -> Any:
    return await _imported("notebook_agents.tasks.dask_worker")


async def _imported(name: str) -> Any:
    """A module whose import takes long."""
    return await asyncio.get_running_loop().run_in_executor(None, importlib.import_module, name)


def _sent(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name not in KEPT_BACK and not PASSED_ON.fullmatch(name)
    }
