"""Which of several tables a request is about, where it names columns and no table.

The built-in model is weak at this choice, and it needs no model: when exactly one table of the
context lines has all the columns that the user says, the prompt tells of that one alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from notebook_agents.core.outlines import Outline, read_line
from notebook_agents.engine.prompt import CONTEXT_LABELS, ChatMessage

_FILE_WORDS = ("file", "files", "folder", "directory", "path")


def focused(chat: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The chat with the one table in its context lines that the last request must mean.

    Unchanged where the request names a table or speaks of files, says no column, or fits several.
    """
    said = next((m["content"] for m in reversed(chat) if m["role"] == "user"), "").lower()
    lines = [line for m in chat if m["role"] == "system" for line in m["content"].split("\n")]
    things = [
        thing for line in lines if line.startswith(CONTEXT_LABELS) for thing in read_line(line)
    ]
    meant = _meant(said, things)
    if meant is None:
        return list(chat)
    return [_about(m, meant) if m["role"] == "system" else m for m in chat]


def is_said(column: str, request: str) -> bool:
    """Whether a request in lower case says a column: in any case, with spaces, in the plural."""
    name = column.lower()
    words = spaced(column)
    forms = {name, words, name.removesuffix("s"), f"{name}s", f"{words}s"}
    return any(_has(request, form) for form in forms if form)


def key(column: str) -> str:
    """Names with the same key are the same to a user."""
    return spaced(column).replace(" ", "").removesuffix("s")


def spaced(column: str) -> str:
    """``unitPrice`` and ``unit_price`` as ``unit price``."""
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    return re.sub(r"[\s_-]+", " ", parts).strip().lower()


def _meant(request: str, things: Sequence[Outline]) -> Outline | None:
    if len(things) < 2 or any(_is_named(thing.name, request) for thing in things):
        return None
    if any(_has(request, word) for word in _FILE_WORDS):
        return None
    said = [{key(column) for column in t.columns if is_said(column, request)} for t in things]
    everything = set().union(*said)
    fits = [thing for thing, own in zip(things, said, strict=True) if own == everything]
    return fits[0] if everything and len(fits) == 1 else None


def _is_named(name: str, request: str) -> bool:
    path = PurePosixPath(name.lower())
    return any(
        _has(request, form) for form in (str(path), path.name, path.stem, path.suffix[1:]) if form
    )


def _has(request: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", request) is not None


def _about(message: ChatMessage, meant: Outline) -> ChatMessage:
    kept = [
        line if not line.startswith(CONTEXT_LABELS) else f"{line.partition(': ')[0]}: {meant.text}"
        for line in message["content"].split("\n")
        if not line.startswith(CONTEXT_LABELS) or meant in read_line(line)
    ]
    return {**message, "content": "\n".join(kept)}
