"""From a file to its text: plain text is read here, everything else in a tool kernel of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.attachments import reading
from notebook_agents.attachments.kinds import PLAIN_TEXTS, SAMPLE_BYTES, decoded, encodings_of
from notebook_agents.core.attachment_files import FileUnreadable, Section
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.core.visible_text import visible, visible_name

if TYPE_CHECKING:
    from notebook_agents.core.attachments import Attachment
    from notebook_agents.core.policy import Level
    from notebook_agents.core.ports import Sandbox

FUNCTION = "notebook_agents.attachments.reading:read"
TIMEOUT_S = 120.0
MEMORY_BYTES = 1024 * 1024 * 1024
MAX_SECTIONS_BYTES = 8 * reading.MAX_TEXT_CHARS
MAX_SECTIONS = 100_000
MAX_PLACE_CHARS = 120
NO_SANDBOX = (
    "files of this kind are read in a sandbox only, which this server cannot enforce now; plain"
    " text can be read"
)
WORDS = {
    "TIMEOUT": "reading it took too long",
    "MEMORY_LIMIT": f"reading it needs more than {MEMORY_BYTES >> 20} MiB of memory",
}


@dataclass(frozen=True, slots=True)
class StrangersFile:
    """Something to read, in a tool kernel of its own."""

    key: str
    """Names the kernel and its folder."""
    owner_id: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """Reads texts out of files."""

    scratch: Path
    """Where a tool kernel may write: a folder for each file, removed at once."""
    sandbox: Sandbox
    level: Level = "medium"
    timeout_s: float = TIMEOUT_S

    async def sections(
        self, attachment: Attachment, source: Path, on_progress: Callable[[float], None]
    ) -> Sequence[Section]:
        """The text of a file; FileUnreadable says why there is none."""
        if attachment.mime_type in PLAIN_TEXTS:
            return await asyncio.get_running_loop().run_in_executor(None, read_plain, source)
        file = StrangersFile(f"attachment-{attachment.id}", attachment.owner_id, source)
        return await self.read(file, attachment.mime_type, on_progress)

    async def read(
        self, file: StrangersFile, kind: str, on_progress: Callable[[float], None]
    ) -> Sequence[Section]:
        """The text of a file of a kind that only a tool kernel reads."""
        loop = asyncio.get_running_loop()
        folder = self.scratch / file.key
        call = SandboxCall(
            key=file.key,
            owner_id=file.owner_id,
            workspace=str(folder),
            level=self.level,
            timeout_s=self.timeout_s,
            memory_bytes=MEMORY_BYTES,
            function=FUNCTION,
            arguments={"root": str(folder), "kind": kind},
            on_output=lambda text: _tell(text, on_progress),
        )
        try:
            await loop.run_in_executor(None, _lay_out, file.path, folder)
            _raise_if_refused(await self._execute(call))
            target = folder / reading.TARGET_NAME
            return await loop.run_in_executor(None, _fetch, target)
        finally:
            await self.sandbox.close(call.key)
            await loop.run_in_executor(None, lambda: shutil.rmtree(folder, ignore_errors=True))

    async def _execute(self, call: SandboxCall) -> SandboxOutcome:
        try:
            return await self.sandbox.execute(call)
        except SandboxUnavailable:
            raise FileUnreadable(NO_SANDBOX) from None


def read_plain(source: Path) -> list[Section]:
    """The beginning of a text file, as much as is kept of any file."""
    with source.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
        content = sample + file.read(4 * reading.MAX_TEXT_CHARS)
    if decoded(sample) is None:
        raise FileUnreadable("it is not text")
    encoding = _fitting(content)
    text = visible(content.decode(encoding, "replace"))
    is_cut = len(text) > reading.MAX_TEXT_CHARS or source.stat().st_size > len(content)
    found = [Section("", text[: reading.MAX_TEXT_CHARS])]
    return [*found, Section("", reading.CUT)] if is_cut else found


def write_sections(path: Path, sections: Sequence[Section]) -> None:
    """Keep a text; FileUnreadable when its file was deleted meanwhile."""
    lines = (json.dumps({"place": s.place, "text": s.text}) + "\n" for s in sections)
    made = path.with_suffix(".new")
    try:
        made.write_text("".join(lines), "utf-8")
        made.replace(path)
    except FileNotFoundError:
        raise FileUnreadable("it was deleted") from None


def read_sections(path: Path) -> list[Section]:
    """A text that was kept; empty when there is none."""
    if not path.is_file():
        return []
    found = map(json.loads, path.read_text("utf-8").splitlines())
    return [Section(line["place"], line["text"]) for line in found]


def _fitting(content: bytes) -> str:
    *others, last = encodings_of(content)
    for encoding in others:
        try:
            content.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(content) - 4:  # else a character that was cut
                continue
        return encoding
    return last


def _tell(text: str, on_progress: Callable[[float], None]) -> None:
    for line in text.splitlines():
        if line.startswith(reading.PROGRESS):
            try:
                on_progress(float(line.removeprefix(reading.PROGRESS)))
            except ValueError:  # a kernel that lies tells nothing
                continue


def _raise_if_refused(outcome: SandboxOutcome) -> None:
    value = outcome.value
    if outcome.reason or not isinstance(value, dict):
        raise FileUnreadable(WORDS.get(outcome.reason, "reading it was stopped; it may be damaged"))
    if missing := value.get("missing"):
        raise FileUnreadable(
            f"this server lacks {visible_name(str(missing))[:60]}; its administrator can install"
            " it: pip install 'notebook-agents[files]'"
        )
    if error := value.get("error"):
        raise FileUnreadable(visible_name(str(error))[:300])


def _lay_out(source: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # left behind by a server that died
    folder.mkdir(mode=0o700, parents=True)
    shutil.copyfile(source, folder / reading.SOURCE_NAME)


def _fetch(path: Path) -> list[Section]:
    """What the tool kernel wrote; it may have put anything under that name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise FileUnreadable("reading it gave nothing") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SECTIONS_BYTES:
            raise FileUnreadable("reading it gave nothing of use")
        lines = file.read(MAX_SECTIONS_BYTES).strip().split(b"\n", MAX_SECTIONS)
    if len(lines) > MAX_SECTIONS:
        raise FileUnreadable("it has too many parts")
    try:
        found = [json.loads(line) for line in lines if line]
        return [
            Section(visible_name(str(s["place"]))[:MAX_PLACE_CHARS], visible(str(s["text"])))
            for s in found
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FileUnreadable("reading it gave nothing of use") from None
