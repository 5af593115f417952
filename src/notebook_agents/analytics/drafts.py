"""Where an export is written until it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.ids import new_id

PART_BYTES = 1 << 20


@dataclass(slots=True)
class Draft:
    """A file for the database to write."""

    path: str
    spill: str
    """A folder for what does not fit into memory."""
    n_bytes: int = 0
    """How much came to where it is wished for."""


@contextmanager
def into_file(path: Path) -> Iterator[Draft]:
    """A file that only its owner can read, which takes the place of ``path`` when it is whole.

    StorageUnavailable says why it cannot.
    """
    draft = path.with_name(f".{path.name}.{new_id()}")
    spill = draft.with_name(f"{draft.name}.spill")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        drafted = Draft(path=str(draft), spill=str(spill))
        yield drafted
        drafted.n_bytes = _sync(draft)
        draft.replace(path)
    except OSError as error:
        raise StorageUnavailable(f"the export cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
        shutil.rmtree(spill, ignore_errors=True)


def _sync(path: Path) -> int:
    """Force it to the disk; its size."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


@contextmanager
def into_stream(sink: BinaryIO) -> Iterator[Draft]:
    """The name of a pipe into something open; what ``sink`` raises is raised here.

    Its own name would not do: under that a file is emptied that the shell appends to.
    """
    reading, writing = os.pipe()
    pump = _Pump(reading, sink)
    with tempfile.TemporaryDirectory() as spill:
        drafted = Draft(path=f"/dev/fd/{writing}", spill=spill)
        try:
            yield drafted
        finally:
            os.close(writing)
            pump.join()
            drafted.n_bytes = pump.n_bytes
            if pump.error is not None:
                raise pump.error


class _Pump(threading.Thread):
    """Carries what comes out of a pipe on."""

    def __init__(self, reading: int, sink: BinaryIO) -> None:
        super().__init__(name="pump of an export", daemon=True)
        self._reading = reading
        self._sink = sink
        self.n_bytes = 0
        self.error: OSError | None = None
        self.start()

    def run(self) -> None:
        """Until there is nothing more, or nobody who wants it."""
        try:
            while part := os.read(self._reading, PART_BYTES):
                self._sink.write(part)
                self.n_bytes += len(part)
            self._sink.flush()
        except OSError as error:
            self.error = error
        finally:
            os.close(self._reading)
