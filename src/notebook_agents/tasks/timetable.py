"""When cron expressions come round, by cronsim; answers the Timetable port.

Clock changes are met as Debian's cron does. What names an hour runs once a day: in the hour that is
left out it runs right after it, in the hour that comes twice the first time. What runs every so
many minutes or hours goes on by real time.

Where both days are restricted either may match, which croniter takes for restrictions with a step,
such as ``*/10``, too; cronsim would ask for both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from notebook_agents.core.errors import InvalidRequest

MAX_CHARS = 200
FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31 or L, the last"),
    ("month", "1-12 or JAN-DEC"),
    ("day of the week", "0-7 or SUN-SAT; 0 and 7 are Sunday"),
)
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_UNTIL_SUNDAY = re.compile(r"(?<=[A-Z1-6]-)SUN(?![A-Z])")
_FROM_SUNDAY = re.compile(r"(?:SUN|0)-")


class CronTimetable:
    """Five fields in the clocks of a time zone."""

    def check(self, cron: str, timezone: str) -> None:
        """InvalidRequest that names what is wrong, and where."""
        _zone(timezone)
        if len(cron) > MAX_CHARS:
            raise _wrong(f"has {len(cron)} characters, at most {MAX_CHARS} are read")
        parts = cron.split()
        if len(parts) != len(FIELDS):
            names = ", ".join(name for name, _ in FIELDS)
            raise _wrong(f"{cron!r} has {len(parts)} fields, it needs {len(FIELDS)}: {names}")
        for index, (name, values) in enumerate(FIELDS):
            alone = ["*"] * len(FIELDS)
            alone[index] = parts[index]
            if not _is_read(" ".join(alone)):
                raise _wrong(
                    f"field {index + 1} of {len(FIELDS)}, {name}, is {parts[index]!r};"
                    f" it takes {values}, with * , - and /"
                )
        if not _is_read(cron):
            raise _wrong(f"field 3 of 5, day of the month, is {parts[2]!r}: no such day ever comes")

    def ticks(self, cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
        """The moments later than ``after``, in UTC."""
        last = after
        for moment in CronSim(_as_croniter(cron), after.astimezone(_zone(timezone))):
            tick = moment.astimezone(UTC)
            # Around a clock change several moments may fall on one, or before it.
            if tick > last:
                yield (last := tick)

    def local(self, moment: datetime, timezone: str) -> datetime:
        """A moment on the clocks of a zone."""
        return moment.astimezone(_zone(timezone))


def _is_read(cron: str) -> bool:
    try:
        next(CronSim(_as_croniter(cron), _SOME_DAY), None)
    except CronSimError:
        return False
    return True


def _as_croniter(cron: str) -> str:
    minute, hour, day, month, weekday = cron.upper().split()
    if not _FROM_SUNDAY.match(weekday):
        weekday = _UNTIL_SUNDAY.sub("7", weekday)
    if day != "*" and weekday != "*":
        day = re.sub(r"^\*", "1-31", day)
        weekday = re.sub(r"^\*", "0-6", weekday)
    return " ".join((minute, hour, day, month, weekday))


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo:
    # Reading the rules of a zone for the first time reads a small local file.
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidRequest(
            f"there is no time zone {name[:80]!r}; name one such as Europe/Berlin or UTC",
            field="timezone",
        ) from None


def _wrong(what: str) -> InvalidRequest:
    return InvalidRequest(f"the schedule: {what}", field="schedule_cron")
