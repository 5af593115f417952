"""Keeping the log small, whole and no longer than it may be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from notebook_agents.core.errors import Conflict
from notebook_agents.core.events import MACHINE_STREAMS
from notebook_agents.core.log_keeping import (
    IDLE_S,
    CompactionReport,
    LogFault,
    LogSizes,
    OwnerSize,
    Prune,
)
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.commits import Change
from notebook_agents.eventlog.compaction import Tools, compact, open_tools
from notebook_agents.eventlog.counting import counts_of
from notebook_agents.eventlog.locks import only_keeper
from notebook_agents.eventlog.manifest import ColdFile, read_manifest
from notebook_agents.eventlog.rewriting import Leaving, prune, recover, resolve_removed
from notebook_agents.eventlog.segments import Segment, all_segments, hot_folder
from notebook_agents.eventlog.verifying import verify

FORGET_ROUNDS = 5
"""What is written while an owner is forgotten is looked for so often."""


class EventLogKeeping:
    """Answers the LogKeeping port with the folder of a home; all methods block."""

    def __init__(self, home: Path, archive: str = "") -> None:
        """``archive`` is where compacted events lie, as `eventlog.archive` reads it."""
        self._home, self._place = home, archive

    @property
    def archive(self) -> Archive:
        """Where the Parquet files lie."""
        return Archive(self._home, self._place)

    def compact(self, idle_s: float = IDLE_S) -> CompactionReport:
        """Close segments and move their events into Parquet files.

        Conflict while another process compacts, or where the system cannot lock files.
        """
        with self._tools() as tools:
            return compact(tools, idle_s)

    def verify(self) -> Sequence[LogFault]:
        """Read everything and tell what is wrong."""
        return list(verify(self._home, self._place))

    def prune(self, wish: Prune) -> int:
        """Remove old events that are in Parquet files; returns how many. Conflict as above."""
        with self._tools() as tools:
            recover(tools.rewriter, self._home)
            resolve_removed(tools.rewriter, self._home)  # what is left is counted without them
            n_samples = self._prune_samples(wish)
            return n_samples + prune(tools.rewriter, self._home, wish)

    def forget(self, owner_id: str) -> int:
        """Remove every event of an owner; returns how many.

        Conflict as above, and where events of theirs are written again and again meanwhile.
        """
        n_forgotten = 0
        with self._tools() as tools:
            for _ in range(FORGET_ROUNDS):
                compact(tools, 0.0)
                n_forgotten += self._forget_compacted(tools, owner_id)
                if not self._is_written_of(owner_id):
                    return n_forgotten
        raise Conflict(
            f"events of {owner_id!r} are written while they are removed; block the account and"
            " forget it again"
        )

    def sizes(self) -> LogSizes:
        """How much there is."""
        files = read_manifest(self._home).files
        hot = [segment.size for segment in all_segments(self._home)]
        torn = [path.stat().st_size for path in self._torn()]
        return LogSizes(
            n_hot_files=len(hot),
            hot_bytes=sum(hot),
            n_cold_files=len(files),
            cold_bytes=sum(file.n_bytes for file in files),
            n_cold_events=sum(file.n_events for file in files),
            n_torn_files=len(torn),
            torn_bytes=sum(torn),
            owners=_owners(files),
        )

    @contextmanager
    def _tools(self) -> Iterator[Tools]:
        hot_folder(self._home).mkdir(mode=0o700, parents=True, exist_ok=True)
        with only_keeper(self._home):
            tools = open_tools(self._home, self.archive)
            with closing(tools.connection):
                yield tools

    def _torn(self) -> list[Path]:
        folder = self._home / "events" / "torn"
        return list(folder.iterdir()) if folder.exists() else []

    def _forget_compacted(self, tools: Tools, owner_id: str) -> int:
        mine = read_manifest(self._home).of(owner_id)
        if not mine:
            return 0
        streams = tools.rewriter.streams(mine, Leaving(condition="true", bound={}))
        tools.commits.will_recount(streams)
        tools.commits.make(Change(drop=frozenset(file.name for file in mine)))
        tools.rewriter.recount(self._home, streams)
        self._forget_torn(streams)
        return sum(file.n_events for file in mine)

    def _is_written_of(self, owner_id: str) -> bool:
        """Whether a segment holds events of an owner, which came since it was compacted."""
        return any(
            owner_id in _owners_of(segment)
            for segment in all_segments(self._home)
            if segment.size and not segment.stream.startswith("_")
        )

    def _forget_torn(self, streams: set[str]) -> None:
        for path in self._torn():
            if path.name.partition(".")[0] in streams:
                path.unlink(missing_ok=True)

    def _prune_samples(self, wish: Prune) -> int:
        """Remove the streams of whole days that samples of the machine are kept in."""
        of_all = wish.owner_id in (None, "")
        if not of_all or "machine_sampled" in wish.keep:
            return 0
        if wish.only and "machine_sampled" not in wish.only:
            return 0
        n_removed = 0
        for segment in all_segments(self._home):
            day = segment.stream.removeprefix(MACHINE_STREAMS)
            if day != segment.stream and day < f"{wish.before:%Y-%m-%d}":
                n_removed += segment.path.read_bytes().count(b"\n")
                segment.path.unlink(missing_ok=True)
        return n_removed


def _owners_of(segment: Segment) -> tuple[str, ...]:
    try:
        return counts_of(segment.path).owner_ids()
    except FileNotFoundError:  # removed since
        return ()


def _owners(files: Sequence[ColdFile]) -> tuple[OwnerSize, ...]:
    by_owner: dict[str, list[ColdFile]] = defaultdict(list)
    for file in files:
        by_owner[file.owner_id].append(file)
    return tuple(
        OwnerSize(
            owner_id=owner_id,
            n_events=sum(file.n_events for file in mine),
            n_bytes=sum(file.n_bytes for file in mine),
            first_at=min(file.first_at for file in mine),
            last_at=max(file.last_at for file in mine),
        )
        for owner_id, mine in sorted(by_owner.items())
    )
