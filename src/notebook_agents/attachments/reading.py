"""Runs inside a tool kernel: reads the text out of a stranger's file.

Parsers of documents are large programs, so they meet strangers' files only where they can do no
harm. What an archive claims of its size is looked at before anything is unpacked, and the text
that is written has an end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

SOURCE_NAME, TARGET_NAME = "source", "sections.jsonl"
MAX_TEXT_CHARS = 5_000_000
CUT = "[The rest of the file is left out.]"
PROGRESS = "progress "
"""How the lines begin that tell how far it is."""
READERS = {
    "application/pdf": "notebook_agents.attachments.pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        "notebook_agents.attachments.docx_files"
    ),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (
        "notebook_agents.attachments.xlsx_files"
    ),
    "application/x-ipynb+json": "notebook_agents.attachments.notebooks",
    "text/html": "notebook_agents.attachments.html_pages",
    "image/png": "notebook_agents.attachments.images",
    "image/jpeg": "notebook_agents.attachments.images",
    "image/gif": "notebook_agents.attachments.images",
    "image/webp": "notebook_agents.attachments.images",
}
"""Modules by media type; each has ``pieces(path)``."""


class Refused(Exception):
    """The file cannot be read; the message says why in words for people."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, and how far reading is once it is there."""

    place: str
    text: str
    progress: float


Reader = Callable[[Path], Iterator[Piece]]


def read(root: str, kind: str) -> dict[str, str]:
    """Write ``sections.jsonl`` beside ``source``; the answer says what is wrong, if anything.

    Keys of the answer: ``error`` for a file that cannot be read, ``missing`` for a library.
    """
    folder = Path(root)
    try:
        reader: Reader = import_module(READERS[kind]).pieces
        _write(reader(folder / SOURCE_NAME), folder / TARGET_NAME)
    except Refused as error:
        return {"error": str(error)}
    except ImportError as error:
        return {"missing": error.name or "a library"}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a parser may fail in any way at such a file
        return {"error": f"it is damaged ({type(error).__name__})"}
    return {}


def _write(pieces: Iterator[Piece], target: Path) -> None:
    room = MAX_TEXT_CHARS
    with target.open("w", encoding="utf-8") as file:
        for piece in pieces:
            text = piece.text.encode("utf-8", "replace").decode()[: room + 1].strip("\n")
            if text.strip():
                _put(file.write, piece.place, text[:room])
                room -= len(text)
            print(f"{PROGRESS}{piece.progress:.3f}", flush=True)  # noqa: T201 - the server reads it
            if room <= 0:
                _put(file.write, "", CUT)
                return


def _put(write: Callable[[str], object], place: str, text: str) -> None:
    write(json.dumps({"place": place, "text": text}) + "\n")
