"""Which files hold the events of a log, for whoever reads all of them with SQL."""

from __future__ import annotations

from pathlib import Path

from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.manifest import read_manifest
from notebook_agents.eventlog.segments import all_segments


class EventFiles:
    """Answers the LogFiles port with the folder of a home."""

    def __init__(self, home: Path, archive: str = "") -> None:
        self._home = home
        self._place = archive

    def snapshot(self, owner_id: str | None = None) -> LogSnapshot:
        """What is to be read now; streams that begin with an underscore are not about work.

        The manifest is read before and after the segments are listed: where it is the same, no
        segment went from one to the other meanwhile.
        """
        archive = Archive(self._home, self._place)
        before = read_manifest(self._home)
        while True:
            hot = [s for s in all_segments(self._home) if s.size and not s.stream.startswith("_")]
            manifest = read_manifest(self._home)
            if manifest.number == before.number:
                break
            before = manifest
        return LogSnapshot(
            hot=tuple(sorted(str(s.path) for s in hot if s.path.name not in manifest.covers)),
            cold=tuple(archive.address(file.name) for file in manifest.of(owner_id)),
            removed=tuple(sorted(manifest.removed)),
        )
