"""Which of several tables a request is about, where it names columns and no table.

The built-in model is weak at this choice, and it needs no model: when exactly one table of the
context lines has all the columns that the user says, the prompt tells of that one alone. Where
anything else could be meant, a table that was spoken of before among it, it tells of all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from notebook_agents.core.outlines import MORE, Outline, read_line
from notebook_agents.engine.prompt import CONTEXT_LABELS, ChatMessage

_FILE_WORDS = ("file", "files", "folder", "directory", "path")
_TABLE_FILES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".xlsx")
_EVERYDAY = frozenset(("all", "am", "an", "as", "at", "be", "by", "count", "do", "first", "for",
    "how", "id", "in", "is", "it", "last", "me", "most", "my", "name", "no", "number", "of", "on",
    "or", "show", "so", "the", "to", "total", "up", "us", "we", "what"))  # fmt: skip
"""Names of columns that are said without any column being meant."""


def focused(chat: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The chat with the one table in its context lines that the last request must mean.

    Unchanged where the request or one before names a table, where it speaks of files, says no
    column, or fits several tables or one whose columns are not all told.
    """
    requests = [m["content"].lower() for m in chat if m["role"] == "user"]
    lines = [line for m in chat if m["role"] == "system" for line in m["content"].split("\n")]
    things = [
        thing for line in lines if line.startswith(CONTEXT_LABELS) for thing in read_line(line)
    ]
    before = [*requests, *_called(chat)]
    if any(_is_named(thing.name, text) for thing in things for text in before):
        return list(chat)
    meant = _meant(requests[-1] if requests else "", things)
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
    if len(things) < 2 or any(_has(request, word) for word in _FILE_WORDS):
        return None
    said = [{key(column) for column in t.columns if is_said(column, request)} for t in things]
    everything = set().union(*said)
    if not any(len(column) > 1 and column not in _EVERYDAY for column in everything):
        return None
    fits = [thing for thing, own in zip(things, said, strict=True) if own == everything]
    hides = [thing for thing in things if thing not in fits and _hides_columns(thing)]
    return fits[0] if len(fits) == 1 and not hides else None


def _called(chat: Sequence[ChatMessage]) -> list[str]:
    """What tools were given, in lower case."""
    functions = (call["function"] for message in chat for call in message.get("tool_calls", ()))
    return [str(value).lower() for f in functions for value in f["arguments"].values()]


def _hides_columns(thing: Outline) -> bool:
    """Whether a table has columns that the line does not tell."""
    is_table = "." not in thing.name or thing.name.lower().endswith(_TABLE_FILES)
    return MORE in thing.columns or (is_table and not thing.columns)


def _is_named(name: str, request: str) -> bool:
    path = PurePosixPath(name.lower())
    words = spaced(PurePosixPath(name).stem)
    forms = {str(path), path.name, path.stem, path.suffix[1:], words, words.removesuffix("s")}
    return any(_has(request, form) for form in (*forms, f"{words}s") if form)


def _has(request: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", request) is not None


def _about(message: ChatMessage, meant: Outline) -> ChatMessage:
    kept = [
        line if not line.startswith(CONTEXT_LABELS) else f"{line.partition(': ')[0]}: {meant.text}"
        for line in message["content"].split("\n")
        if not line.startswith(CONTEXT_LABELS) or meant in read_line(line)
    ]
    return {**message, "content": "\n".join(kept)}
