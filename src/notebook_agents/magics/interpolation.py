"""``{name}`` in a prompt becomes the value of a notebook variable; any other brace stays a brace.

Only a name followed by attributes and subscripts is looked up, never a call, and only when it
resolves. Code, JSON and LaTeX in a prompt are therefore left alone and nothing ever raises.
``{{`` writes one ``{``, and the ``}}`` that closes it writes one ``}``. Values are put in once and
not scanned again, so braces inside a value cannot pull in another one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from notebook_agents.magics.values import is_frame, value_text

_REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*|\[[^\[\]{}\n]+\])*")
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


def interpolate(
    text: str,
    namespace: Mapping[str, Any],
    *,
    max_chars: int = 2000,
    are_frames_named: bool = False,
) -> Interpolated:
    """Put variables of ``namespace`` in; each value takes at most ``max_chars`` characters.

    With ``are_frames_named`` a data frame becomes its own name: for a model that is told the
    frames' columns in a line of their own and was not trained to read more.
    """

    def look_up(reference: str) -> tuple[bool, str | None]:
        """Whether there is such a variable, and the text it becomes."""
        is_found, value = resolve(reference, namespace)
        if not is_found:
            return False, None
        if are_frames_named and reference.isidentifier() and is_frame(value):
            return True, reference
        return True, _written(value, max_chars)

    scan = _Scan(text, look_up)
    while scan.position < len(text):
        scan.step()
    return Interpolated(
        text="".join(scan.pieces),
        replaced=tuple(scan.replaced),
        unresolved=tuple(scan.unresolved),
        unwritable=tuple(scan.unwritable),
    )


class _Scan:
    """Goes through a prompt once, from brace to brace."""

    def __init__(self, text: str, look_up: Callable[[str], tuple[bool, str | None]]) -> None:
        self.position = 0
        self.pieces: list[str] = []
        self.replaced: list[str] = []
        self.unresolved: list[str] = []
        self.unwritable: list[str] = []
        self._text = text
        self._look_up = look_up
        self._open_braces: list[str] = []

    def step(self) -> None:
        """Take one brace, one reference, or the text up to the next brace."""
        if self._text.startswith("{{", self.position):
            self._open("{{")
        elif self._text[self.position] == "{":
            self._open_or_replace()
        elif self._text[self.position] == "}":
            self._close()
        else:
            end = _next_brace(self._text, self.position)
            self.pieces.append(self._text[self.position : end])
            self.position = end

    def _open(self, brace: str) -> None:
        self._open_braces.append(brace)
        self.pieces.append("{")
        self.position += len(brace)

    def _open_or_replace(self) -> None:
        reference = _reference_at(self._text, self.position + 1)
        is_found, written = self._look_up(reference) if reference else (False, None)
        if written is not None:
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


def _written(value: Any, max_chars: int) -> str | None:
    try:
        return value_text(value, max_chars=max_chars)
    except Exception:  # noqa: BLE001 - a __str__ of the user's may raise anything
        return None


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


def _next_brace(text: str, start: int) -> int:
    found = re.compile(r"[{}]").search(text, start)
    return found.start() if found else len(text)
