"""Precisions of numbers: how many bytes a value has, and what computes with it."""

from __future__ import annotations

from collections.abc import Mapping

BYTES_PER_VALUE: Mapping[str, float] = {
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.5,
}
"""Bytes of one weight."""
COMPUTED_AS: Mapping[str, str] = {"int4": "fp16"}
"""Weights of 4 bits are unpacked and multiplied at 16 (Lin et al. 2023, AWQ)."""
ALIASES: Mapping[str, str] = {
    "float32": "fp32",
    "float16": "fp16",
    "half": "fp16",
    "bfloat16": "bf16",
    "float8": "fp8",
    "w8a8": "int8",
    "awq": "int4",
    "gptq": "int4",
}
DEFAULT_PRECISION = "fp16"
LOWER: Mapping[str, tuple[str, ...]] = {
    "fp32": ("bf16", "fp16"),
    "tf32": ("bf16", "fp16"),
    "bf16": ("fp8", "int8", "int4"),
    "fp16": ("fp8", "int8", "int4"),
    "fp8": ("int4",),
    "int8": ("int4",),
    "int4": (),
}
"""What a model at a precision could be served at instead."""
TRAINABLE = ("fp32", "tf32", "bf16", "fp16")
"""Precisions a training job may change to."""
