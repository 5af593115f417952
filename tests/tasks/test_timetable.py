"""Cron expressions come round when expected, at clock changes too, and say what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.tasks.timetable import CronTimetable

TIMETABLE = CronTimetable()
YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def days(cron: str, n: int = 4, after: datetime = YEAR) -> list[str]:
    return [f"{tick:%a %m-%d}" for tick in islice(TIMETABLE.ticks(cron, "UTC", after), n)]


def local(cron: str, zone: str, after: str, n: int) -> list[str]:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    ticks = islice(TIMETABLE.ticks(cron, zone, moment), n)
    return [f"{tick.astimezone(ZoneInfo(zone)):%m-%d %H:%M%z}" for tick in ticks]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 0 * * 0", ["Sun 01-04", "Sun 01-11", "Sun 01-18", "Sun 01-25"]),
        ("0 0 * * 7", ["Sun 01-04", "Sun 01-11", "Sun 01-18", "Sun 01-25"]),
        ("0 0 * * 1-5", ["Fri 01-02", "Mon 01-05", "Tue 01-06", "Wed 01-07"]),
        ("0 0 * * mon,Wed", ["Mon 01-05", "Wed 01-07", "Mon 01-12", "Wed 01-14"]),
        ("0 0 * * 5-7", ["Fri 01-02", "Sat 01-03", "Sun 01-04", "Fri 01-09"]),
        ("0 0 * * SAT-SUN", ["Sat 01-03", "Sun 01-04", "Sat 01-10", "Sun 01-11"]),
        ("0 0 13 * FRI", ["Fri 01-02", "Fri 01-09", "Tue 01-13", "Fri 01-16"]),
        ("0 0 */10 * FRI", ["Fri 01-02", "Fri 01-09", "Sun 01-11", "Fri 01-16"]),
        ("0 0 1 JAN,jul *", ["Wed 07-01", "Fri 01-01", "Thu 07-01", "Sat 01-01"]),
        ("0 0 L * *", ["Sat 01-31", "Sat 02-28", "Tue 03-31", "Thu 04-30"]),
    ],
)
def test_days_are_those_of_croniter(cron: str, expected: list[str]) -> None:
    TIMETABLE.check(cron, "UTC")
    assert days(cron) == expected


def test_steps_and_the_29th_of_february() -> None:
    ticks = list(islice(TIMETABLE.ticks("5/15 9-17/4 * * *", "UTC", YEAR), 5))
    assert [f"{t:%H:%M}" for t in ticks] == ["09:05", "09:20", "09:35", "09:50", "13:05"]
    leap = islice(TIMETABLE.ticks("0 0 29 2 *", "UTC", YEAR), 3)
    assert [tick.year for tick in leap] == [2028, 2032, 2036]


def test_a_time_that_the_clocks_leave_out_is_met_right_after() -> None:
    assert local("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == [
        "03-29 03:00+0200",
        "03-30 02:30+0200",
    ]
    assert local("0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == [
        "03-29 03:00+0200",
        "03-30 02:00+0200",
    ]
    assert local("0 * * * *", "Europe/Berlin", "2026-03-29T00:10", 2) == [
        "03-29 03:00+0200",
        "03-29 04:00+0200",
    ]


def test_a_time_that_comes_twice_is_met_once_and_every_hour_twice() -> None:
    assert local("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2) == [
        "10-25 02:30+0200",
        "10-26 02:30+0100",
    ]
    assert local("0 * * * *", "Europe/Berlin", "2026-10-24T23:10", 3) == [
        "10-25 02:00+0200",
        "10-25 02:00+0100",
        "10-25 03:00+0100",
    ]


def test_no_tick_lies_before_the_moment_that_was_asked_about() -> None:
    # 02:15 for the second time: 02:30 was met when it came first.
    assert local("30 2 * * *", "Europe/Berlin", "2026-10-25T01:15", 1) == ["10-26 02:30+0100"]


def test_a_tick_is_not_its_own_next() -> None:
    nine = datetime(2026, 1, 2, 9, tzinfo=UTC)
    assert next(TIMETABLE.ticks("0 9 * * *", "UTC", nine)) == datetime(2026, 1, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("* * * *", "has 4 fields, it needs 5: minute, hour,"),
        ("* * * * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("", "has 0 fields"),
        ("60 * * * *", "field 1 of 5, minute, is '60'; it takes 0-59"),
        ("* 24 * * *", "field 2 of 5, hour, is '24'"),
        ("* * 0 * *", "field 3 of 5, day of the month, is '0'"),
        ("* * * FOO *", "field 4 of 5, month, is 'FOO'"),
        ("* * * * 8", "field 5 of 5, day of the week, is '8'"),
        ("*/0 * * * *", "field 1 of 5"),
        ("5-1 * * * *", "field 1 of 5"),
        ("* * * * MON-", "field 5 of 5"),
        ("* * * * ²", "field 5 of 5"),
        ("0 0 30 2 *", "no such day ever comes"),
        ("* " * 200, "characters"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(cron: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TIMETABLE.check(cron, "UTC")
    assert said in caught.value.message
    assert caught.value.details["field"] == "schedule_cron"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "Europe", "Europe/\0"])
def test_an_unknown_time_zone_is_named(zone: str) -> None:
    with pytest.raises(InvalidRequest, match="there is no time zone") as caught:
        TIMETABLE.check("* * * * *", zone)
    assert caught.value.details["field"] == "timezone"
