"""Why a copy of this process must not be made, if so.

A copy has the memory of the kernel but none of its threads and not its GPU. What depends on those
would hang or break in it, and memory that is shared with files would be changed for real.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from notebook_agents.live.lockdown import MIN_VERSION, landlock_version

SAFE_ROOMS = (
    "ipykernel.",
    "IPython.",
    "jupyter_core.",
    "zmq.",
    "notebook_agents.",
    "debugpy",
    "_pydevd",
    "_pydev",
)
"""Threads of classes and functions of these modules hold nothing that code in a cell needs."""
SAFE_NAMES = (
    "notebook-agents",
    "store-",
    "pydevd",
    "IOPub",
    "Control",
    "Shell channel",
    "subshell-",
    "tqdm",
)
SECOND_LOOK_S = 0.05
"""After this is looked again: the worker of a pool that has just finished rests in a moment."""
GPU_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/", "/dev/accel")
THREADED = {"polars": "polars", "duckdb": "DuckDB", "pyspark": "Spark", "tensorflow": "TensorFlow"}
"""Libraries whose own threads would be missing, and which then wait for them for ever."""
SHARED_MAP, FROM_STORE = "rw-s", "-shm"
GIB = 1 << 30


def why_unsafe(shell: Any, code: str = "") -> str:
    """One clause that says why; empty when a copy can be made."""
    if not sys.platform.startswith("linux") or not hasattr(os, "fork"):
        return "a copy of the kernel can only be made on Linux"
    if landlock_version() < MIN_VERSION:
        return "this Linux cannot keep a copy of the kernel from changing files (Landlock 3)"
    if threading.current_thread() is not threading.main_thread():
        return "the notebook does not run on the main thread"
    return _gpu() or _threads() or _library(code, shell.user_ns) or _shared_memory() or _size()


def _gpu() -> str:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is not None and cuda.is_initialized():
        return "CUDA is in use, and a GPU cannot be copied"
    for device in _open_files():
        if device.startswith(GPU_DEVICES):
            return "a GPU is in use, which cannot be copied"
    return ""


def _open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        try:
            yield str(link.readlink())
        except OSError:
            continue


def _threads() -> str:
    if strange := _strange():
        time.sleep(SECOND_LOOK_S)
        strange = _strange()
    if not strange:
        return ""
    return f"threads are at work that may hold locks: {', '.join(sorted(strange)[:3])}"


def _strange() -> list[str]:
    return [thread.name for thread in threading.enumerate() if not _is_safe(thread)]


def _is_safe(thread: threading.Thread) -> bool:
    if thread is threading.main_thread() or not thread.is_alive():
        return True
    target = getattr(thread, "_target", None)
    rooms = (type(thread).__module__, getattr(target, "__module__", "") or "")
    if thread.name.startswith(SAFE_NAMES) or any(room.startswith(SAFE_ROOMS) for room in rooms):
        return True
    return _is_at_rest(thread)


def _is_at_rest(thread: threading.Thread) -> bool:
    """Whether it is the idle worker of a pool, which waits for work and holds nothing."""
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return False
    place = frame.f_code
    return place.co_name == "_worker" and place.co_filename.endswith("concurrent/futures/thread.py")


def _library(code: str, names: Mapping[str, Any]) -> str:
    roots = {_root(value) for value in list(names.values())}
    for module, title in THREADED.items():
        if module in sys.modules and (module in code or module in roots):
            return f"{title} works with threads of its own, which a copy does not have"
    return ""


def _root(value: Any) -> str:
    """The library that a variable is, or is an object of."""
    name = value.__name__ if type(value) is ModuleType else type(value).__module__
    return str(name).partition(".")[0].lstrip("_")


def _shared_memory() -> str:
    with Path("/proc/self/maps").open() as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            path = fields[5].strip() if len(fields) > 5 else ""
            if fields[1] == SHARED_MAP and not path.endswith(FROM_STORE):
                return f"memory is shared with {path or 'other processes'}"
    return ""


def _size() -> str:
    with Path("/proc/meminfo").open() as file:
        free = next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable"))
    with Path("/proc/self/statm").open() as file:
        used = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if used > free:
        return f"the notebook holds {used / GIB:.1f} GiB and {free / GIB:.1f} GiB are free"
    return ""
