"""How arrays, tensors and tables are kept.

An array is copied. A frame of pandas 3 is not: it shares its columns with the copy until one of the
two is written to. Only what its extension columns (text, categories, nullable numbers) hold is
copied as well, since writing through ``.array`` goes past that mechanism.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from notebook_agents.live.copies import loaded

SHARING_PANDAS = 3
"""The first version whose frames share columns until one is written to."""


class Arrays:
    """numpy.ndarray."""

    def size_bytes(self, target: Any) -> int:
        """Of the elements."""
        return int(target.nbytes)

    def children(self, target: Any) -> Iterable[Any]:
        """The elements, where they are objects."""
        return target.ravel().tolist() if target.dtype == object else ()

    def capture(self, target: Any) -> Any:
        """A copy."""
        return target.copy()

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether shape, type and every element are the same."""
        if target.shape != state.shape or target.dtype != state.dtype:
            return False
        if target.dtype == object:
            pairs = zip(target.ravel().tolist(), state.ravel().tolist(), strict=True)
            return all(a is b for a, b in pairs)
        if target.flags.c_contiguous and state.flags.c_contiguous:
            numpy = loaded("numpy")
            some, other = (a.reshape(-1).view(numpy.uint8) for a in (target, state))
            return bool(numpy.array_equal(some, other))
        return bool(target.tobytes() == state.tobytes())

    def restore(self, target: Any, state: Any) -> None:
        """Write the elements back, so that views see them too."""
        if target.shape != state.shape:
            target.resize(state.shape, refcheck=False)
        target[...] = state


class Frames:
    """pandas.DataFrame and pandas.Series."""

    def size_bytes(self, target: Any) -> int:
        """Of what has to be copied."""
        columns = _columns(target)
        if not is_sharing():
            return int(sum(column.nbytes for column in columns))
        return int(sum(column.nbytes for column in columns if _is_extension(column)))

    def children(self, target: Any) -> Iterable[Any]:
        """The values in columns of objects."""
        return [
            value
            for column in _columns(target)
            if column.dtype == object
            for value in column.tolist()
        ]

    def capture(self, target: Any) -> Any:
        """A frame that shares what can be shared."""
        kept = target.copy(deep=not is_sharing())
        if not is_sharing():
            return kept
        if kept.ndim == 1:
            return target.copy(deep=True) if _is_extension(target) else kept
        for position in range(kept.shape[1]):
            column = kept.iloc[:, position]
            if _is_extension(column):
                kept.isetitem(position, column.array.copy())
        return kept

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether labels, types and values are the same."""
        if target.attrs != state.attrs or not _has_same_labels(target, state):
            return False
        return bool(target.equals(state))

    def restore(self, target: Any, state: Any) -> None:
        """Put the contents back the way that unpickling does."""
        target.__setstate__(self.capture(state).__getstate__())


class Tensors:
    """torch.Tensor and its parameters; those of a GPU are kept in the machine's memory."""

    def size_bytes(self, target: Any) -> int:
        """Of the elements."""
        return int(target.numel() * target.element_size())

    def children(self, target: Any) -> Iterable[Any]:
        """Its gradient."""
        return () if not target.is_leaf or target.grad is None else (target.grad,)

    def capture(self, target: Any) -> Any:
        """A copy, which gradient it had, and whether it wants one."""
        values = target.detach().to("cpu", copy=True)
        return values, (target.grad if target.is_leaf else None), target.requires_grad

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether the elements are equal, bit by bit, and the gradient is the same object."""
        values, grad, requires_grad = state
        now = target.detach()
        if now.shape != values.shape or now.dtype != values.dtype:
            return False
        if target.is_leaf and (target.grad is not grad or target.requires_grad != requires_grad):
            return False
        torch = loaded("torch")
        bits = now.to("cpu").contiguous().flatten().view(torch.uint8) if now.numel() else now
        kept = values.contiguous().flatten().view(torch.uint8) if now.numel() else values
        return bool(torch.equal(bits, kept))

    def restore(self, target: Any, state: Any) -> None:
        """Write the elements back, so that what shares them sees them too."""
        values, grad, requires_grad = state
        if target.shape == values.shape and target.dtype == values.dtype:
            target.detach().copy_(values)
        else:
            target.data = values.to(target.device, copy=True)
        if target.is_leaf:
            target.requires_grad_(requires_grad)
            target.grad = grad


def is_sharing() -> bool:
    """Whether copies of frames share their columns until one is written to."""
    version = getattr(loaded("pandas"), "__version__", "0")
    return int(version.split(".")[0]) >= SHARING_PANDAS


def _columns(target: Any) -> list[Any]:
    if target.ndim == 1:
        return [target]
    return [target.iloc[:, position] for position in range(target.shape[1])]


def _is_extension(column: Any) -> bool:
    numpy = loaded("numpy")
    return not isinstance(column.dtype, numpy.dtype)


def _has_same_labels(some: Any, other: Any) -> bool:
    if some.ndim != other.ndim or some.shape != other.shape:
        return False
    if some.ndim == 1 and some.name != other.name:
        return False
    return all(
        a is b or (a.identical(b) and a.dtype == b.dtype)
        for a, b in zip(some.axes, other.axes, strict=True)
    )
