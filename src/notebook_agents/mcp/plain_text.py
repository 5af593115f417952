"""Texts by strangers, as they may be shown."""

from __future__ import annotations

import unicodedata

CUT = "… (cut)"
_KEPT_CONTROLS = "\n\t"


def plain(text: str, longest: int) -> str:
    """The text without control and invisible characters, cut."""
    seen = "".join(
        c for c in text[: 2 * longest] if c in _KEPT_CONTROLS or unicodedata.category(c)[0] != "C"
    )
    is_cut = len(seen) > longest or len(text) > 2 * longest
    return seen[: longest - len(CUT)] + CUT if is_cut else seen
