"""Arrays of numpy and tensors of torch: shape, type, device, and what their values are like.

Of more than a hundred thousand values some at equal distances are read. A tensor on a GPU is read
only while the GPU has nothing else to do: to wait for it could take as long as the person's work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from notebook_agents.live.describe_classes import class_name, is_a, loaded
from notebook_agents.live.describe_words import Look, counted, number, size_text

MAX_READ_VALUES = 100_000
MAX_READ_MAPPED = 1_000
"""Of an array that is in a file: each value may be one access to the disk."""
FIRST_VALUES = 6
_PERCENTILES = (5, 25, 50, 75, 95)


def is_array(value: object) -> bool:
    """Whether it is an array of numpy."""
    return is_a(value, "numpy", "ndarray")


def is_tensor(value: object) -> bool:
    """Whether it is a tensor of torch."""
    return is_a(value, "torch", "Tensor")


def array_head(value: Any, _look: Look) -> str:
    """``ndarray, shape (3, 4), float64, 96 bytes``."""
    array = plain_array(value)
    size = size_text(int(array.nbytes))
    return f"{class_name(type(value))}, shape {array.shape}, {str(array.dtype)[:80]}, {size}"


def array_more(value: Any, look: Look) -> Iterator[str]:
    """Range, mean, values that are no numbers, and the first ones."""
    array = plain_array(value)
    is_mapped = is_a(value, "numpy", "memmap")
    sample = _sample(array, MAX_READ_MAPPED if is_mapped else MAX_READ_VALUES)
    if sample.size and sample.dtype.kind in "iufb":
        yield _array_facts(sample, is_all=sample.size == array.size)
        if look.is_thorough and sample.dtype.kind in "iuf":
            yield from _array_percentiles(sample)
    if sample.size:
        first = sample.reshape(-1)[:FIRST_VALUES].tolist()
        if type(first) is list:
            yield f"first: {', '.join(look.cell(cell) for cell in first)}"


def plain_array(value: Any) -> Any:
    """The same data as an array of numpy's own class."""
    numpy = loaded("numpy")
    kind = numpy["ndarray"]
    return value if type(value) is kind else kind.view(value, kind)


def _sample(array: Any, max_values: int) -> Any:
    """Some of the values, without a copy of all."""
    if array.size <= max_values:
        return array
    if array.flags.c_contiguous:
        return array.reshape(-1)[:: -(-array.size // max_values)]
    steps, left = [], max_values
    for place, length in enumerate(array.shape):
        wanted = max(1, round(left ** (1 / (len(array.shape) - place))))
        step = max(1, -(-length // wanted))
        left = max(1, left // max(1, -(-length // step)))
        steps.append(slice(None, None, step))
    return array[tuple(steps)]


def _array_facts(sample: Any, *, is_all: bool) -> str:
    numpy, kind = loaded("numpy"), sample.dtype.kind
    about = "" if is_all else f" (of {counted(sample.size, 'value')} read)"
    if kind == "b":
        return f"{int(sample.sum()):,} true{about}"
    n_nan = int(numpy["isnan"](sample).sum()) if kind == "f" else 0
    if n_nan == sample.size:
        return f"all nan{about}"
    low = numpy["fmin"].reduce(sample, axis=None)
    high = numpy["fmax"].reduce(sample, axis=None)
    mean = numpy["nanmean" if n_nan else "mean"](sample, dtype="float64")
    facts = f"min {number(low.item())}, mean {number(float(mean))}, max {number(high.item())}"
    return f"{facts}, {n_nan:,} nan{about}" if kind == "f" else f"{facts}{about}"


def _array_percentiles(sample: Any) -> Iterator[str]:
    found = loaded("numpy")["nanpercentile"](sample.astype("float64"), _PERCENTILES)
    texts = (f"{share}% {number(float(v))}" for share, v in zip(_PERCENTILES, found, strict=True))
    yield f"percentiles: {', '.join(texts)}"


def tensor_head(value: Any, _look: Look) -> str:
    """``Tensor, shape (3, 4), float32, cuda:0, requires grad, 48 bytes``."""
    tensor = plain_tensor(value)
    shape, kind = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    facts = [class_name(type(value)), f"shape {shape}", kind, str(tensor.device)]
    parts = loaded("torch")["_C"]
    with parts.DisableTorchFunctionSubclass():
        if parts.TensorBase.requires_grad.__get__(value):
            facts.append("requires grad")
    facts.append(size_text(math.prod(shape) * tensor.element_size()))
    return ", ".join(facts)


def tensor_more(value: Any, look: Look) -> Iterator[str]:
    """Range, mean, values that are no numbers, and the first ones."""
    yield from _tensor_lines(plain_tensor(value), look)


def plain_tensor(value: Any) -> Any:
    """The same data as a tensor of torch's own class, outside of any gradient."""
    torch = loaded("torch")
    # Inside, a class of the notebook that is derived from Tensor is not asked.
    with torch["_C"].DisableTorchFunctionSubclass():
        return torch["_C"].TensorBase.detach(value)


def is_idle(device: Any) -> bool:
    """Whether reading from a device waits for nothing."""
    if device.type == "cpu":
        return True
    if device.type != "cuda":
        return False
    return bool(loaded("torch")["cuda"].current_stream(device).query())


def _tensor_lines(tensor: Any, look: Look) -> Iterator[str]:
    torch = loaded("torch")
    if tensor.is_sparse or tensor.is_quantized or not tensor.numel():
        return
    if not is_idle(tensor.device):
        yield f"values not read: {tensor.device} is at work"
        return
    sample = tensor.reshape(-1) if tensor.is_contiguous() else tensor.flatten()[:MAX_READ_VALUES]
    sample = sample[:: -(-sample.numel() // MAX_READ_VALUES)]
    about = "" if sample.numel() == tensor.numel() else f" (of {sample.numel():,} values read)"
    if sample.dtype == torch["bool"]:
        yield f"{int(sample.sum()):,} true{about}"
    elif not sample.is_complex():
        yield f"{_tensor_facts(sample, torch)}{about}"
    first = sample[:FIRST_VALUES].tolist()
    yield f"first: {', '.join(look.cell(cell) for cell in first)}"


def _tensor_facts(sample: Any, torch: dict[str, Any]) -> str:
    values = sample.to(torch["float64"] if sample.is_floating_point() else torch["int64"])
    is_nan = values != values
    n_nan = int(is_nan.sum())
    if n_nan == values.numel():
        return "all nan"
    rest = values[~is_nan] if n_nan else values
    low, high, mean = rest.min().item(), rest.max().item(), rest.double().mean().item()
    facts = f"min {number(low)}, mean {number(mean)}, max {number(high)}"
    return f"{facts}, {n_nan:,} nan" if sample.is_floating_point() else facts
