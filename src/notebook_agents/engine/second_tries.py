"""Which file the built-in model may read after it asked for one that cannot be read.

A slip of the pen is worth a second try with the name that is there; another file is not what was
asked for, however near it stands in the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from notebook_agents.engine.prompt import CONTEXT_LABELS, ERROR_MARK, ChatMessage, has_failed

LEAST_LIKENESS = 0.6
"""Names less alike than this are other names, not slips."""
_READER = "file_reader"
_THERE = "files here: "
_FILES = CONTEXT_LABELS[1]
_COLUMNS = re.compile(r"\([^()]*\)$")


def lost_paths(chat: Sequence[ChatMessage]) -> list[str]:
    """The files that could not be read since the user spoke."""
    calls: list[ChatMessage] = []
    results: list[ChatMessage] = []
    for message in reversed(chat):
        if message["role"] == "user":
            break
        calls += reversed([call["function"] for call in message.get("tool_calls", ())])
        results += [message] if message["role"] == "tool" else []
    return [
        str(call["arguments"].get("path", ""))
        for call, result in zip(calls, results, strict=False)
        if call["name"] == _READER and has_failed(result)
    ]


def second_tries(chat: Sequence[ChatMessage], lost: Sequence[str]) -> list[str]:
    """The files that are there and whose names are like those of lost ones."""
    tried = set(lost)
    found = {name for text in _told(chat) for name in _names(text)} - tried
    # An absolute path fails too, and its name alone may be there.
    found |= {_base(path) for path in lost} - tried
    return sorted(name for name in found if any(_are_alike(name, path) for path in lost))


def _told(chat: Sequence[ChatMessage]) -> Iterator[str]:
    for message in chat:
        if message["role"] == "tool":
            yield message["content"]
        elif message["role"] == "system":
            yield from (line for line in message["content"].split("\n") if line.startswith(_FILES))


def _names(text: str) -> Iterator[str]:
    if text.startswith(_FILES):
        yield from (_COLUMNS.sub("", name) for name in text.removeprefix(_FILES).split("; "))
    elif not text.startswith(ERROR_MARK):
        yield from text.split("\n")
    elif _THERE in text:
        yield from text.partition(_THERE)[2].split(", ")


def _are_alike(name: str, path: str) -> bool:
    one, other = (PurePosixPath(_base(text)).stem.casefold() for text in (name, path))
    is_part = one in other or other in one
    return bool(one and other) and (
        is_part or SequenceMatcher(None, one, other, autojunk=False).ratio() >= LEAST_LIKENESS
    )


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
