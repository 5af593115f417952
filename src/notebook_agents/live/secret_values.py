"""The secrets that a notebook holds: values of what is named like one, to be found in any text.

Variables, keys, attributes, columns and indexes tell by their names. Only types that Python and the
table libraries make are read, so that nothing of the notebook runs; how much is read is bounded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

from notebook_agents.core.masking import MIN_KNOWN_CHARS
from notebook_agents.live.describe_classes import classes_of, instance_dict, is_a, library_of
from notebook_agents.live.describe_frames import is_frame, is_series, plain_frame, plain_series
from notebook_agents.live.describe_tables import is_table

MAX_LOOKED_AT = 20_000
MAX_ITEMS = 1_000
"""Of one container."""
MAX_DEPTH = 4
MAX_COLUMNS = 500
MAX_CELLS = 10_000
"""Of one column: the first and the last half of them."""
MAX_ALL_CELLS = 50_000
_WORDS = frozenset(
    {
        "none", "null", "true", "false", "test", "tests", "token", "tokens", "password",
        "passwords", "secret", "secrets", "admin", "root", "user", "default", "unknown", "string",
        "auth", "basic", "bearer", "postgres", "localhost",
    }
)  # fmt: skip
"""Values that say nothing, whatever they are the value of."""
_OF_LANGUAGE = frozenset({"token", "tokens", "cookie", "cookies", "auth", "my_tokens"})
"""Names of words in one notebook and of secrets in another; words of letters stay."""
_LISTS = (list, tuple, set, frozenset)
_CODE = (ModuleType, FunctionType, type)


class SecretValues:
    """Collects them; ``is_secret`` judges names."""

    def __init__(self, is_secret: Callable[[str], bool]) -> None:
        self.texts: dict[str, None] = {}
        """Those to be looked for everywhere."""
        self.cells: set[str] = set()
        """Those of columns, which stand as words of their own."""
        self._is_secret = is_secret
        self._room = MAX_LOOKED_AT
        self._seen: set[int] = set()

    def look(self, names: Mapping[str, Any]) -> None:
        """Look at variables, those first that are secrets themselves."""
        secret = {name: value for name, value in names.items() if self._is_named(name)}
        for name, value in secret.items():
            self._take(name, value, "", 0)
        for name, value in names.items():
            if name not in secret:
                self._take(name, value, "", 0)

    def _take(self, name: object, value: Any, secret: str, depth: int) -> None:
        """Look at one value; ``secret`` is the name of the secret that it is a part of."""
        self._room -= 1
        if self._room < 0:
            return
        if not secret and self._is_named(name):
            secret = str(name)
        kind = type(value)
        if kind in (str, bytes, int, float, bool, type(None)):
            if secret and (text := _text(value, secret)):
                self.texts[text] = None
        elif depth < MAX_DEPTH and id(value) not in self._seen:
            self._seen.add(id(value))
            with contextlib.suppress(Exception):  # of a library; the others are still looked at
                if not self._has_taken_table(value, secret):
                    self._take_parts(value, secret, depth + 1)

    def _has_taken_table(self, value: Any, secret: str) -> bool:
        if is_frame(value):
            self._take_frame(plain_frame(value), secret)
        elif is_series(value):
            self._take_series(value, secret)
        elif is_table(value):
            self._take_table(value, secret)
        elif library_of(type(value)) == "numpy" and is_a(value, "numpy", "ndarray"):
            if secret and value.size <= MAX_CELLS:
                self._add_cells(value.ravel().tolist(), secret)
        else:
            return False
        return True

    def _take_parts(self, value: Any, secret: str, depth: int) -> None:
        classes = classes_of(value)
        if any(kind in classes for kind in _CODE):
            return
        kind = next((kind for kind in _LISTS if kind in classes), None)
        if kind is not None:
            for part in list(islice(kind.__iter__(value), MAX_ITEMS)):
                self._take("", part, secret, depth)
            return
        named = dict.items(value) if dict in classes else instance_dict(value).items()
        for key, part in list(islice(named, MAX_ITEMS)):
            self._take(key, part, secret, depth)

    def _take_frame(self, frame: Any, secret: str) -> None:
        for position in range(min(frame.shape[1], MAX_COLUMNS)):
            if name := secret or self._name_of(frame.columns[position]):
                self._take_column(frame.iloc[:, position], name)
        self._take_index(frame.index, secret)

    def _take_series(self, value: Any, secret: str) -> None:
        series = plain_series(value)
        if name := secret or self._name_of(series.name):
            self._take_column(series, name)
        self._take_index(series.index, secret)

    def _take_index(self, index: Any, secret: str) -> None:
        if library_of(type(index)) != "pandas" or is_a(index, "pandas", "RangeIndex"):
            return
        for level, label in enumerate(index.names):
            if name := secret or self._name_of(label):
                self._take_column(index.get_level_values(level).to_series(), name)

    def _take_column(self, series: Any, name: str) -> None:
        if library_of(type(series.dtype)) not in {"numpy", "pandas"}:
            return
        half = MAX_CELLS // 2
        parts = [series.iloc[:half], series.iloc[max(half, len(series) - half) :]]
        for part in parts:
            self._add_cells(part.astype(object).tolist(), name)

    def _take_table(self, table: Any, secret: str) -> None:
        is_arrow = library_of(type(table)) == "pyarrow"
        for label in (table.schema.names if is_arrow else table.columns)[:MAX_COLUMNS]:
            if name := secret or self._name_of(label):
                column, half = table[label], MAX_CELLS // 2
                starts = (0, max(half, len(column) - half))
                for start in starts:
                    part = column.slice(start, half)
                    self._add_cells(part.to_pylist() if is_arrow else part.to_list(), name)

    def _add_cells(self, cells: Iterable[Any], name: str) -> None:
        room = MAX_ALL_CELLS - len(self.cells)
        texts = (_text(cell, name) for cell in cells if type(cell) in (str, bytes, int))
        self.cells.update(islice(filter(None, texts), max(0, room)))

    def _name_of(self, label: object) -> str:
        """The label of a column when it is a secret's; of several levels one is enough."""
        parts = label if type(label) is tuple else (label,)
        return next((str(part) for part in parts if self._is_named(part)), "")

    def _is_named(self, name: object) -> bool:
        return type(name) is str and self._is_secret(name)


def _text(value: Any, name: str) -> str:
    """The value as it would be printed; empty for one that is no secret by itself."""
    kind, is_of_language = type(value), name.lower() in _OF_LANGUAGE
    if kind is int and not is_of_language and value.bit_length() <= 200:
        return str(value) if abs(value) >= 1_000 else ""
    text = value.decode(errors="replace") if kind is bytes else value if kind is str else ""
    text = text.strip()
    is_word = is_of_language and text.isalpha() and (text.islower() or text.istitle())
    is_telling = len(text) >= MIN_KNOWN_CHARS and text.lower() not in _WORDS and not is_word
    return text if is_telling else ""
