"""``{name}`` in a prompt becomes the value of a notebook variable; any other brace stays a brace.

Only a name followed by attributes and subscripts is looked up, never a call, and only when it
resolves. Code, JSON and LaTeX in a prompt are therefore left alone and nothing ever raises.
``{{`` writes one ``{``, and the ``}}`` that closes it writes one ``}``. Values are put in once and
not scanned again, so braces inside a value cannot pull in another one. The explicit forms
``@name``, ``@cell:n``, ``@file:path`` and ``&function`` are in ``references.py``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notebook_agents.magics.pictures import Picture, picture_of, plotly_words
from notebook_agents.magics.references import Found, Privacy, Sources, find, refusal, root_of
from notebook_agents.magics.values import is_frame, value_text

_REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*|\[[^\[\]{}\n]+\])*")
_OF_CELLS = re.compile(r"In|Out|Err|_+|_i{1,3}|_i?\d+")
"""What IPython keeps of cells, and their errors."""
_SIGN = re.compile(r"[{}@$&]")
SIGNS = "@$&"
"""What explicit references begin with."""
_BARE_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolated:
    """A prompt with its values in place."""

    text: str
    replaced: tuple[str, ...] = ()
    """The references that became values."""
    unresolved: tuple[str, ...] = ()
    """What looks like a variable, names none, and was left as it stood."""
    unwritable: tuple[str, ...] = ()
    """Variables whose value cannot be written as text, left as they stood too."""
    pictures: tuple[Picture, ...] = ()
    """Plots and images, for a model that sees; the text tells of each."""
    functions: tuple[tuple[str, Callable[..., Any]], ...] = ()
    """What the model may call, by name."""
    problems: tuple[str, ...] = ()
    """Explicit references that mean nothing; the prompt must not be sent."""
    notes: tuple[str, ...] = ()


def interpolate(
    text: str,
    namespace: Mapping[str, Any],
    *,
    max_chars: int = 2000,
    are_frames_named: bool = False,
    privacy: Privacy | None = None,
) -> Interpolated:
    """Put variables of ``namespace`` in; each value takes at most ``max_chars`` characters.

    With ``are_frames_named`` a data frame becomes its own name, and so does a file: for a model
    that is told the frames' columns in a line of their own and was not trained to read more.
    ``privacy`` says which variables are not put in, and takes the secrets out of what cells gave
    and raised.
    """
    rules = privacy or Privacy()

    def look_up(reference: str) -> tuple[bool, str | None, Picture | None]:
        """Whether there is such a variable, the text it becomes, and what it looks like."""
        is_found, value = resolve(reference, namespace)
        if not is_found:
            return False, None, None
        if are_frames_named and reference.isidentifier() and is_frame(value):
            return True, reference, None
        written, picture = _written(reference, value, max_chars)
        if written is not None and _OF_CELLS.fullmatch(root_of(reference)):
            written = rules.masked(written)
        return True, written, picture

    sources = Sources(
        names=namespace,
        write=look_up,
        folder=Path.cwd(),
        privacy=rules,
        are_files_named=are_frames_named,
    )
    scan = _Scan(text, sources)
    while scan.position < len(text):
        scan.step()
    return scan.result()


class _Scan:
    """Goes through a prompt once, from sign to sign."""

    def __init__(self, text: str, sources: Sources) -> None:
        self.position = 0
        self.pieces: list[str] = []
        self.replaced: list[str] = []
        self.unresolved: list[str] = []
        self.unwritable: list[str] = []
        self.pictures: list[Picture] = []
        self.found: list[Found] = []
        self._text = text
        self._sources = sources
        self._open_braces: list[str] = []

    def result(self) -> Interpolated:
        """Everything so far."""
        return Interpolated(
            text="".join(self.pieces),
            replaced=tuple(self.replaced),
            unresolved=tuple(self.unresolved),
            unwritable=tuple(self.unwritable),
            pictures=tuple(self.pictures),
            functions=tuple(found.function for found in self.found if found.function),
            problems=tuple(found.problem for found in self.found if found.problem),
            notes=tuple(found.note for found in self.found if found.note),
        )

    def step(self) -> None:
        """Take one brace, one reference, or the text up to the next sign."""
        if self._text.startswith("{{", self.position):
            self._open("{{")
        elif self._text[self.position] == "{":
            self._open_or_replace()
        elif self._text[self.position] == "}":
            self._close()
        elif self._text[self.position] not in SIGNS or not self._take_explicit():
            end = _next_sign(self._text, self.position + 1)
            self.pieces.append(self._text[self.position : end])
            self.position = end

    def _take_explicit(self) -> bool:
        found = find(self._text, self.position, self._sources)
        if found is None:
            return False
        self.found.append(found)
        self.pieces.append(found.text)
        self.pictures += [found.picture] if found.picture else []
        self.position += found.length
        return True

    def _open(self, brace: str) -> None:
        self._open_braces.append(brace)
        self.pieces.append("{")
        self.position += len(brace)

    def _open_or_replace(self) -> None:
        reference = _reference_at(self._text, self.position + 1)
        if reference and (why := refusal(reference, self._sources)):
            self.found.append(Found(length=0, text="", note=why))
            reference = ""
        is_found, written, picture = (
            self._sources.write(reference) if reference else (False, None, None)
        )
        if written is not None:
            self.pictures += [picture] if picture else []
            self.pieces.append(written)
            self.replaced.append(reference)
            self.position += len(reference) + 2
            return
        if is_found:
            self.unwritable.append(reference)
        elif reference and _BARE_NAME.fullmatch(reference):
            self.unresolved.append(reference)
        self._open("{")

    def _close(self) -> None:
        opened = self._open_braces.pop() if self._open_braces else "{"
        self.pieces.append("}")
        is_pair = opened == "{{" and self._text.startswith("}}", self.position)
        self.position += 2 if is_pair else 1


def resolve(reference: str, namespace: Mapping[str, Any]) -> tuple[bool, Any]:
    """Whether ``name.attribute[key]`` names a value, and the value."""
    try:
        tree = ast.parse(reference, mode="eval").body
    except (SyntaxError, ValueError):
        return False, None
    try:
        return True, _value_of(tree, namespace)
    except Exception:  # noqa: BLE001 - a property or __getitem__ of the user's may raise anything
        return False, None


def _written(reference: str, value: Any, max_chars: int) -> tuple[str | None, Picture | None]:
    try:
        if words := plotly_words(value):
            return f"[{reference}: {words}]", None
        picture = picture_of(value)
        if picture is not None:
            return f"[{reference}: {picture.about}]", picture
        return value_text(value, max_chars=max_chars), None
    except Exception:  # noqa: BLE001 - a __str__ of the user's may raise anything
        return None, None


def _value_of(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return namespace[name]
        case ast.Attribute(value=inner, attr=attribute):
            return getattr(_value_of(inner, namespace), attribute)
        case ast.Subscript(value=inner, slice=key):
            return _value_of(inner, namespace)[_key_of(key, namespace)]
    raise LookupError


def _key_of(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Slice):
        bounds = (node.lower, node.upper, node.step)
        return slice(*(_key_of(b, namespace) if b is not None else None for b in bounds))
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _value_of(node, namespace)


def _reference_at(text: str, start: int) -> str:
    found = _REFERENCE.match(text, start)
    if found is None or not text.startswith("}", found.end()):
        return ""
    return found[0]


def _next_sign(text: str, start: int) -> int:
    found = _SIGN.search(text, start)
    return found.start() if found else len(text)
