"""Text from strangers as a model and a person may see it: nothing in it hides or reorders text."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]"
    r"|[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]"
    r"|[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
    r"|[\ud800-\udfff]|[\U000e0000-\U000e007f]"
)
"""Terminal codes, controls, characters without width, directions, lone surrogates and tags."""
_ONE_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u2069\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e01ef]"
)
"""One character of that kind, and what else looks like nothing."""
_NOT_IN_NAMES = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Categories of Unicode: controls, formats such as directions, what is no character, separators."""


def visible(text: str) -> str:
    """The text with plain line ends and without characters that hide or reorder it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _HIDDEN.sub("", text)


def escaped(text: str) -> str:
    """The text for a person who decides: what is hidden in it stands there as its number."""
    text = text.replace("\r\n", "\n")
    return _ONE_HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def visible_name(text: str) -> str:
    """A name on one line in Unicode's composed form, without what is not seen."""
    spaced = "".join(" " if character.isspace() else character for character in text)
    kept = (c for c in spaced if unicodedata.category(c) not in _NOT_IN_NAMES)
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))
