"""Samples of the engine, one with each sample of the machine, while the engine runs.

The engine counts from its start, so a sample is the difference to the one before. What only a GPU
tells is unknown without one, which is not the same as 0.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.core.journal import Source
from notebook_agents.core.observation_events import EngineSampled

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.models import EngineHealth
    from notebook_agents_server.machine import MachineReading
    from notebook_agents_server.nvml import GpuReading

JOULES_PER_WH = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """What was read at a moment."""

    at: float
    health: EngineHealth
    gpu: GpuReading | None


class EngineSampler:
    """Asks a core's engine how it does and keeps that; the samples belong to the server's owner."""

    def __init__(self, core: Core, owner_id: str) -> None:
        self._core = core
        self._source = Source(user_id=owner_id)
        self._before: _Point | None = None

    async def sample(self, reading: MachineReading) -> None:
        """Keep a sample, unless no engine runs or it has only begun to."""
        health = await self._core.models.health()
        before, self._before = self._before, None
        if not health.is_ready:
            return
        now = self._before = _Point(
            at=time.monotonic(), health=health, gpu=_gpu_of(health, reading.gpus)
        )
        if before is not None and before.health.pid == health.pid:
            self._core.observations.keep(_between(before, now), self._source)


def _between(before: _Point, now: _Point) -> EngineSampled:
    stats, gpu = now.health.stats, now.gpu
    n_decodes = _grown(before.health.stats, stats, "n_decodes")
    n_decoded = _grown(before.health.stats, stats, "n_decoded")
    return EngineSampled(
        device=now.health.device,
        period_s=round(now.at - before.at, 3),
        utilization_percent=gpu.utilization_percent if gpu else None,
        memory_used_bytes=gpu.memory_used_bytes if gpu else now.health.memory_bytes,
        memory_total_bytes=gpu.memory_total_bytes if gpu else None,
        batch_mean=round(n_decoded / n_decodes, 3) if n_decodes else None,
        kv_used_bytes=stats.get("kv_bytes"),
        n_tokens=_grown(before.health.stats, stats, "n_tokens"),
        n_waiting=now.health.n_waiting,
        power_w=gpu.power_w if gpu else None,
        energy_wh=_energy_wh(before.gpu, gpu),
    )


def _grown(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> int:
    return max(int(now.get(name, 0)) - int(before.get(name, 0)), 0)


def _energy_wh(before: GpuReading | None, now: GpuReading | None) -> float | None:
    if before is None or now is None or before.energy_j is None or now.energy_j is None:
        return None
    return round(max(now.energy_j - before.energy_j, 0.0) / JOULES_PER_WH, 6)


def _gpu_of(health: EngineHealth, gpus: tuple[GpuReading, ...]) -> GpuReading | None:
    """The GPU the engine computes on, by its number; ``cuda`` alone is the first."""
    kind, _, number = health.device.partition(":")
    wanted = int(number) if number.isdecimal() else 0
    return next((g for g in gpus if kind == "cuda" and g.index == wanted), None)
