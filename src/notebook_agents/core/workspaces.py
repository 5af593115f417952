"""Workspaces: the folder of files that a conversation's tools work in.

A conversation either has a folder of its own below one root, or works in a folder its owner
named (the notebook's). Only the former is ever written to or removed by the product.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.folders import FolderLimits, copy_folder, remove_folder
from notebook_agents.core.messages import AttachmentPart
from notebook_agents.core.outlines import outline, outline_line

if TYPE_CHECKING:
    from notebook_agents.core.ports import TableHeaders

LENT = ".lent-"
"""How the names of markers begin; ids do not begin with a dot."""
LISTED_FILES = 12
"""Files a model is told about without asking."""
_SCANNED_ENTRIES = 1000
"""Entries of a folder that are looked at; a home folder can hold very many."""
_HEADER_SECONDS = 0.5
"""Once reading columns has taken this long, the other files are told of without theirs."""
_TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
_DATA_SUFFIXES = (*_TABLE_SUFFIXES, ".json", ".jsonl", ".txt", ".md", ".xlsx", ".log")

T = TypeVar("T")


class Workspaces:
    """Creates, fills, lists and removes workspaces; all file work happens on a thread."""

    def __init__(self, root: Path, headers: TableHeaders | None = None) -> None:
        self._root = root.absolute()
        self._headers = headers

    def path(self, key: str) -> str:
        """The absolute folder of a conversation or execution."""
        return str(self._root / key)

    def owns(self, workspace: str) -> bool:
        """Whether the folder is one of ours, so that it may be written to and removed."""
        return Path(os.path.normpath(workspace)).parent == self._root

    async def check(self, workspace: str) -> None:
        """Raise InvalidRequest unless it is a folder outside ours that a person may name."""

        def is_allowed() -> bool:
            path = Path(workspace).resolve()
            return path.is_dir() and not path.is_relative_to(self._root.resolve())

        if not await _on_thread(is_allowed):
            raise InvalidRequest("the workspace is not a folder of yours", field="workspace")

    async def create(self, workspace: str) -> None:
        """Make one of our folders."""
        assert self.owns(workspace), "only our own folders are made"
        await _on_thread(lambda: Path(workspace).mkdir(mode=0o700, parents=True, exist_ok=True))

    async def lend(self, workspace: str, holder: str) -> None:
        """Make one of our folders for one call of a process; ``recover`` removes it after it."""
        await _on_thread(lambda: self._root.mkdir(mode=0o700, parents=True, exist_ok=True))
        await _on_thread(partial(_replace_file, _marker(workspace), holder.encode()))
        await self.create(workspace)

    async def recover(self, is_alive: Callable[[str], Awaitable[bool]]) -> int:
        """Remove what was lent to processes that died since; how many folders that are.

        Only a folder that was lent has a marker beside it: those of conversations stay.
        """
        n_removed = 0
        for marker in await _on_thread(lambda: list(self._root.glob(f"{LENT}*"))):
            if (holder := await _on_thread(partial(_text, marker))) and not await is_alive(holder):
                await self.remove(str(marker.with_name(marker.name.removeprefix(LENT))))
                n_removed += 1
        return n_removed

    async def remove(self, workspace: str) -> None:
        """Remove one of our folders; a folder the owner named stays."""
        if self.owns(workspace):
            await _on_thread(partial(remove_folder, workspace))
            await _on_thread(lambda: _marker(workspace).unlink(missing_ok=True))

    async def copy(self, source: str, workspace: str) -> None:
        """Copy the files of one of our folders into another that is empty; no links.

        Raises InvalidRequest when they are too many or too large. What its owner named is not
        copied: it is not a conversation's own.
        """
        assert self.owns(workspace), "only our own folders are written to"
        if self.owns(source):
            await _on_thread(partial(copy_folder, source, workspace, FolderLimits()))

    async def save(self, workspace: str, attachments: Iterable[AttachmentPart]) -> None:
        """Write attachments of kind ``file`` into the folder under their own names."""
        for attachment in attachments:
            if attachment.kind != "file":
                continue
            if not self.owns(workspace):
                raise InvalidRequest(
                    "files cannot be attached to a conversation in a folder of its owner",
                    field="attachments",
                )
            target, content = Path(workspace, file_name(attachment)), file_bytes(attachment)
            await _on_thread(partial(_replace_file, target, content))

    async def listing(self, workspace: str) -> tuple[str, ...]:
        """Data-like files of the folder and its direct sub folders, tables first, few."""
        return await _on_thread(lambda: _data_files(workspace))

    async def outline(self, workspace: str) -> str:
        """The line ``Files: a.csv(price, qty); notes.txt`` for a model; empty without files."""
        return await _on_thread(lambda: self._outline(workspace))

    def _outline(self, workspace: str) -> str:
        deadline = time.monotonic() + _HEADER_SECONDS
        shown = []
        for path in _data_files(workspace):
            columns: Sequence[str] = ()
            if self._headers and _is_table(path) and time.monotonic() < deadline:
                columns = self._headers.columns(workspace, path)
            shown.append(outline(path, columns))
        return outline_line("Files", shown)


def file_name(attachment: AttachmentPart) -> str:
    """The attachment's own name without any folder; InvalidRequest when it has none."""
    name = PurePosixPath(attachment.name.replace("\\", "/")).name
    if not name or name in {".", ".."} or "\0" in name or len(name.encode()) > 255:
        raise InvalidRequest("an attachment of type 'file' needs a file name", field="attachments")
    return name


def file_bytes(attachment: AttachmentPart) -> bytes:
    """The attachment's content: text as it is where the media type is text, else base64."""
    if not attachment.media_type or attachment.media_type.startswith("text/"):
        return attachment.content.encode()
    try:
        return base64.b64decode(attachment.content, validate=True)
    except binascii.Error as error:
        raise InvalidRequest(
            "the content of a binary attachment must be base64", field="attachments"
        ) from error


def _marker(workspace: str) -> Path:
    """The file that says to whom a folder is lent; it is there before the folder and after it."""
    path = Path(workspace)
    return path.with_name(LENT + path.name)


def _text(path: Path) -> str:
    """What a file holds; nothing when it is gone."""
    with suppress(FileNotFoundError):
        return path.read_text()
    return ""


def _replace_file(target: Path, content: bytes) -> None:
    # Code in the sandbox may have put a link there: replace the name, never follow it.
    descriptor, temporary = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(temporary).replace(target)


def _data_files(workspace: str) -> tuple[str, ...]:
    root = Path(workspace)
    entries = _visible(root)
    folders = [path for path in entries if path.is_dir() and not path.is_symlink()]
    found = [path for path in entries if _is_data(path)]
    for folder in folders[:LISTED_FILES]:
        found += [path for path in _visible(folder) if _is_data(path)]
    names = [path.relative_to(root).as_posix() for path in found]
    return tuple(sorted(names, key=lambda name: not _is_table(name))[:LISTED_FILES])


def _visible(folder: Path) -> list[Path]:
    try:
        entries = list(islice(folder.iterdir(), _SCANNED_ENTRIES))
    except OSError:
        return []
    return sorted(path for path in entries if not path.name.startswith((".", "_")))


def _is_table(name: str) -> bool:
    return name.lower().endswith(_TABLE_SUFFIXES)


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in _DATA_SUFFIXES and path.is_file()


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
