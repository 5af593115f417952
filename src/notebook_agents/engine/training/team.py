"""Processes that train one model together: each has its own data, all apply the same mean gradient.

On a CPU one process per core is nearly twice as fast as two threads, whose small matrix products
cannot keep both cores busy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier as BarrierType

import torch
from torch import Tensor, multiprocessing, nn

PATIENCE_S = 600.0
"""How long a process waits for the others before the run fails."""


@dataclass(frozen=True)
class Team:
    """The place of one process among those that train together."""

    rank: int = 0
    size: int = 1
    shared: Tensor = field(default_factory=lambda: torch.zeros(1, 0))
    """One row per process in memory that all of them see."""
    barrier: BarrierType | None = None
    parent: int = 0
    """The process that started all of them; they end with it."""

    def average(self, model: nn.Module, seconds: float) -> float:
        """Replace the gradients by the mean over all processes; returns the mean of `seconds`.

        So all processes agree on the time, too, and stop after the same step.
        """
        if self.barrier is None:
            return seconds
        if os.getppid() != self.parent:
            raise SystemExit("the process that started the training has ended")
        gradients = [w.grad for w in model.parameters() if w.grad is not None]
        own = [torch.tensor([seconds], dtype=torch.float32), *(g.flatten() for g in gradients)]
        torch.cat(own, out=self.shared[self.rank])
        self.barrier.wait(PATIENCE_S)
        mean = self.shared.mean(0)
        self.barrier.wait(PATIENCE_S)
        place = 1
        for gradient in gradients:
            gradient.copy_(mean[place : place + gradient.numel()].view_as(gradient))
            place += gradient.numel()
        return float(mean[0])


def make_teams(size: int, n_weights: int) -> list[Team]:
    """The teams of `size` processes for a model with `n_weights` weights."""
    if size == 1:
        return [Team()]
    shared = torch.zeros(size, 1 + n_weights).share_memory_()  # type: ignore[no-untyped-call]
    barrier = multiprocessing.get_context("spawn").Barrier(size)
    return [Team(rank, size, shared, barrier, os.getpid()) for rank in range(size)]
