"""Which of several tables a request is about: the ones it names, or the one with its columns.

The built-in model is weak at this choice, and it needs no model: what the user names, and when
exactly one table of the context lines has all the columns that the user says that one, is all that
the prompt tells of. Where anything else could be meant, a table that was spoken of before among
it, it tells of all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from notebook_agents.core.outlines import MORE, Outline, outline_line, read_line
from notebook_agents.engine.prompt import CONTEXT_LABELS, ChatMessage

_FILE_WORDS = ("files", "folder", "folders", "directory", "path", "paths")
_TABLE_FILES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".xlsx")
_EVERYDAY = frozenset(("all", "am", "an", "as", "at", "be", "by", "count", "data", "do", "first",
    "for", "how", "id", "in", "is", "it", "last", "list", "me", "most", "my", "name", "new", "no",
    "notes", "number", "of", "on", "or", "plot", "report", "result", "results", "sample", "show",
    "so", "summary", "table", "test", "the", "to", "total", "up", "us", "we", "what"))  # fmt: skip
"""Names that are said without any column or table being meant."""
_SEVERAL = re.compile(
    r"\b(other|others|another|both|two|together|vs|versus|except|besides|union"
    r"|(join|merg|compar|combin|concat)[a-z]*)\b"
)
"""Words of a request that may mean tables that it does not name."""


def focused(chat: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The chat with the tables in its context lines that the last request must mean.

    Those are the ones that it names, but for requests about several or about files. Where it names
    none the chat is unchanged if one before did, or if the request says no column, fits several
    tables, or could fit one whose columns are not all told.
    """
    requests = [m["content"].lower() for m in chat if m["role"] == "user"]
    things = told_of(chat)
    last = requests[-1] if requests else ""
    if any(_has(last, word) for word in _FILE_WORDS):
        return list(chat)
    meant = named(last, things)
    before = [*requests, *_called(chat)]
    if not (meant or any(_is_named(thing.name, text) for thing in things for text in before)):
        meant = _fitting(last, things)
    if not 0 < len(meant) < len(things):
        return list(chat)
    return [_about(m, meant) if m["role"] == "system" else m for m in chat]


def told_of(chat: Sequence[ChatMessage]) -> list[Outline]:
    """The things that the context lines of a chat tell of."""
    lines = [line for m in chat if m["role"] == "system" for line in m["content"].split("\n")]
    return [thing for line in lines if line.startswith(CONTEXT_LABELS) for thing in read_line(line)]


def said_columns(request: str, thing: Outline) -> set[str]:
    """The keys of the columns of a thing that a request in lower case says."""
    said = {key(column) for column in thing.columns if is_said(column, request)}
    return {column for column in said if len(column) > 1 and column not in _EVERYDAY}


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


def named(request: str, things: Sequence[Outline]) -> list[Outline]:
    """The things that a request in lower case names, unless it can mean more than these."""
    if _SEVERAL.search(request) or not any(_is_called(thing, request) for thing in things):
        return []
    found = [t for t in things if _is_called(t, request) or _is_alluded_to(t.name, request)]
    names = {key(PurePosixPath(thing.name).stem) for thing in found}
    if names & {key(column) for thing in things for column in thing.columns}:
        return []
    said = without_names(request, found)
    if any(said_columns(said, t) for t in things) and not any(said_columns(said, t) for t in found):
        return []
    return [thing for thing in found if not _is_other_place(thing, found, request)]


def without_names(request: str, things: Sequence[Outline]) -> str:
    """A request in lower case without the names of files, which may look like columns."""
    text = slashed(request)
    for name in sorted((thing.name.lower() for thing in things), key=len, reverse=True):
        for form in (name, PurePosixPath(name).name) if "." in name else ():
            text = text.replace(form, " ")
    return text


def _fitting(request: str, things: Sequence[Outline]) -> list[Outline]:
    """The one table that has all columns of a request, or none."""
    if _has(request, "file"):
        return []
    said = [{key(column) for column in t.columns if is_said(column, request)} for t in things]
    everything = set().union(*said)
    if not any(len(column) > 1 and column not in _EVERYDAY for column in everything):
        return []
    fits = [thing for thing, own in zip(things, said, strict=True) if own == everything]
    hides = [thing for thing in things if thing not in fits and _hides_columns(thing)]
    return fits if len(fits) == 1 and not hides else []


def _called(chat: Sequence[ChatMessage]) -> list[str]:
    """What tools were given, in lower case."""
    functions = (call["function"] for message in chat for call in message.get("tool_calls", ()))
    return [str(value).lower() for f in functions for value in f["arguments"].values()]


def _hides_columns(thing: Outline) -> bool:
    """Whether a table has columns that the line does not tell."""
    return MORE in thing.columns or (_is_table(thing) and not thing.columns)


def _is_table(thing: Outline) -> bool:
    return "." not in thing.name or thing.name.lower().endswith(_TABLE_FILES)


def _is_called(thing: Outline, request: str) -> bool:
    """Whether a request surely has the name of a thing; files other than tables by their whole."""
    path = PurePosixPath(thing.name.lower())
    forms = {str(path), path.name}
    if path.stem not in _EVERYDAY and len(path.stem) > 1 and _is_table(thing):
        forms.add(path.stem)
    return any(_has(slashed(request), form) for form in forms - _EVERYDAY if len(form) > 1)


def _is_alluded_to(name: str, request: str) -> bool:
    """Whether a request may mean a thing: its name with spaces, or one of several."""
    words = spaced(PurePosixPath(name).stem)
    forms = {words, words.removesuffix("s"), f"{words}s"} - _EVERYDAY
    return any(_has(request, form) for form in forms if len(form) > 1)


def _is_other_place(thing: Outline, found: Sequence[Outline], request: str) -> bool:
    """Whether a file of the same name in another folder is named with its folder."""
    path = PurePosixPath(thing.name.lower())
    others = (PurePosixPath(other.name.lower()) for other in found if other != thing)
    return any(
        other.name == path.name and len(other.parts) > 1 and _has(slashed(request), str(other))
        for other in others
    )


def slashed(request: str) -> str:
    """A request with the slashes of other systems than Windows."""
    return request.replace("\\", "/")


def _is_named(name: str, request: str) -> bool:
    """Whether a request may have the name of a thing."""
    path = PurePosixPath(name.lower())
    words = spaced(PurePosixPath(name).stem)
    forms = {str(path), path.name, path.stem, path.suffix[1:], words, words.removesuffix("s")}
    return any(_has(request, form) for form in (*forms, f"{words}s") if form)


def _has(request: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", request) is not None


def _about(message: ChatMessage, meant: Sequence[Outline]) -> ChatMessage:
    kept = []
    for line in message["content"].split("\n"):
        if not line.startswith(CONTEXT_LABELS):
            kept.append(line)
        elif texts := [thing.text for thing in read_line(line) if thing in meant]:
            kept.append(outline_line(line.partition(": ")[0], texts))
    return {**message, "content": "\n".join(kept)}
