"""Files of a log under names that tell nothing of the machine.

A stranger's SELECT may read the settings of its database, and in them the files that it may open.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import fsspec
from fsspec.spec import AbstractFileSystem

if TYPE_CHECKING:
    from notebook_agents.core.analytics import LogSnapshot

PROTOCOL = "log"


class NamelessFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files by their numbers: ``log://0.parquet``."""

    protocol = PROTOCOL
    cachable = False

    def __init__(self, files: tuple[str, ...]) -> None:
        """Of these paths or addresses."""
        super().__init__()
        self._files = {f"{number}.parquet": file for number, file in enumerate(files)}

    def _file(self, path: str) -> IO[bytes]:
        number = str(self._strip_protocol(path))
        found: IO[bytes] = fsspec.open(self._files[number], "rb").open()
        return found

    def _open(self, path: str, mode: str = "rb", **_: Any) -> IO[bytes]:  # noqa: ARG002
        return self._file(path)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Its size; there is nothing else to tell."""
        with self._file(path) as file:
            return {"name": path, "type": "file", "size": file.seek(0, 2)}

    def glob(self, path: str, **_: Any) -> list[str]:
        """The name itself: none has anything to be filled in."""
        return [path]

    def modified(self, path: str) -> datetime:  # noqa: ARG002
        """Never: compacted files do not change."""
        return datetime(1970, 1, 1, tzinfo=UTC)


def nameless(snapshot: LogSnapshot) -> tuple[LogSnapshot, NamelessFiles | None]:
    """The same files under other names, and what knows them; None where there are none."""
    if not snapshot.cold:
        return snapshot, None
    names = tuple(f"{PROTOCOL}://{number}.parquet" for number in range(len(snapshot.cold)))
    return replace(snapshot, cold=names), NamelessFiles(snapshot.cold)
