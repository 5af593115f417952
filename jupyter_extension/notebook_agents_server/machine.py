"""What this machine is doing: memory, processors, GPUs. Read on a worker thread."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

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


async def read_machine() -> MachineReading:
    """The machine now."""
    return await asyncio.get_running_loop().run_in_executor(None, _read)


def _read() -> MachineReading:
    memory = psutil.virtual_memory()
    return MachineReading(
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.total - memory.available,
        memory_available_bytes=memory.available,
        memory_percent=memory.percent,
        n_cores=os.cpu_count() or 1,
        cpu_percent=psutil.cpu_percent(interval=None),
        load_average=psutil.getloadavg(),
        gpus=read_gpus(),
    )
