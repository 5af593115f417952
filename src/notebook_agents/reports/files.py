"""Makes reports in processes of their own, a few at a time, and keeps their files in one folder."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from notebook_agents.core.errors import LimitExceeded, NotebookAgentsError, NotFound, Unsupported
from notebook_agents.core.report_documents import (
    ReportDocument,
    ReportFormat,
    document_to_json,
)
from notebook_agents.reports.worker import TOO_LARGE

TIMEOUT_S = 60
AT_ONCE = 2
"""Reports that are made at the same time; others wait."""
MAX_DOCUMENT_BYTES = 64 << 20
MAX_FILE_BYTES = 64 << 20
SUFFIXES: dict[ReportFormat, str] = {
    "pdf": "pdf", "html": "html", "markdown": "md", "json": "json", "ipynb": "ipynb"
}  # fmt: skip
NEEDS = {"pdf": ("typst", "markdown_it")}
"""Libraries of single forms; the others need the last of these only."""
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "PYTHONPATH", "FONTCONFIG_PATH")
_PATH = re.compile(r"[0-9a-f-]{36}\.[a-z]{2,5}")
_log = logging.getLogger(__name__)
T = TypeVar("T")


class ProcessReports:
    """Answers the ReportFiles port."""

    def __init__(self, folder: Path, *, timeout_s: int = TIMEOUT_S) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def render(self, document: ReportDocument, format: ReportFormat) -> bytes:
        """The document in a form."""
        missing = [n for n in NEEDS.get(format, NEEDS["pdf"][1:]) if not _is_installed(n)]
        if missing:
            raise Unsupported(
                f"reports in the form {format!r} need {', '.join(missing)}: install the extra"
                " notebook-agents[reports]"
            )
        given = await _on_thread(lambda: document_to_json(document))
        if len(given) > MAX_DOCUMENT_BYTES:
            raise LimitExceeded(
                f"what the report says has more than {MAX_DOCUMENT_BYTES >> 20} MiB; leave out"
                " tool calls or messages",
                limit="report",
            )
        async with self._turns:
            return await self._made(given, format)

    async def keep(self, id: str, format: ReportFormat, content: bytes) -> str:
        """Write the file."""
        path = f"{id}.{SUFFIXES[format]}"
        await _on_thread(lambda: _write(self._folder, path, content))
        return path

    async def read(self, path: str) -> bytes:
        """The file."""
        try:
            return await _on_thread(self._at(path).read_bytes)
        except FileNotFoundError:
            raise NotFound("report", path) from None

    async def remove(self, path: str) -> None:
        """Remove the file."""
        await _on_thread(lambda: self._at(path).unlink(missing_ok=True))

    def _at(self, path: str) -> Path:
        if not _PATH.fullmatch(path):
            raise ValueError(f"{path!r} cannot name a report's file")
        return self._folder / path

    async def _made(self, given: bytes, format: ReportFormat) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "notebook_agents.reports.worker",
            format,
            str(self._timeout_s),
            str(MAX_FILE_BYTES),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                made, said = await process.communicate(given)
        except TimeoutError:
            raise self._too_slow() from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == TOO_LARGE:
            raise LimitExceeded(
                f"the report has more than {MAX_FILE_BYTES >> 20} MiB", limit="report"
            )
        if process.returncode == -signal.SIGXCPU:
            raise self._too_slow()
        if process.returncode:
            # What it said may quote what others wrote: it is for the log of the server only.
            _log.error("a report could not be made: %s", said.decode("utf-8", "replace")[-2000:])
            raise NotebookAgentsError("the report could not be made; the server's log says why")
        return made

    def _too_slow(self) -> LimitExceeded:
        return LimitExceeded(
            f"the report took longer than {self._timeout_s} seconds", limit="report"
        )


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{name}"
    draft.write_bytes(content)
    draft.chmod(0o600)
    draft.replace(folder / name)


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
