"""Looks at what a zip archive claims to hold before a parser unpacks it.

Only the directory at its end is read, and of that no more than a document has. What an entry claims
is all that ``zipfile`` ever unpacks of it, so claims can be judged; they must not share bytes.
"""

from __future__ import annotations

import re
import stat
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from unicodedata import normalize
from zipfile import BadZipFile, ZipFile, ZipInfo

from notebook_agents.attachments.reading import Refused

MAX_ENTRIES = 10_000
MAX_UNPACKED_BYTES = 300 * 1024 * 1024
MAX_RATIO = 100
"""1,000 MB of zeros make a zip of 1 MB; documents stay far below this."""
LARGE_BYTES = 1024 * 1024
"""The ratio of smaller entries says nothing."""
MAX_DIRECTORY_BYTES = MAX_ENTRIES * 256
END = struct.Struct("<4s4H2LH")
"""The record at the end: mark, disks, entries, size and place of the directory, comment."""
MARK = b"PK\5\6"
MAX_COMMENT_BYTES = 0xFFFF
LOCAL_HEADER_BYTES = 30
DAMAGED = "it is damaged (the archive inside cannot be opened)"
_DRIVE = re.compile(r"[A-Za-z]:")


def check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to too much, or whose entries are no plain files of its own.

    No reader unpacks more of an entry than is claimed here: ``zipfile`` stops there.
    """
    _check_directory(path)
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
    except (BadZipFile, ValueError, NotImplementedError, EOFError):
        raise Refused(DAMAGED) from None
    if len(entries) > MAX_ENTRIES:
        raise Refused(f"it has {len(entries)} parts, at most {MAX_ENTRIES} are read")
    _check_sizes(entries)
    _check_places(entries)
    _check_names(entries)


def _check_directory(path: Path) -> None:
    """Before every entry of it becomes an object."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - END.size - MAX_COMMENT_BYTES, 0))
        tail = file.read()
    found = [at for at in (len(tail) - END.size, tail.rfind(MARK)) if tail[at : at + 4] == MARK]
    if not found or found[0] < 0 or len(tail) - found[0] < END.size:
        raise Refused(DAMAGED)
    n_bytes, start = END.unpack_from(tail, found[0])[5:7]
    if start + n_bytes > size:  # also where it says that the numbers are elsewhere (zip64)
        raise Refused(DAMAGED)
    if n_bytes > MAX_DIRECTORY_BYTES:
        raise Refused(f"it has too many parts, at most {MAX_ENTRIES} are read")


def _check_sizes(entries: Sequence[ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    if total > MAX_UNPACKED_BYTES:
        raise Refused(
            f"unpacked it has {total >> 20} MiB, at most {MAX_UNPACKED_BYTES >> 20} are read"
        )
    for entry in entries:
        if entry.flag_bits & 1:
            raise Refused("it is protected with a password; remove that and upload it again")
        if entry.file_size > max(LARGE_BYTES, entry.compress_size * MAX_RATIO):
            raise Refused("a part of it unpacks to more than a hundred times its size")


def _check_places(entries: Sequence[ZipInfo]) -> None:
    """Entries that share bytes unpack to more than any of them claims."""
    placed = sorted(entries, key=lambda entry: entry.header_offset)
    for entry, following in pairwise(placed):
        end = entry.header_offset + LOCAL_HEADER_BYTES + entry.compress_size
        if end > following.header_offset:
            raise Refused("two parts of it lie in the same place")


def _check_names(entries: Sequence[ZipInfo]) -> None:
    for entry in entries:
        mode = entry.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise Refused("a part of it is a link or a device")
    names = [normalize("NFC", entry.filename).casefold() for entry in entries]
    for name in names:
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or _DRIVE.match(name):
            raise Refused("a part of it has a name that leads elsewhere")
    if len(set(names)) < len(names):
        raise Refused("it has two parts of the same name")
