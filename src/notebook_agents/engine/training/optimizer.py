"""Muon for the matrices (Jordan et al. 2024) and AdamW for the embedding and the norms."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from notebook_agents.engine.training.model import fastest_type

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration of the Muon paper."""


def orthogonalized(g: Tensor, n_steps: int = 5) -> Tensor:
    """Make stacked matrices [n, rows, columns] nearly orthogonal."""
    a, b, c = NEWTON_SCHULZ
    x = g.to(fastest_type(g.device.type))
    turned = x.shape[-2] > x.shape[-1]
    x = x.mT if turned else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(n_steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = (x.mT if turned else x).float()
    return found


class Optimizer:
    """Both optimisers behind one step; learning rates are scaled by the schedule."""

    def __init__(self, model: nn.Module, *, matrix_rate: float, other_rate: float) -> None:
        self.matrix_rate, self.other_rate = matrix_rate, other_rate
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        others = []
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "embed" not in name:
                shapes[weight.shape].append(weight)
            else:
                others.append(weight)
        self.stacks = list(shapes.values())
        self.momenta = [
            torch.zeros(len(stack), *stack[0].shape, device=stack[0].device)
            for stack in self.stacks
        ]
        self.adam = torch.optim.AdamW(others, other_rate, (0.9, 0.98), weight_decay=0.0)

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Update all weights with the learning rates times `scale` and clear the gradients."""
        for stack, momentum in zip(self.stacks, self.momenta, strict=True):
            gradient = torch.stack([w.grad for w in stack if w.grad is not None])
            momentum.mul_(MOMENTUM).add_(gradient, alpha=1 - MOMENTUM)
            update = orthogonalized(gradient.lerp(momentum, MOMENTUM))
            rows, columns = stack[0].shape
            rate = self.matrix_rate * scale * max(1.0, rows / columns) ** 0.5
            for weight, direction in zip(stack, update, strict=True):
                weight.sub_(direction, alpha=rate)
                weight.grad = None
        for group in self.adam.param_groups:
            group["lr"] = self.other_rate * scale
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, object]:
        """Everything a resumed run needs."""
        return {"momenta": self.momenta, "adam": self.adam.state_dict()}

    def load(self, state: dict[str, object]) -> None:
        """Take over the state of an interrupted run."""
        momenta, adam = state["momenta"], state["adam"]
        assert isinstance(momenta, list)
        assert isinstance(adam, dict)
        self.momenta = momenta
        self.adam.load_state_dict(adam)
