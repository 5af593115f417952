"""How the command for the event log reads moments and tells of sizes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notebook_agents.core.log_keeping import CompactionReport, LogSizes

_AGE = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_STEP = 1024


def moment_of(field: str, text: str, now: datetime) -> datetime | None:
    """The moment that a text names, as a date, a time or an age; None for an empty one.

    InvalidRequest on the field for anything else. Without a zone it is UTC.
    """
    if not text:
        return None
    try:
        if age := _AGE.fullmatch(text):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"--{field}={text!r} is no moment; give 2026-11-30, 2026-11-30T12:00 or an age as 30d",
            field=field,
        ) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def size_of(n_bytes: float) -> str:
    """A size for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n_bytes < _STEP or unit == "GiB":
            break
        n_bytes /= _STEP
    return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"


def size_lines(sizes: LogSizes, names: Mapping[str, str]) -> list[str]:
    """What a log holds, and whose that is."""
    lines = [
        f"appended to  {sizes.n_hot_files} files, {size_of(sizes.hot_bytes)}",
        f"compacted    {sizes.n_cold_events} events, {sizes.n_cold_files} files,"
        f" {size_of(sizes.cold_bytes)}",
    ]
    if sizes.n_torn_files:
        torn = f"{sizes.n_torn_files} files, {size_of(sizes.torn_bytes)}"
        lines.append(f"no events    {torn}: what a broken disk or a strange program left")
    if sizes.hot_bytes:
        lines.append("Owners are told of what is compacted; whose the rest is, is not counted.")
    return [*lines, *_owner_lines(sizes, names)]


def _owner_lines(sizes: LogSizes, names: Mapping[str, str]) -> Iterator[str]:
    if not sizes.owners:
        return
    yield "owner  events  size  first  last"
    for owner in sorted(sizes.owners, key=lambda owner: -owner.n_events):
        name = names.get(owner.owner_id) or owner.owner_id or "(nobody's)"
        days = f"{owner.first_at:%Y-%m-%d}  {owner.last_at:%Y-%m-%d}"
        yield f"{name}  {owner.n_events}  {size_of(owner.n_bytes)}  {days}"


def compaction_lines(done: CompactionReport) -> list[str]:
    """What a compaction did."""
    if not (done.n_segments or done.n_merged or done.n_removed):
        return ["nothing is to be compacted"]
    lines = [
        f"compacted {done.n_events} events of {done.n_segments} segments into {done.n_files} files,"
        f" {size_of(done.bytes_before)} into {size_of(done.bytes_after)}, in"
        f" {done.duration_ms / 1000:.1f} s"
    ]
    if done.n_removed:
        lines.append(f"removed {done.n_removed} events of deleted conversations for good")
    if done.n_torn:
        lines.append(f"{done.n_torn} lines are no events; they are kept in the folder torn")
    return lines
