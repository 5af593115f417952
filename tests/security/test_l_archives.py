"""L: archives, YAML and pictures are judged by what they claim, before anything is made of them."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from notebook_agents.attachments import images, reading
from notebook_agents.attachments.archives import check_archive
from notebook_agents.attachments.kinds import DOCX
from notebook_agents.attachments.reading import Refused
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.mcp import files as server_files

MIB = 1024 * 1024


@contextmanager
def bounded(seconds: float = 1.0, megabytes: int = 64) -> Iterator[None]:
    """Neither long nor large, whatever is inside."""
    tracemalloc.start()
    started = time.process_time()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < seconds * 3  # tracing makes everything slower
    assert peak < megabytes * MIB


def zipped(**entries: bytes) -> io.BytesIO:
    """An archive of these files, a point in a name written ``_dot_``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("word/document.xml", "<x/>")
        for name, content in entries.items():
            archive.writestr(name.replace("_dot_", "."), content)
    return buffer


def with_sizes_of(archive: bytes, n_bytes: int) -> bytes:
    """The same archive whose directory says that its first file has another size."""
    at = archive.index(b"PK\1\2") + 24
    return archive[:at] + struct.pack("<L", n_bytes) + archive[at + 4 :]


def with_flag(archive: bytes, flag: int) -> bytes:
    """The same archive whose first entry has a flag, such as that of encryption."""
    at = archive.index(b"PK\1\2") + 8
    return archive[:at] + struct.pack("<H", flag) + archive[at + 2 :]


def overlapping(n_entries: int = 300) -> bytes:
    """Many entries of a directory that all lie on the same bytes."""
    archive = zipped(a=b"\0" * MIB).getvalue()
    start = archive.index(b"PK\1\2", archive.index(b"PK\1\2") + 4)
    end = archive.rindex(b"PK\5\6")
    entry = archive[start:end]
    names = [b"%04d" % number for number in range(n_entries)]
    grown = [entry[:28] + struct.pack("<H", 4) + entry[30:46] + name for name in names]
    directory = b"".join(grown)
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, n_entries, n_entries, len(directory), start, 0)
    return archive[:start] + directory + tail


def crowded(n_entries: int = 1_000_000) -> bytes:
    """A directory of a million entries of nothing."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, 4, *[0] * 6) + b"name"
    directory = entry * n_entries
    return directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, len(directory), 0, 0)


def zeros(n_megabytes: int = 1000) -> bytes:
    """A gigabyte of nothing in a megabyte, without ever having it."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/document.xml", "w", force_zip64=False) as file,
    ):
        piece = bytes(16 * MIB)
        for _ in range(n_megabytes // 16 + 1):
            file.write(piece)
    return buffer.getvalue()


def special(mode: int) -> bytes:
    """An archive with a link, or a device, and a file through it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("word")
        link.external_attr = mode << 16
        archive.writestr(link, "/etc")
        archive.writestr("word/document.xml", "<x/>")
    return buffer.getvalue()


def named(*names: str) -> bytes:
    """An archive with files of these names."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of two parts of the same name
        for name in ("word/document.xml", *names):
            archive.writestr(name, "<x/>")
    return buffer.getvalue()


def rejected(tmp_path: Path, content: bytes) -> str:
    """Why an archive is refused; not a byte of it is unpacked."""
    path = tmp_path / "source"
    path.write_bytes(content)
    with bounded(), pytest.raises(Refused) as caught:
        check_archive(path)
    return str(caught.value)


def test_l03_archives_that_unpack_to_too_much_are_refused_by_their_directory(
    tmp_path: Path,
) -> None:
    plain = zipped(a=b"x").getvalue()
    nested = zipped(inner_dot_zip=zeros(64)).getvalue()
    for name, content, words in (
        ("zeros", zeros(), "a hundred times its size|unpacked it has"),
        ("a million entries", crowded(), "too many parts"),
        ("entries on the same bytes", overlapping(), "same place"),
        ("a size that is larger than claimed", with_sizes_of(plain, 2**31), "times its size|MiB"),
        ("encrypted", with_flag(plain, 1), "password"),
        ("cut", plain[:-30], "damaged"),
        ("no archive", b"PK\3\4" + b"x" * 100, "damaged"),
        ("an empty file", b"", "damaged"),
    ):
        assert any(word in rejected(tmp_path, content) for word in words.split("|")), name
    path = tmp_path / "source"
    path.write_bytes(nested)
    check_archive(path)  # what lies in it is a file like any other, and is never opened
    answer = reading.read(str(tmp_path), DOCX)
    assert "error" in answer
    path.write_bytes(with_sizes_of(plain, 1))
    assert "error" in reading.read(str(tmp_path), DOCX)


@pytest.mark.parametrize(
    "content",
    [
        named("../x"),
        named("a/../../x"),
        named("/x"),
        named("C:/x"),
        named("a\\..\\x"),
        named("word/A.xml", "word/a.xml"),
        named("word/\u00e9", "word/e\u0301"),
        named("x", "x"),
        special(0o120777),
        special(0o020666),
    ],
)
def test_l04_an_archive_with_one_wrong_name_is_refused_as_a_whole(
    tmp_path: Path, content: bytes
) -> None:
    assert "part" in rejected(tmp_path, content)


ALIASES = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    "text",
    [
        ALIASES,
        "!!python/object/apply:os.system ['touch pwned']",
        "%TAG ! tag:yaml.org,2002:python/\n--- !object/apply:os.system ['touch pwned']",
        "[" * 20_000,
        "a: " + "x" * 10_000_000,
        "<<: [{a: 1}, {b: 2}]",
        "a: {<<: {<<: {b: 1}}}",
        "a: 1\na: 2",
        "a: .inf",
        "a: .nan",
        "a: " + "1:" * 10_000 + "1",
        "- " * 100_000,
        "? " * 100_000,
        '"' + "\\u0041" * 40_000 + '"',
        "a: \x00",
        '{"a": "\\ud800"}',
    ],
)
def test_l06_yaml_that_is_more_than_it_looks_is_refused(text: str) -> None:
    with bounded(), pytest.raises(InvalidRequest) as caught:
        server_files.read(text.encode())
    assert caught.value.details["field"] == "file"
    assert len(caught.value.message) < 500
    assert not Path("pwned").exists()


def declared(width: int, height: int, n_bytes: int) -> bytes:
    """A picture in PNG that says it is this large, and is not."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(n_bytes))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def test_l12_a_picture_that_says_it_is_enormous_is_never_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(declared(100_000, 100_000, 500))
    assert path.stat().st_size < 1024
    with bounded(), pytest.raises(Refused, match="too large a picture"):
        list(images.pieces(path))
    path.write_bytes(declared(12_000, 12_000, 500))  # this one is told of, and still not unpacked
    with bounded(), pytest.raises(Refused, match="too large a picture"):
        list(images.pieces(path))
    path.write_bytes(declared(40, 30, 40 * 30 * 3))
    assert "40 x 30 pixels" in next(iter(images.pieces(path))).text
