"""How the name of a file is said in a header, whatever is in it (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_NAME_CHARS = 150
_PLAIN = re.compile(r"[^A-Za-z0-9 ._()+-]")


def attachment(name: str) -> str:
    """A ``Content-Disposition`` that keeps the file and shows nothing of it."""
    name = "".join(char for char in name if char.isprintable() and char not in "/\\")
    name = unicodedata.normalize("NFC", name)[-MAX_NAME_CHARS:].lstrip(". ") or "file"
    plain = _PLAIN.sub("_", name)
    told = f'attachment; filename="{plain}"'
    return told if plain == name else f"{told}; filename*=UTF-8''{quote(name, safe='')}"
