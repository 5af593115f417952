"""The keys and values of requests that decode together.

Rows of different lengths share one transformers cache, padded on the left: columns end together,
so that one step appends one column. A row joins after its own prefill and leaves at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


def is_plain(cache: Any) -> bool:
    """Whether every layer just appends keys and values, so that rows can be merged."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def is_filled(cache: Any) -> bool:
    """Whether every layer holds keys and values; some models let layers share them."""
    return all(layer.is_initialized for layer in cache.layers)


def bytes_of(cache: DynamicCache) -> int:
    """What its keys and values take."""
    layers = [layer for layer in tuple(cache.layers) if layer.is_initialized]
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in layers)


class BatchCache:
    """A cache of shape ``[rows, heads, columns, head_dim]`` per layer, and each row's length."""

    def __init__(self, cache: DynamicCache, length: int) -> None:
        self.cache = cache
        self.lengths = [length]
        """Columns a row really uses, counted from the right."""

    def append(self, other: DynamicCache, length: int) -> None:
        """Add the cache of one row that has ``length`` columns."""
        n_columns = max(*self.lengths, length)
        for mine, theirs in zip(self.cache.layers, other.layers, strict=True):
            mine.keys = torch.cat(
                [_widened(mine.keys, n_columns), _widened(theirs.keys, n_columns)]
            )
            mine.values = torch.cat(
                [_widened(mine.values, n_columns), _widened(theirs.values, n_columns)]
            )
        self.lengths.append(length)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows, and the columns that nobody uses any more."""
        self.lengths = [self.lengths[row] for row in rows]
        n_columns = max(self.lengths)
        for layer in self.cache.layers:
            layer.keys = layer.keys[list(rows), :, -n_columns:]
            layer.values = layer.values[list(rows), :, -n_columns:]

    def mask(self, device: torch.device) -> Tensor:
        """Which columns each row may see in the next step: ``[rows, columns + 1]``, int64."""
        lengths = torch.tensor(self.lengths, device=device)
        n_columns = max(self.lengths) + 1
        from_right = torch.arange(n_columns - 1, -1, -1, device=device)
        return (from_right <= lengths[:, None]).to(torch.int64)

    def positions(self, device: torch.device) -> Tensor:
        """The position of each row's next token: ``[rows, 1]``, int64."""
        return torch.tensor(self.lengths, device=device)[:, None]

    def grew(self) -> None:
        """A step has appended one column."""
        self.lengths = [length + 1 for length in self.lengths]


def _widened(tensor: Tensor, n_columns: int) -> Tensor:
    return pad(tensor, (0, 0, n_columns - tensor.shape[-2], 0))
