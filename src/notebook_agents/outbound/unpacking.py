"""Unpacking answers while they come, so that a small answer never becomes a large one."""

from __future__ import annotations

import zlib

PACKINGS = "gzip, deflate"
MAX_RATIO = 100
SMALL_BYTES = 1 << 20
"""Below it the ratio says nothing: a short page of blanks is no bomb."""
_GZIP = 16 + zlib.MAX_WBITS
_STEP_BYTES = 1 << 16
_HEAD_BYTES = 2


class TooLarge(Exception):
    """More came, or would come, than is read."""


class Damaged(Exception):
    """What came cannot be unpacked."""


class Unpacker:
    """Takes an answer in pieces and gives back its content, up to a size."""

    def __init__(self, encoding: str, most: int) -> None:
        """Damaged when the answer is packed in a way that was not asked for."""
        self._most = most
        self._n_in = self._n_out = 0
        self._is_plain = encoding in ("", "identity")
        self._stream = None if encoding == "deflate" else zlib.decompressobj(_GZIP)
        self._begun = b""
        """Of a deflated answer, until it is known what it begins with."""
        if not self._is_plain and encoding not in ("gzip", "x-gzip", "deflate"):
            raise Damaged(f"the answer is packed as {encoding!r:.40}, which was not asked for")

    def feed(self, piece: bytes) -> bytes:
        """What a piece of the answer holds; TooLarge or Damaged end it."""
        self._n_in += len(piece)
        if self._is_plain:
            self._count(piece)
            return piece
        if self._stream is None:
            piece = self._begun = self._begun + piece
            if len(piece) < _HEAD_BYTES:
                return b""
            self._stream = zlib.decompressobj(_deflation(piece))
        found = []
        try:
            while piece and not self._stream.eof:
                found.append(self._stream.decompress(piece, _STEP_BYTES))
                self._count(found[-1])
                piece = self._stream.unconsumed_tail
        except zlib.error:
            raise Damaged("the answer is damaged: it cannot be unpacked") from None
        return b"".join(found)

    def _count(self, piece: bytes) -> None:
        self._n_out += len(piece)
        if self._n_out > self._most:
            raise TooLarge(f"the page is larger than {self._most >> 20} MiB")
        if self._n_out > max(SMALL_BYTES, self._n_in * MAX_RATIO):
            raise TooLarge("the page unpacks to more than a hundred times its size")


def _deflation(begin: bytes) -> int:
    """Some servers say deflate and send it without the header that the standard asks for."""
    has_head = begin[0] & 0x0F == zlib.DEFLATED and int.from_bytes(begin[:_HEAD_BYTES]) % 31 == 0
    return zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS
