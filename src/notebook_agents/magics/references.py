"""The explicit forms of a prompt: each names something of the notebook, or is an error.

    @name  @name.attribute[key]  $`name`    a value, as {name}
    @cell:3  @cell:-1                       source and result of a cell that ran
    @file:data/notes.md  @file:"my plot.png"    what is in a file
    &name                                   a function that the model may call

``@@name`` and ``&&name`` are text with one sign. So are an address such as ada@example.org, a
package such as @scope/name, an HTML entity, decorators, and code between three backticks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notebook_agents.core.formatting import clip_text
from notebook_agents.core.masking import masked
from notebook_agents.magics.errors import close_to
from notebook_agents.magics.pictures import MEDIA_TYPES, Picture, picture_in

MAX_FILE_CHARS = 8_000
TABLES = (".csv", ".tsv", ".parquet", ".xlsx", ".db", ".sqlite", ".duckdb")
"""Files that tools query; a prompt names them."""
_BEFORE = " \t\n([{<\"',;:=/|"
_NAME = r"[^\W\d]\w*"
_VALUE = re.compile(rf"@({_NAME}(?:\.{_NAME}|\[[^\[\]\n]+\])*)(?![\w/-])")
_QUOTED = re.compile(r"\$`([^`\n]+)`")
_CELL = re.compile(r"@cell:(-?\d+)")
_FILE = re.compile(r"""@file:(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"']+))""")
_FUNCTION = re.compile(rf"&({_NAME})(?![\w;(&])")
_DECORATOR = re.compile(r"@[\w.]+(?:\([^\n]*\))?[ \t]*\n[ \t]*(?:@|def |async def |class )")
_ESCAPED = re.compile(r"(@@|&&)(?=[^\W\d])")
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands at one place of a prompt, and what becomes of it."""

    length: int
    """Characters of the prompt that it takes."""
    text: str
    picture: Picture | None = None
    function: tuple[str, Callable[..., Any]] | None = None
    problem: str = ""
    """Why the prompt cannot be sent."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What must not be sent."""

    why_hidden: Callable[[str], str] = field(default=lambda _name: "")
    """Why a variable must not be sent; empty when it may be."""
    masked: Callable[[str], str] = masked
    """Takes secrets out of cells, their results and their errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where references are looked up."""

    names: Mapping[str, Any]
    """Variables, with ``In``, ``Out`` and ``Err``."""
    write: Callable[[str], tuple[bool, str | None, Picture | None]]
    """A reference's value as ``{reference}`` puts it in: whether it is there, text, picture."""
    folder: Path
    privacy: Privacy = field(default_factory=Privacy)
    are_files_named: bool = False
    """Whether a file is only named, for a model that reads it with tools."""


def root_of(reference: str) -> str:
    """The variable that a reference begins with."""
    return re.split(r"[.\[]", reference)[0]


def refusal(reference: str, sources: Sources) -> str:
    """Why the value of a reference is not sent, and how it could be; empty when it may be.

    IPython's own names such as ``_`` and ``_3`` are told to nobody unasked, but may be named.
    """
    name = root_of(reference)
    reason = "" if name.startswith("_") else sources.privacy.why_hidden(name)
    allow = f"notebook_agents.show({name!r}) allows it"
    return f"the value of {name} is not sent, {reason}; {allow}" if reason else ""


def find(text: str, position: int, sources: Sources) -> Found | None:
    """The explicit reference at a position that has ``@``, ``&`` or ``$``; None is plain text."""
    sign = text[position]
    if sign == "$":
        match = _QUOTED.match(text, position)
        return _value(match[1].strip(), len(match[0]), sources, is_exact=True) if match else None
    if (position and text[position - 1] not in _BEFORE) or _is_in_code(text, position):
        return None
    if _ESCAPED.match(text, position):
        return Found(length=2, text=sign)
    if sign == "&":
        return _function(text, position, sources)
    if match := _CELL.match(text, position):
        return _cell(int(match[1]), len(match[0]), sources)
    if match := _FILE.match(text, position):
        return _file(match, sources)
    match = _VALUE.match(text, position)
    if match is None or _DECORATOR.match(text, position):
        return None
    return _value(match[1], len(match[0]), sources)


def _value(reference: str, length: int, sources: Sources, *, is_exact: bool = False) -> Found:
    """The longest reference that is there: ``@df.Then`` may be ``@df``, a stop and a word."""
    if why := refusal(reference, sources):
        return Found(length=length, text="", problem=why)
    tried = reference
    while tried:
        is_found, written, picture = sources.write(tried)
        if is_found:
            length -= len(reference) - len(tried)
            if written is None:
                problem = f"the value of {tried} cannot be written as text"
                return Found(length=length, text="", problem=problem)
            return Found(length=length, text=written, picture=picture)
        tried = "" if is_exact else tried.rpartition(".")[0]
    name = root_of(reference)
    return Found(length=length, text="", problem=_no_variable(name, reference, sources.names))


def _no_variable(name: str, reference: str, names: Mapping[str, Any]) -> str:
    if name in names:
        return f"{name} is there, but {reference} is not"
    known = [known for known in names if not known.startswith("_")]
    near = close_to(name, known)
    hint = f"did you mean @{near}? " if near else ""
    return f"there is no variable {name!r}; {hint}as text: @@{name}"


def _function(text: str, position: int, sources: Sources) -> Found | None:
    match = _FUNCTION.match(text, position)
    if match is None:
        return None
    name, length = match[1], len(match[0])
    value = sources.names.get(name)
    if callable(value):
        return Found(length=length, text=name, function=(name, value))
    if name in sources.names:
        kind = type(value).__name__
        return Found(length=length, text="", problem=f"&{name}: {name} is a {kind}, no function")
    functions = [n for n, v in sources.names.items() if callable(v) and not n.startswith("_")]
    near = close_to(name, functions)
    if not near:
        note = f"&{name} was left as it is: there is no function {name}"
        return Found(length=length, text=match[0], note=note)
    problem = f"there is no function {name!r}; did you mean &{near}? as text: &&{name}"
    return Found(length=length, text="", problem=problem)


def _cell(number: int, length: int, sources: Sources) -> Found:
    sources_of_cells = sources.names.get("In", [])
    n_run = len(sources_of_cells) - 1  # the last one is the cell that asks
    index = n_run + number if number < 0 else number
    if not 0 < index < n_run or not sources_of_cells[index]:
        last = f"the last one is @cell:{n_run - 1}" if n_run > 1 else "no other cell has run"
        return Found(length=length, text="", problem=f"there is no cell {number}; {last}")
    source = sources.privacy.masked(sources_of_cells[index].strip("\n"))
    lines = [f"Cell {index}:", "```python", source, "```"]
    for label, where in (("Result", "Out"), ("Error", "Err")):
        is_found, written, _ = sources.write(f"{where}[{index}]")
        if is_found and written is not None:
            lines += [f"{label} of cell {index}:", sources.privacy.masked(written)]
    return Found(length=length, text="\n".join(lines))


def _file(match: re.Match[str], sources: Sources) -> Found:
    quoted = match[1] or match[2]
    name = quoted or match[3].rstrip(".,;:!?)") or match[3]
    length = len(match[0]) - (0 if quoted else len(match[3]) - len(name))
    path = (sources.folder / Path(name).expanduser()).resolve()
    if not path.is_file():
        near = close_to(Path(name).name, _beside(path))
        hint = f"; did you mean {Path(name).with_name(near)}?" if near else ""
        kind = "is a folder" if path.is_dir() else "is not there"
        return Found(length=length, text="", problem=f"the file {name!r} {kind}{hint}")
    if path.suffix.lower() in MEDIA_TYPES:
        picture = picture_in(path)
        note = "" if picture else f"{name} is too large to be sent as an image"
        return Found(length=length, text=f"[image {name}]", picture=picture, note=note)
    if sources.are_files_named or path.suffix.lower() in TABLES:
        return Found(length=length, text=name)
    return _text_file(path, name, length)


def _text_file(path: Path, name: str, length: int) -> Found:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_CHARS * 4)
    if b"\0" in data:
        note = f"{name} is no text; only its name is sent, and tools may read it"
        return Found(length=length, text=name, note=note)
    text = data.decode("utf-8", errors="replace")
    shown = clip_text(text, max_chars=MAX_FILE_CHARS)
    cut = "" if shown == text and path.stat().st_size <= len(data) else ", cut"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    body = "\n".join((f"File {name} ({path.stat().st_size:,} bytes{cut}):", fence, shown, fence))
    return Found(length=length, text=body, note=f"{name} was cut" if cut else "")


def _beside(path: Path) -> list[str]:
    return [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []


def _is_in_code(text: str, position: int) -> bool:
    """Whether a position is between three backticks."""
    return len(_FENCE.findall(text, 0, position)) % 2 == 1
