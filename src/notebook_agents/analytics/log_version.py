"""Whether anything happened since somebody looked, without reading what."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_agents.core.analytics import LogSnapshot

OWN_STREAMS = ("_", "requests-", "engine-")
"""What the server records of itself: looking is a request, and would be seen as news."""


def log_version(snapshot: LogSnapshot) -> str:
    """A short text that is another after events of runs were appended; called on a thread."""
    digest = hashlib.sha256()
    for name in snapshot.hot:
        path = Path(name)
        if path.name.startswith(OWN_STREAMS):
            continue
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # a compaction put it elsewhere
            size = -1
        digest.update(f"{path.name}\0{size}\0".encode())
    digest.update("\0".join(sorted(snapshot.cold)).encode())
    return digest.hexdigest()[:16]
