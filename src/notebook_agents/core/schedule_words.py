"""When a task runs, as people say it: ``0 9 * * MON-FRI`` is "at 09:00 on Monday to Friday"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_agents.core.schedule_plans import SchedulePlan

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
N_FIELDS = 5


def schedule_in_words(plan: SchedulePlan) -> str:
    """The plan in a sentence; fields that are beyond it stay as they were written."""
    fields = plan.cron.split()
    if len(fields) != N_FIELDS:
        return f"{plan.cron} ({plan.timezone})"
    minute, hour, day, month, weekday = fields
    parts = [_time(minute, hour)]
    if day != "*":
        parts.append(f"on day {_list(day)} of the month")
    if weekday != "*":
        joint = "or on" if day != "*" else "on"
        parts.append(f"{joint} {_named(weekday, DAYS, 0)}")
    if month != "*":
        parts.append(f"in {_named(month, MONTHS, 1)}")
    is_daily = parts[0].startswith("at ") and ":" in parts[0] and day == month == weekday == "*"
    return f"{'every day ' if is_daily else ''}{' '.join(parts)} ({plan.timezone})"


def _time(minute: str, hour: str) -> str:
    if minute == hour == "*":
        return "every minute"
    if minute.startswith("*/"):
        within = "" if hour == "*" else f" in hour {_list(hour)}"
        return f"every {minute[2:]} minutes{within}"
    if minute.isdecimal() and hour.startswith("*/"):
        return f"every {hour[2:]} hours at minute {minute}"
    if minute.isdecimal() and hour == "*":
        return f"every hour at minute {minute}"
    if minute.isdecimal() and all(each.isdecimal() for each in hour.split(",")):
        times = [f"{int(each):02}:{int(minute):02}" for each in hour.split(",")]
        return f"at {_and(times)}"
    return f"at minute {_list(minute)} of hour {_list(hour)}"


def _list(field: str) -> str:
    return _and([each.replace("-", " to ") for each in field.split(",")])


def _named(field: str, names: tuple[str, ...], first: int) -> str:
    return _and([" to ".join(_name(end, names, first) for end in each.split("-")) for each in
                 field.split(",")])  # fmt: skip


def _name(text: str, names: tuple[str, ...], first: int) -> str:
    if text.isdecimal() and 0 <= (at := (int(text) - first)) <= len(names):
        return names[at % len(names)]
    found = [name for name in names if name[:3].upper() == text.upper()]
    return found[0] if found else text


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
