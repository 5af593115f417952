"""The forward passes of one model, on transformers' own modules and caches.

A prompt is read into a cache of its own; from its first token on, a row decodes in one batch with
the others. Models whose cache is not plain keys and values (sliding windows, recurrent states)
decode row by row: slower, and right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache

from notebook_agents.engine.cache import BatchCache, bytes_of, is_filled
from notebook_agents.engine.model import LoadedModel
from notebook_agents.engine.scheduler import Row


class ModelRunner(Protocol):
    """Computes logits for the rows of one model."""

    def read(self, row: Row, n_tokens: int) -> Tensor:
        """Read the next tokens of a row's prompt; logits ``[vocab]`` after the last of them."""
        ...

    def decode(self, rows: Sequence[Row]) -> Tensor:
        """Append each row's last token; logits ``[rows, vocab]`` for the next."""
        ...

    def release(self, row: Row) -> None:
        """Give back what is kept for a row."""
        ...

    @property
    def kv_bytes(self) -> int:
        """What keys and values of all rows take now; another thread may ask."""
        ...


class _Batch:
    """Rows that step together."""

    def __init__(self, row: Row, cache: BatchCache) -> None:
        self.rows = [row]
        self.cache = cache

    def remove(self, row: Row) -> None:
        place = self.rows.index(row)
        del self.rows[place]
        if self.rows:
            self.cache.keep([i for i in range(len(self.rows) + 1) if i != place])


class TransformersRunner:
    """The reference ModelRunner."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._reading: dict[Row, DynamicCache] = {}
        self._batches: list[_Batch] = []
        self._can_merge = model.has_plain_cache and "position_ids" in model.forward_options

    def read(self, row: Row, n_tokens: int) -> Tensor:
        """One piece of the prompt; after the last the row is ready to decode."""
        cache = self._reading.setdefault(row, DynamicCache(config=self._model.model.config))
        end = row.n_read + n_tokens
        positions = torch.arange(row.n_read, end, device=self._model.device)[None]
        ids = torch.tensor([row.prompt_ids[row.n_read : end]], device=self._model.device)
        mask = torch.ones(1, end, dtype=torch.int64, device=self._model.device)
        logits = self._forward(ids, mask, positions, cache)
        row.n_read = end
        if row.is_read:
            self._join(row, self._reading.pop(row))
        return logits[0]

    def decode(self, rows: Sequence[Row]) -> Tensor:
        """One forward pass per batch; there is one batch where the model's cache allows it."""
        found: dict[Row, Tensor] = {}
        wanted = set(rows)
        for batch in [b for b in self._batches if wanted.intersection(b.rows)]:
            found.update(zip(batch.rows, self._step(batch), strict=True))
        return torch.stack([found[row] for row in rows])

    def release(self, row: Row) -> None:
        """Forget the row, wherever it stands."""
        self._reading.pop(row, None)
        for batch in self._batches:
            if row in batch.rows:
                batch.remove(row)
        self._batches = [batch for batch in self._batches if batch.rows]

    @property
    def kv_bytes(self) -> int:
        """What keys and values of all rows take now; another thread may ask."""
        caches = [*self._reading.copy().values(), *(b.cache.cache for b in tuple(self._batches))]
        return sum(bytes_of(cache) for cache in caches)

    def _join(self, row: Row, cache: DynamicCache) -> None:
        length = len(row.prompt_ids)
        if self._batches and self._can_merge and is_filled(cache):
            self._batches[0].cache.append(cache, length)
            self._batches[0].rows.append(row)
        else:
            self._batches.append(_Batch(row, BatchCache(cache, length)))

    def _step(self, batch: _Batch) -> Tensor:
        device = self._model.device
        ids = torch.tensor([[row.tokens[-1]] for row in batch.rows], device=device)
        mask, positions = batch.cache.mask(device), batch.cache.positions(device)
        logits = self._forward(ids, mask, positions, batch.cache.cache)
        batch.cache.grew()
        return logits

    def _forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
        """Logits ``[rows, vocab]`` after the last column of ``ids``."""
        options: dict[str, Any] = {"position_ids": positions, "logits_to_keep": 1}
        known = {k: v for k, v in options.items() if k in self._model.forward_options}
        output = self._model.model(
            input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **known
        )
        logits: Tensor = output.logits[:, -1]
        return logits
