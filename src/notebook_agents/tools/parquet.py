"""The column names of a Parquet file, out of the metadata at its end.

The metadata is a Thrift structure in the compact protocol: field 2 of `FileMetaData` is the schema,
a tree written as a flat list, parents first. Nothing else is looked at. The libraries that could do
this are parsers in C++ of the whole format, and a stranger's file meets those in tool kernels only.

Source: https://github.com/apache/parquet-format (README.md, src/main/thrift/parquet.thrift) and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"PAR1"
MAX_METADATA_BYTES = 256 * 1024
"""The schema comes first, so that the names of the first columns are in it."""
MAX_DEPTH = 16
SCHEMA_FIELD, NAME_FIELD, CHILDREN_FIELD = 2, 4, 5
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
INTEGERS = (4, 5, 6)
"""Kinds of values, by their numbers in the protocol."""


def metadata_range(tail: bytes, size: int) -> tuple[int, int]:
    """Where the metadata begins and how long it is, out of the last 8 bytes of a file.

    Raises ValueError when it is not the end of a Parquet file.
    """
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > size - 12:
        raise ValueError("not a Parquet file")
    return size - 8 - length, length


def column_names(metadata: bytes) -> Iterator[str]:
    """The names of the columns, without those inside of columns.

    Raises ValueError when the metadata is damaged or ends before the schema does.
    """
    reader = _Reader(metadata)
    for number, kind in reader.fields():
        if number == SCHEMA_FIELD:
            yield from _names(reader)
            return
        reader.skip(kind)
    raise ValueError("no schema")


def _names(reader: _Reader) -> Iterator[str]:
    reader.sequence()
    _, n_columns = _element(reader)
    for _ in range(n_columns):
        name, n_inside = _element(reader)
        while n_inside > 0:
            n_inside += _element(reader)[1] - 1
        yield name


def _element(reader: _Reader) -> tuple[str, int]:
    """The name of one element of the schema and how many children it has."""
    name, n_children = "", 0
    for number, kind in reader.fields():
        if number == NAME_FIELD:
            name = reader.binary().decode()
        elif number == CHILDREN_FIELD:
            n_children = reader.integer()
        else:
            reader.skip(kind)
    return name, n_children


@dataclass(slots=True)
class _Reader:
    """Reads values of the compact protocol one after the other; ValueError at the end."""

    content: bytes
    position: int = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and kind of each field of a struct; the caller reads or skips the value."""
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            yield number, head & 0x0F

    def integer(self) -> int:
        """A signed number."""
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def binary(self) -> bytes:
        """A text or bytes."""
        return self._take(self._varint())

    def sequence(self) -> tuple[int, int]:
        """Length and kind of the elements of a list or set."""
        head = self._byte()
        length = head >> 4
        return (self._varint() if length == 0x0F else length), head & 0x0F

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value of a kind."""
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if kind == BYTE:
            self._byte()
        elif kind in INTEGERS:
            self._varint()
        elif kind == DOUBLE:
            self._take(8)
        elif kind == BINARY:
            self.binary()
        elif kind in (LIST, SET):
            self._skip_sequence(depth)
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind not in (TRUE, FALSE):
            raise ValueError(f"unknown kind {kind}")

    def _skip_sequence(self, depth: int) -> None:
        length, kind = self.sequence()
        # In a struct the kind is the value of a boolean; in a list it is a byte of its own.
        kind = BYTE if kind in (TRUE, FALSE) else kind
        for _ in range(length):
            self.skip(kind, depth + 1)

    def _byte(self) -> int:
        return self._take(1)[0]

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")

    def _take(self, n_bytes: int) -> bytes:
        found = self.content[self.position : self.position + n_bytes]
        if len(found) < n_bytes:
            raise ValueError("the metadata ends too early")
        self.position += n_bytes
        return found
