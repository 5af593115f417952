"""What a fingerprint is made of, for each kind of value.

Checksums are of all bytes up to a megabyte, of more of values at equal distances. Elements that are
neither plain values nor containers count by their identity.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

from notebook_agents.core.masking import is_secret_name
from notebook_agents.live.describe_arrays import (
    is_array,
    is_idle,
    is_tensor,
    plain_array,
    plain_tensor,
)
from notebook_agents.live.describe_classes import (
    class_name,
    instance_dict,
    is_a,
    library_of,
    loaded,
)
from notebook_agents.live.describe_code import is_class, is_function, is_module
from notebook_agents.live.describe_figures import is_figure
from notebook_agents.live.describe_frames import (
    dtype_text,
    is_frame,
    is_series,
    plain_frame,
    plain_series,
)
from notebook_agents.live.describe_models import (
    estimator_parameters,
    is_estimator,
    is_fitted,
    is_network,
    network_parameters,
)
from notebook_agents.live.describe_values import base_container, is_container, length
from notebook_agents.live.describe_words import Look, counted, is_written_safely

MAX_READ_BYTES = 1 << 20
MAX_PARTS = 200
"""Columns, keys and parameters that are told apart."""
SAMPLE_ROWS = 512
SAMPLE_COLUMNS = 48
MAX_CELLS = 20_000
"""Of a frame that is read in full."""
MAX_ELEMENTS = 1_000
MAX_DEPTH = 3
MAX_PARAMETERS = 200
MAX_TEXT = 40
_SCALARS = frozenset({str, int, float, bool, type(None), bytes})
_HASHED_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_MOMENTS = frozenset({"DatetimeArray", "TimedeltaArray", "PeriodArray"})
_MASKED = frozenset({"IntegerArray", "FloatingArray", "BooleanArray"})
_SHORT = (int, float, bool, str, complex)


def size_of(value: Any) -> str:
    """Rows, shape or elements."""
    if is_frame(value):
        return counted(plain_frame(value).shape[0], "row")
    if is_series(value):
        return counted(len(plain_series(value)), "value")
    if is_array(value):
        return f"shape {plain_array(value).shape}"
    if is_tensor(value):
        return f"shape {tuple(plain_tensor(value).shape)}"
    if is_container(value):
        return counted(length(value), "element")
    if type(value) in (str, bytes) and len(value) > MAX_TEXT:
        return counted(len(value), "character" if type(value) is str else "byte")
    if library_of(type(value)) == "polars" and is_a(value, "polars", "DataFrame"):
        return counted(value.height, "row")
    if library_of(type(value)) == "pyarrow" and is_a(value, "pyarrow", "Table"):
        return counted(value.num_rows, "row")
    return ""


def text_of(value: Any, look: Look) -> str:
    """A short value itself."""
    is_short = type(value) is not str or len(value) <= MAX_TEXT
    return look.cell(value) if type(value) in _SHORT and is_short else ""


def state_of(value: Any) -> str:
    """What a model has been through, and where a tensor is."""
    if is_estimator(value):
        return "fitted" if is_fitted(value) else "not fitted"
    if is_network(value):
        state = "training" if instance_dict(value).get("training") else "evaluating"
        devices = sorted({str(p.device) for p in islice(network_parameters(value), MAX_PARAMETERS)})
        return ", ".join(["in mode", state, *devices]).replace("mode,", "mode")
    if is_tensor(value):
        tensor = plain_tensor(value)
        return f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
    return str(plain_array(value).dtype)[:60] if is_array(value) else ""


def parts_of(value: Any, look: Look) -> dict[str, str]:
    """Columns with their types, or parameters with their values."""
    if is_frame(value):
        frame = plain_frame(value)
        labels = frame.columns[:MAX_PARTS]
        dtypes = frame.dtypes.iloc[:MAX_PARTS]
        pairs = zip(labels, dtypes, strict=True)
        return {f"column {look.label(label)}": dtype_text(dtype) for label, dtype in pairs}
    if is_series(value):
        return {"values": dtype_text(plain_series(value).dtype)}
    if library_of(type(value)) == "polars" and is_a(value, "polars", "DataFrame"):
        pairs = zip(value.columns[:MAX_PARTS], value.dtypes[:MAX_PARTS], strict=True)
        return {f"column {look.label(label)}": str(dtype) for label, dtype in pairs}
    if is_estimator(value):
        return {
            name: "" if is_secret_name(name) else look.cell(given)
            for name, given, _default in estimator_parameters(value)
        }
    return {}


def digest_of(value: Any) -> int:
    """A checksum of the content, or of what can be read of it quickly."""
    if is_frame(value):
        return _frame_digest(plain_frame(value))
    if is_series(value):
        return _series_digest(plain_series(value))
    if is_array(value):
        return _array_digest(plain_array(value))
    if is_tensor(value):
        return _tensor_digest(value)
    if is_estimator(value):
        learned = instance_dict(value)
        return _mixed(_attribute_digest(v) for v in list(learned.values())[:MAX_PARTS])
    if is_network(value):
        return _mixed(map(_tensor_digest, islice(network_parameters(value), MAX_PARAMETERS)))
    if is_figure(value) or is_module(value):
        return id(value)
    if is_function(value):
        return hash(getattr(value, "__code__", id(value)))
    if is_class(value):
        return id(value)
    return _element_digest(value, MAX_DEPTH)


def _frame_digest(frame: Any) -> int:
    n_rows, n_columns = frame.shape
    positions = range(0, n_columns, max(1, -(-n_columns // SAMPLE_COLUMNS)))
    is_whole = n_rows * n_columns <= MAX_CELLS
    columns = (_series_digest(frame.iloc[:, place], is_whole=is_whole) for place in positions)
    return _mixed((n_rows, n_columns, *columns))


def _series_digest(series: Any, *, is_whole: bool = False) -> int:
    """Bytes of numbers, and of other values their own hashes."""
    values = series.array
    if library_of(type(values)) != "pandas":
        return id(series)
    step = 1 if is_whole else max(1, -(-len(values) // SAMPLE_ROWS))
    if library_of(type(values.dtype)) == "numpy" and values.dtype.kind != "O":
        array = values.to_numpy()
        return _array_digest(array if array.nbytes <= MAX_READ_BYTES // 8 else array[::step])
    if library_of(type(values.dtype)) == "numpy":
        return _cells_digest(values.to_numpy()[::step].tolist())
    values, name = values[::step], class_name(type(values))
    if name == "Categorical":
        return _array_digest(values.codes)
    if name in _MOMENTS:
        return _array_digest(values.asi8)
    if name in _MASKED:
        return _mixed((_array_digest(values._data), _array_digest(values._mask)))
    return _cells_digest(values.astype(object).tolist())


def _cells_digest(cells: list[Any]) -> int:
    kinds = set(map(type, cells))
    if kinds <= _HASHED_AS_THEY_ARE:
        return hash((*kinds, *cells))
    return _mixed(_element_digest(cell, 1) for cell in cells)


def _array_digest(array: Any) -> int:
    if array.dtype.kind == "O":
        return _cells_digest(array.reshape(-1)[:SAMPLE_ROWS].tolist())
    if array.nbytes > MAX_READ_BYTES:
        wanted = max(1, MAX_READ_BYTES // (16 * max(1, array.itemsize)))
        if array.flags.c_contiguous:
            array = array.reshape(-1)[:: -(-array.size // wanted)]
        else:
            array = array[tuple(slice(None, None, max(1, n // 16)) for n in array.shape)]
    contiguous = loaded("numpy")["ascontiguousarray"](array)
    return zlib.crc32(contiguous.tobytes(), contiguous.size)


def _tensor_digest(value: Any) -> int:
    tensor = plain_tensor(value)
    if tensor.device.type != "cpu" or not is_idle(tensor.device) or tensor.is_sparse:
        return _version(value)
    flat = tensor.reshape(-1) if tensor.is_contiguous() else tensor.flatten()[:SAMPLE_ROWS]
    wanted = MAX_READ_BYTES // (16 * tensor.element_size())
    sample = flat[:: max(1, -(-flat.numel() // wanted))].contiguous()
    return zlib.crc32(sample.view(loaded("torch")["uint8"]).numpy().tobytes(), flat.numel())


def _version(tensor: Any) -> int:
    """Counts the changes in place of a tensor, wherever it is."""
    return hash((id(tensor), getattr(tensor, "_version", 0)))


def _attribute_digest(value: Any) -> int:
    if is_array(value) and library_of(type(value)) == "numpy":
        return _array_digest(value)
    return _element_digest(value, 1)


def _element_digest(value: Any, depth: int) -> int:
    kind = type(value)
    if kind is str and len(value) > MAX_ELEMENTS:
        return hash((len(value), value[:MAX_ELEMENTS], value[-MAX_ELEMENTS:]))
    if kind is bytes and len(value) > MAX_READ_BYTES:
        return hash((len(value), value[:MAX_ELEMENTS], value[-MAX_ELEMENTS:]))
    if kind is float and value != value:
        return 2
    if kind in _SCALARS or is_written_safely(value):
        return hash((kind, value))
    if base_container(value) is not None:
        return _container_digest(value, depth)
    if library_of(kind) in {"pandas", "numpy"}:
        return hash(str(value)) if is_a(value, "numpy", "generic") else _moment_digest(value)
    if depth == MAX_DEPTH and (attributes := instance_dict(value)):
        return _container_digest(attributes, depth)
    return hash((id(kind), id(value)))


def _container_digest(value: Any, depth: int) -> int:
    base: Any = base_container(value)
    n = length(value)
    if depth <= 0:
        return hash((id(value), n))
    if base is dict:
        pairs = islice(dict.items(value), MAX_ELEMENTS)
        return _mixed(
            hash((_element_digest(k, 1), _element_digest(v, depth - 1))) for k, v in pairs
        )
    if base is list and n > MAX_ELEMENTS:
        half = MAX_ELEMENTS // 2
        elements = list.__getitem__(value, slice(half)) + list.__getitem__(
            value, slice(-half, None)
        )
        return _mixed((n, *(_element_digest(element, depth - 1) for element in elements)))
    digests = [_element_digest(e, depth - 1) for e in islice(base.__iter__(value), MAX_ELEMENTS)]
    # The order of a set says nothing.
    return _mixed((n, *(sorted(digests) if base in (set, frozenset) else digests)))


def _moment_digest(value: Any) -> int:
    names = {"Timestamp", "Timedelta", "NaTType", "NAType", "Period"}
    return hash(str(value)) if class_name(type(value)) in names else id(value)


def _mixed(digests: Iterable[Any]) -> int:
    return hash(tuple(digests))
