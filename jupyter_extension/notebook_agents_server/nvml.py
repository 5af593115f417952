"""NVIDIA GPUs through the driver's own library, without a child process and without torch.

The library (``libnvidia-ml.so.1``) comes with the driver; where it is missing there are no GPUs to
report. Calls and structures: NVML API Reference, "Device Queries".
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIBRARY = "libnvidia-ml.so.1"
NAME_BYTES = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """One GPU at one moment."""

    index: int
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    utilization_percent: float
    """Share of the last sampling period in which a kernel ran."""
    power_w: float | None = None
    """None, here and below, where the device does not tell."""
    energy_j: float | None = None
    """Since the driver was loaded."""


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


def read_gpus(load: Callable[[str], Any] = ctypes.CDLL) -> tuple[GpuReading, ...]:
    """Every GPU that the driver shows; none when there is no driver."""
    try:
        nvml = load(LIBRARY)
    except OSError:
        return ()
    if nvml.nvmlInit_v2() != 0:
        return ()
    try:
        count = ctypes.c_uint()
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return ()
        readings = (_read_gpu(nvml, index) for index in range(count.value))
        return tuple(reading for reading in readings if reading is not None)
    finally:
        nvml.nvmlShutdown()


def _read_gpu(nvml: Any, index: int) -> GpuReading | None:
    device = ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) != 0:
        return None
    name = ctypes.create_string_buffer(NAME_BYTES)
    memory, used = _Memory(), _Utilization()
    nvml.nvmlDeviceGetName(device, name, ctypes.c_uint(NAME_BYTES))
    nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory))
    nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(used))
    return GpuReading(
        index=index,
        name=name.value.decode(errors="replace"),
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.used,
        utilization_percent=float(used.gpu),
        power_w=_milli(nvml.nvmlDeviceGetPowerUsage, device, ctypes.c_uint()),
        energy_j=_milli(nvml.nvmlDeviceGetTotalEnergyConsumption, device, ctypes.c_ulonglong()),
    )


def _milli(ask: Any, device: ctypes.c_void_p, answer: Any) -> float | None:
    """A figure that the driver tells in thousandths."""
    return answer.value / 1000 if ask(device, ctypes.byref(answer)) == 0 else None
