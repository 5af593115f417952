"""Where Parquet files of events lie: a folder of the home, another one, or object storage.

Elsewhere than in the home they lie below the log's own name, so that several homes may share a
bucket. A copy of the manifest lies beside them; the one in the home decides.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import fsspec

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.eventlog.durable import DRAFT, sync_file, sync_folder, write_whole
from notebook_agents.eventlog.manifest import MANIFEST
from notebook_agents.eventlog.segments import read_log_id

if TYPE_CHECKING:
    import duckdb

PARQUET = ".parquet"
T = TypeVar("T")


class Archive:
    """Keeps Parquet files; all methods block."""

    def __init__(self, home: Path, place: str = "") -> None:
        """``place`` is a folder, an address that fsspec understands, or empty: in the home."""
        self._files: Any = None
        self._is_in_home = not place
        if "://" in place and not place.startswith("file://"):
            self._url = f"{place.rstrip('/')}/{read_log_id(home)}"
            self._files, self._root = fsspec.core.url_to_fs(self._url)
        else:
            given = Path(place.removeprefix("file://"))
            self._url = ""
            self._root = str(
                (given / read_log_id(home)).absolute() if place else home / "events" / "cold"
            )

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is not on a disk of this machine."""
        return self._files is not None

    def address(self, name: str) -> str:
        """What a file is read by."""
        return f"{self._url or self._root}/{name}"

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read the files."""
        if self._files is not None:
            connection.register_filesystem(self._files)

    def put(self, draft: Path, name: str) -> None:
        """Keep a file that was written elsewhere; once this returns it is there whole."""
        if self._files is not None:
            self._try(lambda: self._files.put_file(str(draft), f"{self._root}/{name}"))
            return
        folder = Path(self._root)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = folder / f"{name}{DRAFT}"
        shutil.move(draft, beside)  # renames where it can
        sync_file(beside)
        beside.replace(folder / name)
        sync_folder(folder)

    def get(self, name: str) -> bytes:
        """What is in a file; FileNotFoundError when it is not there."""
        if self._files is not None:
            content: bytes = self._files.cat_file(f"{self._root}/{name}")
            return content
        return (Path(self._root) / name).read_bytes()

    def delete(self, name: str) -> None:
        """Remove a file if it is there."""
        if self._files is None:
            (Path(self._root) / name).unlink(missing_ok=True)
            return
        self._try(lambda: self._removed(name))

    def names(self) -> list[str]:
        """The Parquet files that are there, drafts too."""
        if self._files is None:
            folder = Path(self._root)
            found = [path.name for path in folder.iterdir()] if folder.exists() else []
        else:
            found = [str(path).rpartition("/")[2] for path in self._try(self._listed)]
        return [name for name in found if PARQUET in name]

    def keep_manifest(self, content: bytes) -> None:
        """Keep a copy of the manifest where the files are not in the home."""
        if self._files is not None:
            self._try(lambda: self._files.pipe_file(f"{self._root}/{MANIFEST}", content))
        elif not self._is_in_home:
            write_whole(Path(self._root) / MANIFEST, content)

    def _removed(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{name}")

    def _listed(self) -> list[Any]:
        self._files.invalidate_cache()
        there = self._files.exists(self._root)
        return list(self._files.ls(self._root, detail=False)) if there else []

    def _try(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except Exception as error:  # libraries of object stores raise their own
            raise StorageUnavailable(
                f"the archive of the event log cannot be used: {type(error).__name__};"
                " look at the setting events_archive and the credentials in the environment"
            ) from error
