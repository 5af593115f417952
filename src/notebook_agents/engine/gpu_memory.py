"""What memory holds: for the line below an answer, and for saying that a model does not fit."""

from __future__ import annotations

import torch

GB = 1e9


def gpu_stats(device: torch.device) -> dict[str, int]:
    """Bytes in use, by whichever program, and in all; nothing where the device is no GPU."""
    if device.type != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info(device)
    return {"gpu_used_bytes": total - free, "gpu_total_bytes": total}


def memory_that_is_full(error: BaseException) -> str:
    """Which memory an error says is used up; empty when it says something else."""
    if isinstance(error, torch.OutOfMemoryError):
        return "GPU memory"
    # On CPUs torch has no class of its own for it.
    is_full = isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)
    return "memory" if is_full else ""


def out_of_memory(
    model: str, needed_bytes: int | None, stats: dict[str, int], memory: str = "GPU memory"
) -> str:
    """That a model does not fit, with the numbers that are known."""
    needs = f"needs {needed_bytes / GB:.1f} GB" if needed_bytes else "needs more than there is"
    text = f"out of {memory}: model {model!r} {needs}"
    if not stats:
        return text
    total = stats["gpu_total_bytes"]
    free = total - stats["gpu_used_bytes"]
    return f"{text}, {free / GB:.1f} of {total / GB:.1f} GB are free"
