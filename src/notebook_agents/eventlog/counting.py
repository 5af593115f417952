"""What lines hold, counted without parsing them."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

_HEAD = re.compile(
    rb'"ts":"([^"]+)".*?"user_id":"((?:[^"\\]|\\.)*)".*?"type":"([a-z_]+)","payload":'
)
"""Time, owner and type stand in a line before the payload, which alone holds words of others."""
PART_BYTES = 1 << 20
"""How much is read at once."""


@dataclass(slots=True)
class Counts:
    """What is known of a stream's lines so far."""

    position: int = 0
    """Bytes of whole lines."""
    types: Counter[str] = field(default_factory=Counter)
    first: bytes = b""
    """The time of the first event, as it was written."""
    last: bytes = b""
    owners: set[bytes] = field(default_factory=set)

    def add(self, content: bytes) -> bytes:
        """Count the whole lines; returns what follows them."""
        end = content.rfind(b"\n") + 1
        for line in content[:end].split(b"\n"):
            head = _HEAD.search(line)
            if head is None:  # torn or foreign
                continue
            self.types[head[3].decode()] += 1
            self.first, self.last = self.first or head[1], head[1]
            self.owners.add(head[2])
        self.position += end
        return content[end:]

    def owner_ids(self) -> tuple[str, ...]:
        """Whose events they are."""
        return tuple(sorted(json.loads(b'"%s"' % owner) for owner in self.owners))


def counts_of(path: Path) -> Counts:
    """What a whole segment holds; FileNotFoundError when it went."""
    counts, rest = Counts(), b""
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            rest = counts.add(rest + part)
    return counts


def split_line(content: bytes) -> tuple[dict[str, Any], str]:
    """The fields of a line before its payload, and the payload as text; nothing of a torn one."""
    head = _HEAD.search(content)
    if head is None:
        return {}, ""
    try:
        fields: dict[str, Any] = json.loads(content[: head.end()] + b"null}")
        return fields, content[head.end() : -1].decode()
    except (ValueError, RecursionError):
        return {}, ""


def first_time(content: bytes) -> datetime | None:
    """The time of the first event in a part of a segment, if a whole one begins there."""
    head = _HEAD.search(content)
    return datetime.fromisoformat(head[1].decode()) if head else None
