"""Identifiers: one time-ordered UUID (version 7, RFC 9562 §5.7) per object.

Dialects print them with prefixes of their own and parse any form back.
"""

from __future__ import annotations

import secrets
import time
import uuid


def new_id() -> str:
    """A new UUIDv7 as 36 characters; ids made later sort after ids made earlier (1 ms)."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    value |= 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def is_id(text: str) -> bool:
    """Whether ``text`` is a UUID in any of its written forms."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
