"""What is said of the GPU's memory."""

from __future__ import annotations

import torch

from notebook_agents.engine.gpu_memory import gpu_stats, out_of_memory

STATS = {"gpu_used_bytes": 20_900_000_000, "gpu_total_bytes": 24_000_000_000}


def test_a_cpu_has_no_gpu_memory() -> None:
    assert gpu_stats(torch.device("cpu")) == {}


def test_a_model_that_does_not_fit_is_told_with_what_it_needs_and_what_is_free() -> None:
    said = out_of_memory("big", 15_200_000_000, STATS)
    assert said == "out of GPU memory: model 'big' needs 15.2 GB, 3.1 of 24.0 GB are free"
    assert out_of_memory("big", None, {}) == (
        "out of GPU memory: model 'big' needs more than there is"
    )
