"""What the sandbox costs: time to start a tool kernel, time of a call, memory, and what is left.

    python tests/benchmarks/sandbox.py

The ways take turns in one run, so that other work on the machine changes the ratios little; the
milliseconds and MiB are of this machine. The plain kernel is ipykernel as Jupyter starts it,
through Jupyter's own kernel manager and client.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from subprocess import DEVNULL

import psutil
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from notebook_agents.core.tools import SandboxCall
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

MIB = 1024 * 1024
N_STARTS = 12
N_CALLS = 100
N_IN_TURN = 100
WARM_LIMIT_MS, COLD_LIMIT_MS = 5, 300
IMPORTS = "import numpy, pandas, duckdb; pandas.DataFrame({'a': [1]}).a.sum()"


@dataclass
class Times:
    """What was measured of each way, in milliseconds or MiB."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def add(self, way: str, value: float) -> None:
        self.of.setdefault(way, []).append(value)

    def show(self, title: str, unit: str = "ms") -> None:
        say(f"\n{title}")
        base = median(next(iter(self.of.values())))
        for way, values in self.of.items():
            p50, p95 = median(values), quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
            say(f"  {way:34} {p50:7.1f} {unit}   p95 {p95:7.1f}   x {p50 / base:.2f}")


@dataclass
class Plain:
    """An ordinary kernel."""

    manager: AsyncKernelManager
    client: AsyncKernelClient

    @classmethod
    async def start(cls) -> Plain:
        manager = AsyncKernelManager(kernel_name="python3")
        await manager.start_kernel(stderr=DEVNULL)
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        return cls(manager, client)

    async def run(self, code: str) -> None:
        await self.client.execute_interactive(code, timeout=60, output_hook=lambda _message: None)

    async def close(self) -> None:
        self.client.stop_channels()
        await self.manager.shutdown_kernel(now=True)


class Sandboxed:
    """The sandbox with one way of starting."""

    def __init__(self, folder: Path, zygote: str) -> None:
        config = SandboxConfig(Path(tempfile.mkdtemp(prefix="nbb-")), max_kernels=64)
        self._sandbox = KernelSandbox(replace(config, zygote=zygote))  # type: ignore[arg-type]
        self._run_dir = config.run_dir
        self._call = SandboxCall(
            key="k", owner_id="o", workspace=str(folder), level="medium",
            timeout_s=60, memory_bytes=1024 * MIB, code="1",
        )  # fmt: skip

    async def warm_up(self) -> None:
        """Probe the machine, and have the zygote if there is to be one."""
        await self.run("1", "first")
        await self._sandbox.zygotes.settle()
        await self._sandbox.close("first")

    async def run(self, code: str, key: str = "k") -> str:
        outcome = await self._sandbox.execute(replace(self._call, code=code, key=key))
        assert not outcome.reason, outcome
        return outcome.output

    async def close(self, key: str) -> None:
        await self._sandbox.close(key)

    async def aclose(self) -> None:
        await self._sandbox.aclose()
        shutil.rmtree(self._run_dir, ignore_errors=True)


async def measure_starts(ways: dict[str, Sandboxed]) -> None:
    """From nothing to the answer of the first call, in turns."""
    first, with_imports = Times(), Times()
    for times, code in ((first, "1"), (with_imports, IMPORTS)):
        for index in range(N_STARTS):
            began = time.perf_counter()
            plain = await Plain.start()
            await plain.run(code)
            times.add("plain ipykernel", (time.perf_counter() - began) * 1000)
            await plain.close()
            for name, way in ways.items():
                began = time.perf_counter()
                await way.run(code, f"start-{index}")
                times.add(name, (time.perf_counter() - began) * 1000)
                await way.close(f"start-{index}")
    first.show("start to the first answer")
    with_imports.show("start to the first answer that uses numpy, pandas and DuckDB")
    cold = median(first.of["forked from the zygote"])
    verdict = "kept" if cold <= COLD_LIMIT_MS else "BROKEN"
    say(f"  limit {COLD_LIMIT_MS} ms from the zygote: {verdict}")


async def measure_calls(ways: dict[str, Sandboxed]) -> None:
    """A call to a kernel that runs, in turns."""
    times = Times()
    plain = await Plain.start()
    for name, way in ways.items():
        await way.run("1", name)
    for _ in range(N_CALLS):
        began = time.perf_counter()
        await plain.run("1 + 1")
        times.add("plain ipykernel", (time.perf_counter() - began) * 1000)
        for name, way in ways.items():
            began = time.perf_counter()
            await way.run("1 + 1", name)
            times.add(name, (time.perf_counter() - began) * 1000)
    await plain.close()
    times.show("a call to a kernel that runs")
    p50 = [median(values) for values in times.of.values()]
    over = max(p50[1:]) - p50[0]
    verdict = "kept" if over <= WARM_LIMIT_MS else "BROKEN"
    say(f"  limit {WARM_LIMIT_MS} ms over plain: {over:+.1f} ms, {verdict}")


async def measure_memory(folder: Path) -> None:
    """What an idle kernel holds, with everything around it; shared pages count in parts."""
    pss, uss = Times(), Times()
    before = set(below())
    plain = await Plain.start()
    note("plain ipykernel", set(below()) - before, pss, uss)
    await plain.close()
    for name, zygote in (("cold, in bubblewrap", "off"), ("forked from the zygote", "on")):
        way = Sandboxed(folder, zygote)
        await way.warm_up()
        before = set(below())
        for index in range(4):
            await way.run("1", str(index))
        note(name, set(below()) - before, pss, uss, n=4)
        if zygote == "on":
            note("the zygote itself, once a user", before, pss, uss)
        await way.aclose()
    pss.show("memory of an idle kernel (PSS)", "MiB")
    uss.show("memory that its end gives back (USS)", "MiB")


async def measure_census(ways: dict[str, Sandboxed]) -> None:
    """Many in turn, and what they leave."""
    say(f"\n{N_IN_TURN} sandboxes in turn")
    for name, way in ways.items():
        before, fds = len(below()), n_descriptors()
        began = time.perf_counter()
        for index in range(N_IN_TURN):
            await way.run("1", f"turn-{index}")
            await way.close(f"turn-{index}")
        seconds = time.perf_counter() - began
        left = len(below()) - before, n_descriptors() - fds
        say(f"  {name:34} {seconds:5.1f} s   left: {left[0]} processes, {left[1]} descriptors")


def below() -> list[int]:
    """All processes that this one started."""
    return [process.pid for process in psutil.Process().children(recursive=True)]


def n_descriptors() -> int:
    """How many files this process holds open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def say(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def note(name: str, pids: Sequence[int] | set[int], pss: Times, uss: Times, n: int = 1) -> None:
    """The memory of processes together, for each of ``n`` kernels."""
    used = [psutil.Process(pid).memory_full_info() for pid in pids]
    pss.add(name, sum(one.pss for one in used) / MIB / n)
    uss.add(name, sum(one.uss for one in used) / MIB / n)


async def main() -> int:
    """Measure one thing after the other."""
    folder = Path(tempfile.mkdtemp(prefix="nbw-"))
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Linux {os.uname().release}")
    ways = {
        "cold, in bubblewrap": Sandboxed(folder, "off"),
        "forked from the zygote": Sandboxed(folder, "on"),
    }
    for way in ways.values():
        await way.warm_up()
    await measure_starts(ways)
    await measure_calls(ways)
    await measure_census(ways)
    for way in ways.values():
        await way.aclose()
    await measure_memory(folder)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
