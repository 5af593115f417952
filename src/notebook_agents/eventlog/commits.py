"""Steps that change which files hold the log, each of which a crash may follow.

The order is always: new files, the manifest, what is known of streams, and only then do old files
and segments go. Whoever compacts next finishes what a killed process left.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.compacted import (
    Compacted,
    compacted_folder,
    read_compacted,
    write_compacted,
)
from notebook_agents.eventlog.counting import counts_of
from notebook_agents.eventlog.durable import DRAFT, sync_folder, write_whole
from notebook_agents.eventlog.locks import short_lock
from notebook_agents.eventlog.manifest import (
    ColdFile,
    Manifest,
    change_manifest,
    manifest_json,
    read_manifest,
)
from notebook_agents.eventlog.segments import Segment, all_segments, hot_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of the manifest."""

    add: tuple[ColdFile, ...] = ()
    drop: frozenset[str] = frozenset()
    """Names of files."""
    covers: frozenset[str] = frozenset()
    resolved: Mapping[str, int] = field(default_factory=dict)
    """Removed streams that are in no file any more, each up to which byte."""


class Commits:
    """Changes the manifest of a home, and what follows from that."""

    def __init__(self, home: Path, archive: Archive) -> None:
        self._home, self._archive = home, archive

    def make(self, change: Change) -> None:
        """Swap the manifest, then delete the Parquet files that it no longer names."""
        changed = change_manifest(self._home, lambda now: self._changed(now, change))
        self._archive.keep_manifest(manifest_json(changed))
        for name in change.drop:
            self._archive.delete(name)

    def finish(self, segments: Iterable[Segment]) -> None:
        """Note what covered segments hold, then delete them."""
        by_stream: dict[str, list[Segment]] = defaultdict(list)
        for segment in segments:
            by_stream[segment.stream].append(segment)
        done = [s for each in by_stream.values() for s in self._note(each)]
        sync_folder(compacted_folder(self._home))
        for segment in done:
            segment.path.unlink(missing_ok=True)

    def recover(self) -> None:
        """Finish what a killed process left, and delete what nobody knows of."""
        for folder in (compacted_folder(self._home), self._home / "events" / "torn"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with short_lock(self._home):  # nobody writes one of these now
            for folder in (self._home / "events", compacted_folder(self._home)):
                for draft in folder.glob(f"*{DRAFT}"):
                    draft.unlink(missing_ok=True)
        shutil.rmtree(self._home / "events" / "tmp", ignore_errors=True)
        manifest = read_manifest(self._home)
        there = sorted(all_segments(self._home), key=lambda s: (s.stream, s.base))
        self.finish(s for s in there if s.path.name in manifest.covers)
        for segment in there:
            if not segment.size and segment.base < read_compacted(self._home, segment.stream).end:
                segment.path.unlink(missing_ok=True)
        known = {file.name for file in manifest.files}
        for name in self._archive.names():
            if name not in known:
                self._archive.delete(name)

    def will_recount(self, streams: Collection[str]) -> None:
        """Note, before anything of these streams goes, that their counts will be wrong."""
        write_whole(self._recounting, json.dumps(sorted(streams)).encode())
        sync_folder(self._recounting.parent)

    def not_recounted(self) -> set[str]:
        """The streams whose counts a killed process left wrong."""
        try:
            return set(json.loads(self._recounting.read_bytes()))
        except FileNotFoundError:
            return set()

    def recount(self, counted: Mapping[str, Compacted], streams: Collection[str]) -> None:
        """Note what is left of streams; those that are not counted have nothing in files."""
        for stream in streams:
            with short_lock(self._home):
                known = read_compacted(self._home, stream)
                left = counted.get(stream)
                changed = (
                    Compacted(start=known.end, end=known.end, changed_at=known.changed_at)
                    if left is None
                    else replace(
                        known,
                        types=left.types,
                        first=left.first,
                        last=left.last,
                        owners=left.owners,
                    )
                )
                if not known.is_empty:
                    write_compacted(self._home, stream, changed)
        sync_folder(compacted_folder(self._home))
        self._recounting.unlink(missing_ok=True)

    @property
    def _recounting(self) -> Path:
        return self._home / "events" / "recounting.json"

    def _changed(self, now: Manifest, change: Change) -> Manifest:
        hot = hot_folder(self._home)
        covers = {name for name in now.covers if (hot / name).exists()} | change.covers
        resolved = change.resolved.items()
        return replace(
            now,
            files=tuple(f for f in now.files if f.name not in change.drop) + change.add,
            covers=frozenset(covers),
            removed={name: at for name, at in now.removed.items() if (name, at) not in resolved},
        )

    def _note(self, segments: list[Segment]) -> list[Segment]:
        """Add segments of one stream to what is known of it; returns those that may go."""
        done = []
        for segment in segments:
            try:
                held = _held_by(segment)
            except FileNotFoundError:  # removed, or noted before
                continue
            with short_lock(self._home):
                known = read_compacted(self._home, segment.stream)
                if known.end < segment.base:
                    continue
                if known.end == segment.base:
                    write_compacted(self._home, segment.stream, known.and_then(held))
            done.append(segment)
        return done


def _held_by(segment: Segment) -> Compacted:
    counts = counts_of(segment.path)
    return Compacted(
        end=segment.end,
        changed_at=segment.changed_at,
        first=counts.first.decode(),
        last=counts.last.decode(),
        types=dict(counts.types),
        owners=counts.owner_ids(),
    )
