"""What is kept of the engine, with a GPU and without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.events import EngineSampled
from notebook_agents.core.models import EngineHealth
from notebook_agents.testing import MemoryEventLog, ScriptedEngine, fake_core
from notebook_agents_server.engine_samples import EngineSampler
from notebook_agents_server.machine import Machine, MachineReading
from notebook_agents_server.nvml import GpuReading


class Counting(ScriptedEngine):
    """An engine whose health is what a test says."""

    now = EngineHealth(is_ready=False, starts_on_demand=True)

    async def health(self) -> EngineHealth:
        return self.now


@pytest.fixture
def engine() -> Counting:
    return Counting()


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog()


@pytest.fixture
def core(engine: Counting, log: MemoryEventLog) -> Core:
    return fake_core(engine=engine, event_log=log)


@pytest.fixture
async def reading() -> AsyncIterator[MachineReading]:
    yield await Machine().read()  # noqa: PT022 - async fixtures must yield


def working(n: int, **told: Any) -> EngineHealth:
    """After ``n`` tokens, two at a time."""
    stats = {"n_tokens": n, "n_decodes": n // 2, "n_decoded": n, "kv_bytes": 64}
    return EngineHealth(is_ready=True, pid=1, memory_bytes=1000, stats=stats, **told)


def sampled(log: MemoryEventLog) -> list[EngineSampled]:
    """What the log has of the engine, as the owner's."""
    mine = [event.body for event in log.events if event.user_id == "own"]
    return [body for body in mine if isinstance(body, EngineSampled)]


async def test_nothing_is_kept_while_no_engine_runs(
    core: Core, log: MemoryEventLog, reading: MachineReading
) -> None:
    sampler = EngineSampler(core, "own")
    await sampler.sample(reading)
    await sampler.sample(reading)
    assert sampled(log) == []


async def test_a_cpu_leaves_unknown_what_only_a_gpu_tells(
    core: Core, log: MemoryEventLog, engine: Counting, reading: MachineReading
) -> None:
    sampler = EngineSampler(core, "own")
    engine.now = working(10)
    await sampler.sample(reading)
    engine.now = working(50, n_waiting=3)
    await sampler.sample(reading)
    (found,) = sampled(log)
    expected = EngineSampled(
        device="cpu",
        period_s=found.period_s,
        memory_used_bytes=1000,
        batch_mean=2.0,
        kv_used_bytes=64,
        n_tokens=40,
        n_waiting=3,
    )
    assert found == expected


async def test_a_gpu_tells_its_use_and_the_energy_of_the_period(
    core: Core, log: MemoryEventLog, engine: Counting, reading: MachineReading
) -> None:
    gpu = GpuReading(
        index=1,
        name="H100",
        memory_total_bytes=80,
        memory_used_bytes=20,
        utilization_percent=85.0,
        power_w=350.0,
        energy_j=7200.0,
    )
    other = replace(gpu, index=0, memory_used_bytes=1)
    sampler = EngineSampler(core, "own")
    engine.now = working(10, device="cuda:1")
    await sampler.sample(replace(reading, gpus=(other, gpu)))
    await sampler.sample(replace(reading, gpus=(other, replace(gpu, energy_j=10_800.0))))
    (found,) = sampled(log)
    assert (found.device, found.memory_used_bytes, found.memory_total_bytes) == ("cuda:1", 20, 80)
    assert (found.utilization_percent, found.power_w, found.energy_wh) == (85.0, 350.0, 1.0)
    assert (found.n_tokens, found.batch_mean) == (0, None)


async def test_an_engine_that_started_anew_counts_from_its_start(
    core: Core, log: MemoryEventLog, engine: Counting, reading: MachineReading
) -> None:
    sampler = EngineSampler(core, "own")
    engine.now = working(1000)
    await sampler.sample(reading)
    engine.now = replace(working(10), pid=2)
    await sampler.sample(reading)
    assert sampled(log) == []
    engine.now = replace(working(30), pid=2)
    await sampler.sample(reading)
    assert [body.n_tokens for body in sampled(log)] == [20]
