"""``{name}`` in a prompt becomes the value of a notebook variable; any other brace stays a brace.

Only a name followed by attributes and subscripts is looked up, never a call, and only when it
resolves. Code, JSON and LaTeX in a prompt are therefore left alone and nothing ever raises.
``{{`` writes one ``{``, and the ``}}`` that closes it writes one ``}``. Values are put in once and
not scanned again, so braces inside a value cannot pull in another one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
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
    pieces: list[str] = []
    replaced: list[str] = []
    unresolved: list[str] = []
    unwritable: list[str] = []
    open_braces: list[str] = []
    position = 0
    while position < len(text):
        if text.startswith("{{", position):
            open_braces.append("{{")
            pieces.append("{")
            position += 2
        elif text[position] == "{":
            reference = _reference_at(text, position + 1)
            is_found, value = resolve(reference, namespace) if reference else (False, None)
            is_named = are_frames_named and reference.isidentifier() and is_frame(value)
            written = reference if is_named else _written(value, max_chars) if is_found else None
            if written is not None:
                pieces.append(written)
                replaced.append(reference)
                position += len(reference) + 2
                continue
            if is_found:
                unwritable.append(reference)
            elif reference and _BARE_NAME.fullmatch(reference):
                unresolved.append(reference)
            open_braces.append("{")
            pieces.append("{")
            position += 1
        elif text[position] == "}":
            opened = open_braces.pop() if open_braces else "{"
            pieces.append("}")
            position += 2 if opened == "{{" and text.startswith("}}", position) else 1
        else:
            end = _next_brace(text, position)
            pieces.append(text[position:end])
            position = end
    return Interpolated(
        text="".join(pieces),
        replaced=tuple(replaced),
        unresolved=tuple(unresolved),
        unwritable=tuple(unwritable),
    )


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
