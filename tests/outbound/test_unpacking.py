"""What comes packed is unpacked as far as its bounds, in whatever pieces it comes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest

from notebook_agents.outbound.unpacking import Damaged, TooLarge, Unpacker

TEXT = "".join(f"line {n}\n" for n in range(20_000)).encode()


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
@pytest.mark.parametrize(
    ("how", "pack"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
    ],
)
def test_pieces_of_any_size_are_put_together(
    how: str, pack: Callable[[bytes], bytes], size: int
) -> None:
    packed, unpacker = pack(TEXT), Unpacker(how, 1 << 20)
    pieces = (packed[start : start + size] for start in range(0, len(packed), size))
    assert b"".join(map(unpacker.feed, pieces)) == TEXT


@pytest.mark.parametrize("how", ["br", "zstd", "compress", "gzip, gzip", "gzip, deflate"])
def test_a_packing_that_was_not_asked_for_is_refused(how: str) -> None:
    with pytest.raises(Damaged, match="not asked for"):
        Unpacker(how, 1 << 20)


def test_more_than_the_bound_is_never_held() -> None:
    with pytest.raises(TooLarge, match="larger than 1 MiB"):
        Unpacker("", 1 << 20).feed(bytes((1 << 20) + 1))
    with pytest.raises(TooLarge, match="hundred times"):
        Unpacker("gzip", 8 << 20).feed(gzip.compress(bytes(4 << 20)))


def test_what_follows_the_end_is_not_read() -> None:
    assert Unpacker("gzip", 1 << 20).feed(gzip.compress(b"a") + gzip.compress(b"b")) == b"a"
