"""What a request takes of a GPU's time."""

from __future__ import annotations

import time

import torch


def gpu_clock(device: torch.device) -> float | None:
    """Seconds, once the device has done all that it was given; None where it is no GPU.

    Waiting costs next to nothing: the next token is chosen from what the device computes, so that
    every step but a piece of a long prompt waits for it anyway.
    """
    if device.type != "cuda":
        return None
    torch.cuda.synchronize(device)
    return time.monotonic()
