"""How single values and texts are written: short, without secrets, and without asking unknown ones.

Only values of classes that come with Python, numpy or pandas are written as text; of all others
the class is named. A text of 100 MB costs no more than its beginning.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from notebook_agents.core.formatting import format_number
from notebook_agents.core.masking import MASK, Masker, is_secret_name
from notebook_agents.live.describe_classes import class_name, classes_of, is_a, library_of

MAX_CELL_CHARS = 40
MAX_TEXT_CHARS = 120
MAX_LABEL_CHARS = 60
LOOKED_AHEAD_CHARS = 400
"""Beyond what is shown, so that a secret that begins there is known as one."""
MAX_INT_BITS = 200
MORE = "…"
WRITTEN_AS_STR = (
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    pathlib.PosixPath,
    pathlib.WindowsPath,
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
    range,
    complex,
)
_ZONES = frozenset({"datetime", "zoneinfo", "pytz", "dateutil"})
_PANDAS_SCALARS = ("Timestamp", "Timedelta", "Period", "Interval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the notebook: what must not be told, and until when there is time."""

    masker: Masker = field(default_factory=Masker)
    ends_at: float = float("inf")
    """On the monotonic clock."""
    is_thorough: bool = False
    """Whether one value is looked at in full, not many of them in passing."""

    @property
    def is_over(self) -> bool:
        """Whether time is up, so that nothing more is computed."""
        return time.monotonic() >= self.ends_at

    def text(self, text: str, max_chars: int = MAX_TEXT_CHARS) -> str:
        """The beginning of a text on one line, without secrets."""
        begin = str.__getitem__(text, slice(0, max_chars + LOOKED_AHEAD_CHARS))
        shown = " ".join(self.masker.masked(begin).split())
        if len(shown) <= max_chars and str.__len__(text) <= max_chars + LOOKED_AHEAD_CHARS:
            return shown
        return shown[: max_chars - 1] + MORE

    def quoted(self, text: str, max_chars: int = MAX_TEXT_CHARS) -> str:
        """The same as Python writes it."""
        begin = str.__getitem__(text, slice(0, max_chars + LOOKED_AHEAD_CHARS))
        shown = repr(self.masker.masked(begin))
        if len(shown) <= max_chars + 2 and str.__len__(text) <= len(begin):
            return shown
        return shown[:max_chars] + MORE

    def label(self, label: object) -> str:
        """The name of a column, a key, an attribute."""
        if type(label) is str:
            return self.text(label, MAX_LABEL_CHARS) or "''"
        if type(label) is tuple:
            return self.text("/".join(map(self.label, label[:6])), MAX_LABEL_CHARS)
        return self.cell(label)

    def cell(self, value: object, max_chars: int = MAX_CELL_CHARS) -> str:
        """One value on one line; of one that cannot be written for certain, its class."""
        kind = type(value)
        if value is None or kind is bool:
            return str(value)
        if kind is int or kind is float:
            return number(value)
        if kind is str:
            return self.quoted(str(value), max_chars)
        if kind is bytes:
            return counted(bytes.__len__(value), "byte")  # type: ignore[arg-type]
        if is_written_safely(value):
            return self.text(str(value), max_chars)
        return self._library_cell(value, max_chars)

    def named_cell(self, name: object, value: object, max_chars: int = MAX_CELL_CHARS) -> str:
        """The same, but for what is named like a secret."""
        if type(name) is str and is_secret_name(name) and value is not None:
            return MASK
        return self.cell(value, max_chars)

    def _library_cell(self, value: Any, max_chars: int) -> str:
        kind = type(value)
        if library_of(kind) == "numpy" and is_a(value, "numpy", "generic"):
            item = value.item()
            return self.cell(item, max_chars) if type(item) is not kind else class_name(kind)
        if library_of(kind) == "pandas" and (
            is_a(value, "pandas", *_PANDAS_SCALARS) or class_name(kind) in {"NaTType", "NAType"}
        ):
            return self.text(str(value), max_chars)
        if type in classes_of(value):
            return f"class {class_name(value)}"
        return f"<{class_name(kind)}>"


def is_written_safely(value: Any) -> bool:
    """Whether its text and its hash are made by Python alone; a zone may be of the notebook."""
    zone = value.tzinfo if type(value) in (datetime.datetime, datetime.time) else None
    return type(value) in WRITTEN_AS_STR and (zone is None or library_of(type(zone)) in _ZONES)


def number(value: Any) -> str:
    """A number, short."""
    if type(value) is int:
        bits = value.bit_length()
        return str(value) if bits <= MAX_INT_BITS else f"an integer of {bits:,} bits"
    text = f"{value:.6g}"
    return format_number(value) if len(format_number(value)) <= len(text) else text


def counted(n: int, noun: str, plural: str = "") -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def size_text(n_bytes: float) -> str:
    """``3.2 MB``."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def listed(texts: Iterable[str], n_all: int, max_shown: int, between: str = ", ") -> str:
    """Some of them, and how many more there are."""
    shown = [text for text, _ in zip(texts, range(max_shown), strict=False)]
    rest = n_all - len(shown)
    return between.join([*shown, f"{MORE} {rest:,} more"] if rest > 0 else shown)


def indented(lines: Iterable[str]) -> Iterator[str]:
    """The lines below a head."""
    return (f"  {line}" for line in lines)
