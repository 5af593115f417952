"""What the machine is doing, with and without GPUs."""

from __future__ import annotations

from typing import Any

from notebook_agents_server.machine import Machine
from notebook_agents_server.nvml import GpuReading, read_gpus

GIB = 1 << 30


class Driver:
    """Two GPUs behind the functions of NVML that are called; the second one is lost."""

    def __init__(self, *, init_status: int = 0) -> None:
        self.init_status = init_status
        self.n_open = 0

    def nvmlInit_v2(self) -> int:
        self.n_open += self.init_status == 0
        return self.init_status

    def nvmlShutdown(self) -> int:
        self.n_open -= 1
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        device._obj.value = 1000 + index.value
        return 0 if index.value == 0 else 15

    def nvmlDeviceGetName(self, device: Any, name: Any, size: Any) -> int:
        assert (device.value, size.value) == (1000, 96)
        name.value = b"NVIDIA H100"
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.used = 80 * GIB, 20 * GIB
        return 0

    def nvmlDeviceGetUtilizationRates(self, device: Any, used: Any) -> int:
        used._obj.gpu = 85
        return 0

    def nvmlDeviceGetPowerUsage(self, device: Any, milliwatts: Any) -> int:
        milliwatts._obj.value = 350_500
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device: Any, millijoules: Any) -> int:
        return 3  # not supported


def test_gpus_are_read_through_the_drivers_library() -> None:
    driver = Driver()
    (gpu,) = read_gpus(lambda name: driver)
    assert gpu == GpuReading(
        index=0,
        name="NVIDIA H100",
        memory_total_bytes=80 * GIB,
        memory_used_bytes=20 * GIB,
        utilization_percent=85.0,
        power_w=350.5,
    )
    assert driver.n_open == 0


def test_without_a_driver_or_with_a_broken_one_there_are_no_gpus() -> None:
    def missing(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    assert read_gpus(missing) == ()
    assert read_gpus(lambda name: Driver(init_status=9)) == ()


async def test_a_reading_is_within_what_is_possible() -> None:
    machine = Machine()
    sum(i * i for i in range(200_000))  # so that the processors' times move on
    reading = await machine.read()
    used = reading.memory_used_bytes
    assert 0 < used < reading.memory_total_bytes
    assert used + reading.memory_available_bytes == reading.memory_total_bytes
    assert 0 <= reading.cpu_percent <= 100
    assert reading.n_cores >= 1
    assert len(reading.load_average) == 3
