"""The network: the Qwen3 architecture in a few lines, with the parameter names of transformers.

While training, matrix products and attention run in bfloat16 where the processor has instructions
for it, and norms, rotations and the residual stream in float32. The state dict loads into
`Qwen3ForCausalLM` unchanged; a test compares logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_PIECE = 96
"""Queries of one product on a CPU; measured best between 64 and 128."""


@dataclass(frozen=True)
class Shape:
    """The sizes of the network."""

    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    head_width: int = 32
    hidden: int = 384
    positions: int = 2048
    rope_base: float = 10_000.0
    epsilon: float = 1e-6


class Linear(nn.Linear):
    """A matrix without bias, which multiplies and returns the working type."""

    working = torch.float32
    """The trainer sets another one for as long as it trains."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply `x` [..., in] to [..., out]."""
        return functional.linear(x.to(self.working), self.weight.to(self.working))


@cache
def fastest_type(device: str) -> torch.dtype:
    """The type a kind of device multiplies fastest: a CPU may only emulate bfloat16."""
    known = torch.cpu.get_capabilities() if device == "cpu" else {"bf16": True}
    has_bfloat16 = any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.bfloat16 if has_bfloat16 else torch.float32


class Norm(nn.Module):
    """Root mean square normalisation (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension of `x`."""
        return functional.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


class Attention(nn.Module):
    """Causal attention with normalised queries and keys and rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inner = shape.heads * shape.head_width
        self.shape = shape
        self.q_proj = Linear(shape.width, inner, bias=False)
        self.k_proj = Linear(shape.width, inner, bias=False)
        self.v_proj = Linear(shape.width, inner, bias=False)
        self.o_proj = Linear(inner, shape.width, bias=False)
        self.q_norm = Norm(shape.head_width, shape.epsilon)
        self.k_norm = Norm(shape.head_width, shape.epsilon)

    def prepare(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [batch, heads, sequence, head width] of `x`."""
        batch, length, _ = x.shape
        parts = (batch, length, self.shape.heads, self.shape.head_width)
        q = rotate(self.q_norm(self.q_proj(x).float().view(parts)).transpose(1, 2), rope)
        k = rotate(self.k_norm(self.k_proj(x).float().view(parts)).transpose(1, 2), rope)
        v = self.v_proj(x).view(parts).transpose(1, 2)
        return q.to(v.dtype).contiguous(), k.to(v.dtype).contiguous(), v.contiguous()

    def finish(self, mixed: Tensor) -> Tensor:
        """Join what the heads found."""
        found: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(2))
        return found


class FeedForward(nn.Module):
    """The gated layer SwiGLU (Shazeer 2020)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform every state of `x` [batch, sequence, width]."""
        mixed: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return mixed


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm and added to its input."""

    compiled = False
    """Whether all but the attention itself, whose pieces depend on the length, is compiled."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = Norm(shape.width, shape.epsilon)
        self.post_attention_layernorm = Norm(shape.width, shape.epsilon)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        """Update the states `x` [batch, sequence, width]."""
        before, after = (
            (_compiled(_before), _compiled(_after)) if self.compiled else (_before, _after)
        )
        updated: Tensor = after(self, x, attention(*before(self, x, rope)))
        return updated


def _before(layer: Layer, x: Tensor, rope: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    return layer.self_attn.prepare(layer.input_layernorm(x), rope)


def _after(layer: Layer, x: Tensor, mixed: Tensor) -> Tensor:
    x = x + layer.self_attn.finish(mixed)
    updated: Tensor = x + layer.mlp(layer.post_attention_layernorm(x))
    return updated


@cache
def _compiled(part: Callable[..., Any]) -> Callable[..., Any]:
    """One program for all layers and all lengths."""
    return torch.compile(part, dynamic=True)


class Backbone(nn.Module):
    """Embedding, layers and last norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.epsilon)
        self.shape = shape

    def forward(self, tokens: Tensor) -> Tensor:
        """Turn tokens [batch, sequence] into states [batch, sequence, width]."""
        cosine, sine = rotations(self.shape, tokens.shape[1])
        rope = cosine.to(tokens.device), sine.to(tokens.device)
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, rope)
        normed: Tensor = self.norm(x)
        return normed


class TinyModel(nn.Module):
    """The whole network; the embedding is the output matrix too."""

    def __init__(self, shape: Shape, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.model = Backbone(shape)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                spread = 0.05 if "embed" in name else weight.shape[1] ** -0.5
                nn.init.normal_(weight, std=spread, generator=generator)

    def forward(self, tokens: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Logits [batch, sequence, vocabulary], or [n, vocabulary] of the wanted places."""
        states = self.model(tokens)
        if wanted is not None:
            states = states[wanted]
        weight = self.model.embed_tokens.weight
        return functional.linear(states.to(Linear.working), weight.to(Linear.working)).float()


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of [batch, heads, sequence, head width].

    In training on a CPU plain products of pieces of the queries with the keys before them take half
    the time of the fused kernel.
    """
    if q.is_cuda or not q.requires_grad:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    flat = (part.flatten(0, 1) for part in (q, k, v))
    mixed: Tensor = _PiecewiseAttention.apply(*flat)  # type: ignore[no-untyped-call]
    return mixed.view_as(q)


class _PiecewiseAttention(torch.autograd.Function):
    """Causal attention of [n, sequence, head width], gradients summed in place."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Mix the values piece by piece."""
        mixed, shares, scale = torch.empty_like(q), [], q.shape[2] ** -0.5
        mask = torch.ones(_PIECE, _PIECE, dtype=torch.bool).triu(1)
        for begin, end in _pieces(q.shape[1]):
            scores = torch.bmm(q[:, begin:end], k[:, :end].mT).mul_(scale)
            scores[:, :, begin:].masked_fill_(mask[: end - begin, : end - begin], -torch.inf)
            shares.append(scores.softmax(-1))
            mixed[:, begin:end] = torch.bmm(shares[-1], v[:, :end])
        ctx.save_for_backward(q, k, v, *shares)
        return mixed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of queries, keys and values."""
        q, k, v, *shares = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for (begin, end), share in zip(_pieces(q.shape[1]), shares, strict=True):
            part = gradient[:, begin:end]
            dv[:, :end] += torch.bmm(share.mT, part)
            change = torch.bmm(part, v[:, :end].mT)
            change = torch._softmax_backward_data(change, share, -1, share.dtype)
            dq[:, begin:end] = torch.bmm(change, k[:, :end])
            dk[:, :end] += torch.bmm(change.mT, q[:, begin:end])
        scale = q.shape[2] ** -0.5
        return dq.mul_(scale), dk.mul_(scale), dv


def _pieces(length: int) -> list[tuple[int, int]]:
    return [(begin, min(length, begin + _PIECE)) for begin in range(0, length, _PIECE)]


def rotations(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the rotary positions [length, head width]."""
    half = torch.arange(0, shape.head_width, 2, dtype=torch.float32) / shape.head_width
    angles = torch.arange(length, dtype=torch.float32)[:, None] * shape.rope_base**-half
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of numbers by their position (Su et al. 2021), halves as transformers has them."""
    first, second = x.chunk(2, dim=-1)
    return x * rope[0] + torch.cat((-second, first), dim=-1) * rope[1]
