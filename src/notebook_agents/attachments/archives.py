"""Looks at what a zip archive claims to hold before a parser unpacks it."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, ZipFile

from notebook_agents.attachments.reading import Refused

MAX_ENTRIES = 10_000
MAX_UNPACKED_BYTES = 300 * 1024 * 1024
MAX_RATIO = 100
"""1,000 MB of zeros make a zip of 1 MB; documents stay far below this."""
LARGE_BYTES = 1024 * 1024
"""The ratio of smaller entries says nothing."""


def check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to too much.

    No reader unpacks more of an entry than is claimed here: ``zipfile`` stops there.
    """
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
    except BadZipFile:
        raise Refused("it is damaged (the archive inside cannot be opened)") from None
    if len(entries) > MAX_ENTRIES:
        raise Refused(f"it has {len(entries)} parts, at most {MAX_ENTRIES} are read")
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
    names = [entry.filename.casefold() for entry in entries]
    if any(name.startswith("/") or ".." in name.split("/") or "\\" in name for name in names):
        raise Refused("a part of it has a name that leads elsewhere")
    if len(set(names)) < len(names):
        raise Refused("it has two parts of the same name")
