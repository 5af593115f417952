"""The forward pass of a small Qwen3 model, in few and plain tensor operations.

A model of some million parameters spends its time in Python and in launching operations, not in
arithmetic. So projections that read the same input are one matrix here, norm weights are part of
the matrices behind them, and each row has a cache of its final size. Everything is float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

from notebook_agents.engine.model import LoadedModel
from notebook_agents.engine.scheduler import Row

MOST_PARAMETERS = 50_000_000
"""Above, arithmetic dominates, and a second copy of the weights in float32 is not small."""
MOST_POSITIONS = 8192
"""Above, a row's cache of its final size is not small either."""


def is_small(model: LoadedModel) -> bool:
    """Whether `SmallRunner` computes this model."""
    config = model.model.config
    return (
        config.model_type == "qwen3"
        and (model.info.n_parameters or 0) <= MOST_PARAMETERS
        and model.context_length <= MOST_POSITIONS
        and set(config.layer_types) == {"full_attention"}
        and config.rope_parameters["rope_type"] == "default"
        and config.hidden_act == "silu"
        and not config.attention_bias
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of one layer; matrices are ``[inputs, outputs]``."""

    qkv: Tensor
    qk_norm: Tensor
    """``[query heads + key heads, head_dim]``; the scale of the attention is in it."""
    out: Tensor
    gate_up: Tensor
    down: Tensor


class SmallRunner:
    """A ModelRunner for models that are small (`is_small`)."""

    def __init__(self, model: LoadedModel) -> None:
        config, network = model.model.config, model.model.model
        self._device = model.device
        sizes = (config.hidden_size, config.head_dim)
        # As tensors: a Python number costs more than the addition.
        self._eps = {n: torch.tensor(n * config.rms_norm_eps, device=self._device) for n in sizes}
        self._n_kv_heads: int = config.num_key_value_heads
        self._n_qk_heads: int = config.num_attention_heads + config.num_key_value_heads
        self._head_dim: int = config.head_dim
        self._layers = [_fused(layer, config) for layer in network.layers]
        self._embedding = network.embed_tokens.weight.detach().float()
        self._head = _behind(network.norm, model.model.lm_head)
        self._cos, self._sin = _rotations(network, model.context_length)
        self._caches: dict[Row, Tensor] = {}

    def read(self, row: Row, n_tokens: int) -> Tensor:
        """Read the next tokens of a row's prompt; logits ``[vocab]`` after the last of them."""
        if row not in self._caches:
            self._caches[row] = self._empty_cache(len(row.prompt_ids) + row.max_tokens)
        begin, row.n_read = row.n_read, row.n_read + n_tokens
        hidden = self._run(row.prompt_ids[begin : row.n_read], [(self._caches[row], begin)])
        return self._logits(hidden[-1:])[0]

    def decode(self, rows: Sequence[Row]) -> Tensor:
        """Append each row's last token; logits ``[rows, vocab]`` for the next."""
        places = [(self._caches[row], len(row.prompt_ids) + len(row.tokens) - 1) for row in rows]
        return self._logits(self._run([row.tokens[-1] for row in rows], places))

    def release(self, row: Row) -> None:
        """Forget the row's keys and values."""
        self._caches.pop(row, None)

    @property
    def kv_bytes(self) -> int:
        """What keys and values of all rows take now; another thread may ask."""
        return sum(cache.nbytes for cache in self._caches.copy().values())

    def _empty_cache(self, n_columns: int) -> Tensor:
        """``[layers, keys and values, heads, columns, head_dim]``, not filled."""
        shape = (len(self._layers), 2, self._n_kv_heads, n_columns, self._head_dim)
        return torch.empty(shape, device=self._device)

    def _run(self, ids: Sequence[int], places: Sequence[tuple[Tensor, int]]) -> Tensor:
        """Hidden states ``[ids, size]``: all tokens of one row, or the next one of each.

        ``places`` has each row's cache and the column of its first token.
        """
        n_each = len(ids) // len(places)
        spans = [slice(first, first + n_each) for first in range(0, len(ids), n_each)]
        cos, sin = (
            torch.cat([table[at : at + n_each] for _, at in places])
            for table in (self._cos, self._sin)
        )
        hidden: Tensor = self._embedding[torch.tensor(ids, device=self._device)]
        for number, layer in enumerate(self._layers):
            qkv = (self._normed(hidden) @ layer.qkv).view(len(ids), -1, self._head_dim)
            qk, v = qkv[:, : self._n_qk_heads], qkv[:, self._n_qk_heads :]
            qk = self._normed(qk) * layer.qk_norm
            qk = torch.addcmul(qk * cos, qk.roll(self._head_dim // 2, -1), sin)
            mixed = [
                self._attend(cache[number], at, qk[span], v[span])
                for (cache, at), span in zip(places, spans, strict=True)
            ]
            hidden = hidden + torch.cat(mixed) @ layer.out
            gate, up = (self._normed(hidden) @ layer.gate_up).chunk(2, -1)
            hidden = hidden + (silu(gate) * up) @ layer.down
        return hidden

    def _attend(self, cache: Tensor, at: int, qk: Tensor, v: Tensor) -> Tensor:
        """Values ``[columns, heads * head_dim]`` for the next columns of a row.

        ``cache`` is one layer's, ``[2, heads, columns, head_dim]``; it takes keys and values in.
        """
        n, n_queries, end = len(v), self._n_qk_heads - self._n_kv_heads, at + len(v)
        cache[0, :, at:end] = qk[:, n_queries:].transpose(0, 1)
        cache[1, :, at:end] = v.transpose(0, 1)
        # The query heads of one key head stand one after the other.
        q = qk[:, :n_queries].view(n, self._n_kv_heads, -1, self._head_dim).permute(1, 2, 0, 3)
        scores = torch.bmm(q.flatten(1, 2), cache[0, :, :end].mT)
        if n > 1:
            future = torch.ones(n, end, dtype=torch.bool, device=self._device).triu(at + 1)
            scores.view(self._n_kv_heads, -1, n, end).masked_fill_(future, -torch.inf)
        mixed = torch.bmm(scores.softmax(-1), cache[1, :, :end])
        by_head = mixed.view(self._n_kv_heads, -1, n, self._head_dim)
        return by_head.permute(2, 0, 1, 3).flatten(1)

    def _normed(self, x: Tensor) -> Tensor:
        """RMS norm but for a factor of ``size ** -0.5``, which the weights behind it make good."""
        return x * ((x * x).sum(-1, keepdim=True) + self._eps[x.shape[-1]]).rsqrt_()

    def _logits(self, hidden: Tensor) -> Tensor:
        return self._normed(hidden) @ self._head


def _fused(layer: Any, config: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    q_norm = _norm_weight(attention.q_norm) * attention.scaling
    norms = [
        q_norm.expand(config.num_attention_heads, -1),
        _norm_weight(attention.k_norm).expand(config.num_key_value_heads, -1),
    ]
    return _Layer(
        qkv=_behind(layer.input_layernorm, attention.q_proj, attention.k_proj, attention.v_proj),
        qk_norm=torch.cat(norms),
        out=_behind(None, attention.o_proj),
        gate_up=_behind(layer.post_attention_layernorm, mlp.gate_proj, mlp.up_proj),
        down=_behind(None, mlp.down_proj),
    )


def _behind(norm: Any, *projections: Any) -> Tensor:
    """Projections of the same input as one matrix, with the weight of the norm before them."""
    matrix = torch.cat([projection.weight.detach().float() for projection in projections])
    if norm is not None:
        matrix = matrix * _norm_weight(norm)
    return matrix.t().contiguous()


def _norm_weight(norm: Any) -> Tensor:
    weight: Tensor = norm.weight.detach().float()
    return weight * math.sqrt(len(weight))


def _rotations(network: Any, n_columns: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines ``[columns, 1, head_dim]`` by which keys and queries turn.

    The first half of the sines is negative: a vector turns by adding itself, rolled by one half.
    """
    weight = network.embed_tokens.weight
    positions = torch.arange(n_columns, device=weight.device)[None]
    cos, sin = network.rotary_emb(weight.float(), positions)
    low, high = sin[0].chunk(2, -1)
    return cos[0][:, None].clone(), torch.cat([-low, high], -1)[:, None]
