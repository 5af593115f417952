"""Exchanges about dates and times of day, in the many forms that people write them."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from notebook_agents.engine.training.conversation import Exchange
from notebook_agents.engine.training.python_calls import (
    asked,
    count,
    filled,
    finished,
    with_stand_in,
)
from notebook_agents.engine.training.scene import Scene
from notebook_agents.engine.training.words import MONTHS, ordinal

_IMPORT = "from datetime import date\n"
_IMPORT_BOTH = "from datetime import date, timedelta\n"

TWO_DATES = {
    "days": _IMPORT + "print(abs((date({p}) - date({q})).days))",
    "weeks": _IMPORT + "print(round(abs((date({p}) - date({q})).days) / 7, 2))",
}
ONE_DATE = {
    "weekday": _IMPORT + "print(date({p}).strftime('%A'))",
    "day_of_year": _IMPORT + "print(date({p}).timetuple().tm_yday)",
    "week_of_year": _IMPORT + "print(date({p}).isocalendar().week)",
}
MOVED_DATE = {
    "days_after": _IMPORT_BOTH + "print(date({p}) + timedelta(days={n}))",
    "days_before": _IMPORT_BOTH + "print(date({p}) - timedelta(days={n}))",
    "weeks_after": _IMPORT_BOTH + "print(date({p}) + timedelta(weeks={n}))",
    "weeks_before": _IMPORT_BOTH + "print(date({p}) - timedelta(weeks={n}))",
}
CLOCK = {
    "today": _IMPORT + "print(date.today())",
    "weekday_today": _IMPORT + "print(date.today().strftime('%A'))",
    "tomorrow": _IMPORT_BOTH + "print(date.today() + timedelta(days=1))",
    "yesterday": _IMPORT_BOTH + "print(date.today() - timedelta(days=1))",
    "days_from_today": _IMPORT_BOTH + "print(date.today() + timedelta(days={n}))",
    "days_until": _IMPORT + "print((date({p}) - date.today()).days)",
    "days_since": _IMPORT + "print((date.today() - date({p})).days)",
}
TIMES = {
    "minutes_between": "print(({c} * 60 + {d}) - ({a} * 60 + {b}))",
    "time_in_minutes": "print({a} * 60 + {b})",
}
_AGE_CODE = "print({y} - {x} - (({r}) < ({s})))"
_LEAP_CODE = "import calendar\nprint(calendar.isleap({y}))"
_MONTH_CODE = "import calendar\nprint(calendar.monthrange({y}, {m})[1])"


def _random_day(scene: Scene) -> datetime.date:
    rng = scene.rng
    first = 1950 if scene.chance(0.2) else 2018
    return datetime.date(rng.randint(first, 2032), rng.randint(1, 12), rng.randint(1, 28))


def _written(scene: Scene, day: datetime.date, form: int) -> str:
    """One of the forms of a date; dots stand for the day first."""
    month = MONTHS[day.month - 1]
    month = month.lower() if form % 2 and scene.chance(0.15) else month
    short = month[:3]
    place = ordinal(str(day.day))
    forms = (
        day.isoformat(), day.isoformat(), day.isoformat(), f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}", f"{day.day:02d}.{day.month:02d}.{day.year}",
        f"{day.day} {short} {day.year}", f"{day.day}.{day.month}.{day.year}",
        f"{month} {day.day} {day.year}", f"{place} of {month} {day.year}",
        f"{month} {place}, {day.year}", f"{short} {day.day}, {day.year}",
        f"the {place} of {month} {day.year}", f"{place} {month} {day.year}",
        f"{day.day}. {month} {day.year}", f"{day.year}/{day.month:02d}/{day.day:02d}",
    )  # fmt: skip
    return forms[form]


_N_FORMS = 16


def _arguments(day: datetime.date) -> str:
    return f"{day.year}, {day.month}, {day.day}"


def _two(scene: Scene) -> Exchange:
    name = scene.rng.choice(("days", "days", "weeks"))
    first = _random_day(scene)
    near = datetime.timedelta(days=scene.rng.randint(1, scene.rng.choice((30, 200, 900))))
    second = first + near if scene.chance(0.75) else max(_random_day(scene), first + near)
    form = scene.rng.randrange(_N_FORMS)
    said = {"p": _written(scene, first, form), "q": _written(scene, second, form)}
    code = filled(TWO_DATES[name], {"p": _arguments(first), "q": _arguments(second)})
    return finished(scene.words(asked(scene, name), said), code, "arithmetic dates")


def _one(scene: Scene) -> Exchange:
    name = scene.rng.choice(("weekday", "weekday", "weekday", "day_of_year", "week_of_year"))
    day = _random_day(scene)
    text = scene.words(
        asked(scene, name), {"p": _written(scene, day, scene.rng.randrange(_N_FORMS))}
    )
    return finished(text, filled(ONE_DATE[name], {"p": _arguments(day)}), "arithmetic dates")


def _moved(scene: Scene) -> Exchange:
    name = scene.rng.choice(list(MOVED_DATE))
    day = _random_day(scene)
    n = count(scene, 100 if "days" in name else 20)
    said = {"p": _written(scene, day, scene.rng.randrange(_N_FORMS)), "n": n.said}
    code = filled(MOVED_DATE[name], {"p": _arguments(day), "n": n.code})
    return finished(scene.words(asked(scene, name), said), code, "arithmetic dates")


def _clock(scene: Scene) -> Exchange:
    """Code that reads the clock; the result is made up."""
    name = scene.rng.choice(("today", "today", *CLOCK))
    day = _random_day(scene)
    n = count(scene, 100)
    said = {"p": _written(scene, day, scene.rng.randrange(_N_FORMS)), "n": n.said}
    code = filled(CLOCK[name], {"p": _arguments(day), "n": n.code})
    made = finished(scene.words(asked(scene, name), said), code)
    if name in ("days_until", "days_since"):
        return with_stand_in(made, str(scene.rng.randint(1, scene.rng.choice((90, 800, 9000)))))
    shown = _random_day(scene)
    return with_stand_in(made, f"{shown:%A}" if name == "weekday_today" else shown.isoformat())


def _age(scene: Scene) -> Exchange:
    born, day = sorted((_random_day(scene), _random_day(scene)))
    if scene.chance(0.6):
        born = born.replace(year=scene.rng.randint(1930, 2012))
    form = scene.rng.randrange(_N_FORMS)
    said = {"p": _written(scene, born, form), "q": _written(scene, day, form)}
    values = {
        "y": str(day.year), "x": str(born.year), "r": f"{day.month}, {day.day}",
        "s": f"{born.month}, {born.day}",
    }  # fmt: skip
    text = scene.words(asked(scene, "age"), said)
    return finished(text, filled(_AGE_CODE, values), "arithmetic dates")


def _calendar(scene: Scene) -> Exchange:
    year = str(scene.rng.randint(1850, 2120))
    if scene.chance(0.5):
        text = scene.words(asked(scene, "leap"), {"y": year})
        return finished(text, filled(_LEAP_CODE, {"y": year}), "arithmetic dates")
    month = scene.rng.randrange(12)
    said = MONTHS[month] if scene.chance(0.5) else MONTHS[month].lower()
    text = scene.words(asked(scene, "month_days"), {"m": said, "y": year})
    code = filled(_MONTH_CODE, {"y": year, "m": str(month + 1)})
    return finished(text, code, "arithmetic dates")


def _times(scene: Scene) -> Exchange:
    rng = scene.rng
    if scene.chance(0.4):
        hours, minutes = count(scene, 30), str(rng.randint(1, 59))
        said = {"a": hours.said, "b": minutes}
        code = filled(TIMES["time_in_minutes"], {"a": hours.code, "b": minutes})
        text = scene.words(asked(scene, "time_in_minutes"), said)
        return finished(text, code, "arithmetic dates")
    start = rng.randrange(0, 1380)
    end = rng.randrange(start + 1, 1440)
    hour = rng.choice(("{}", "{:02d}"))
    said = {slot: f"{hour.format(t // 60)}:{t % 60:02d}" for slot, t in (("p", start), ("q", end))}
    values = {"a": start // 60, "b": start % 60, "c": end // 60, "d": end % 60}
    code = filled(TIMES["minutes_between"], {k: str(v) for k, v in values.items()})
    text = scene.words(asked(scene, "minutes_between"), said)
    return finished(text, code, "arithmetic dates")


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (_two, 5), (_one, 4), (_moved, 4), (_clock, 4), (_age, 2), (_calendar, 2), (_times, 2),
)  # fmt: skip
"""Makers of exchanges about dates and how often each is drawn."""
