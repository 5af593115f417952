"""What this machine is doing: memory, processors, disk, network, GPUs. Read on a worker thread."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
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
    disk_percent: float
    """How full the disk with the product's data is."""
    network_bytes: int
    """Sent and received since the machine started."""
    gpus: tuple[GpuReading, ...]


class Machine:
    """Reads this machine; remembers the processors' times, because their use is a difference."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` is on the disk that matters; it need not be there yet."""
        self._folder = (folder or Path.home()).absolute()
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
            disk_percent=self._disk_percent(),
            network_bytes=_network_bytes(),
            gpus=read_gpus(),
        )

    def _disk_percent(self) -> float:
        there = next(path for path in (self._folder, *self._folder.parents) if path.exists())
        return psutil.disk_usage(str(there)).percent

    def _cpu_percent(self) -> float:
        before, self._times = self._times, psutil.cpu_times()
        passed = sum(self._times) - sum(before)
        waited = _waiting(self._times) - _waiting(before)
        return round(min(max(100 * (1 - waited / passed), 0.0), 100.0), 1) if passed > 0 else 0.0


def _network_bytes() -> int:
    counted = psutil.net_io_counters()
    return counted.bytes_sent + counted.bytes_recv if counted else 0


def _waiting(times: Any) -> float:
    return float(times.idle) + float(getattr(times, "iowait", 0.0))
