"""What this machine is doing: memory, processors, GPUs. Read on a worker thread."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import psutil

from notebook_agents_server.nvml import GpuReading, read_gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineReading:
    """The machine at one moment."""

    memory_total_bytes: int
    memory_used_bytes: int
    memory_available_bytes: int
    memory_percent: float
    n_cores: int
    cpu_percent: float
    """Since the reading before this one, 0 to 100 over all cores."""
    load_average: tuple[float, float, float]
    """Over 1, 5 and 15 minutes."""
    gpus: tuple[GpuReading, ...]


class Machine:
    """Reads this machine; remembers the processors' times, because their use is a difference."""

    def __init__(self) -> None:
        self._times = psutil.cpu_times()

    async def read(self) -> MachineReading:
        """The machine now."""
        return await asyncio.get_running_loop().run_in_executor(None, self._read)

    def _read(self) -> MachineReading:
        memory = psutil.virtual_memory()
        return MachineReading(
            memory_total_bytes=memory.total,
            memory_used_bytes=memory.total - memory.available,
            memory_available_bytes=memory.available,
            memory_percent=memory.percent,
            n_cores=os.cpu_count() or 1,
            cpu_percent=self._cpu_percent(),
            load_average=psutil.getloadavg(),
            gpus=read_gpus(),
        )

    def _cpu_percent(self) -> float:
        before, self._times = self._times, psutil.cpu_times()
        passed = sum(self._times) - sum(before)
        waited = _waiting(self._times) - _waiting(before)
        return round(min(max(100 * (1 - waited / passed), 0.0), 100.0), 1) if passed > 0 else 0.0


def _waiting(times: Any) -> float:
    return float(times.idle) + float(getattr(times, "iowait", 0.0))
