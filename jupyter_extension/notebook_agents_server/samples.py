"""Samples of the machine, one every half minute, for as long as the server runs."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from notebook_agents.core.events import MachineSampled
from notebook_agents.core.samples import health_score
from notebook_agents_server.engine_samples import EngineSampler

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents_server.machine import Machine, MachineReading

_log = logging.getLogger(__name__)


class Sampler:
    """Reads the machine again and again and keeps what it read."""

    def __init__(
        self, core: Core, machine: Machine, *, interval_s: float, owner_id: str = ""
    ) -> None:
        """``machine`` must be read by nobody else: its figures are differences.

        ``owner_id`` is whose the server is.
        """
        self._engine = EngineSampler(core, owner_id)
        self._core = core
        self._machine = machine
        self._interval_s = interval_s
        self._last: tuple[float, int] | None = None

    async def run(self) -> None:
        """Sample without end; what cannot be read once is tried again."""
        while True:
            try:
                reading = await self._machine.read()
                self._core.samples.keep(await self._sample(reading))
                await self._engine.sample(reading)
            except Exception:  # noqa: BLE001 - one sample is lost, the next may succeed
                _log.warning("the machine could not be sampled", exc_info=True)
            await asyncio.sleep(self._interval_s)

    async def _sample(self, reading: MachineReading) -> MachineSampled:
        return MachineSampled(
            cpu_percent=reading.cpu_percent,
            memory_percent=reading.memory_percent,
            disk_percent=reading.disk_percent,
            network_kib_s=self._network_kib_s(reading),
            n_active_agents=await self._core.agents.count(status="active"),
            health_score=health_score(
                cpu_percent=reading.cpu_percent,
                memory_percent=reading.memory_percent,
                disk_percent=reading.disk_percent,
            ),
        )

    def _network_kib_s(self, reading: MachineReading) -> float:
        before, now = self._last, (time.monotonic(), reading.network_bytes)
        self._last = now
        if before is None or now[0] <= before[0]:
            return 0.0
        # The counter starts again when a network device is replaced.
        return round(max(now[1] - before[1], 0) / 1024 / (now[0] - before[0]), 1)
