"""Which runs a dashboard looks at: one SELECT whose values are bound, never pasted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from notebook_agents.core.errors import InvalidRequest

SOURCES = {
    "magic": "notebook",
    "schedule": "schedule",
    "python": "Python",
    "mcp": "MCP",
}
"""Where runs come from, in words; others are named as they are."""
_DIALECTS = {word.lower(): dialect for dialect, word in SOURCES.items()}
MAX_DAYS = 36_500
HOURS = timedelta(days=2, hours=1)
MINUTES = timedelta(hours=3)
"""Up to so long, time is told by the hour, or by the minute."""
FORMATS = {"minute": "%Y-%m-%d %H:%M", "hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d"}
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
CONDITIONS = {
    "model": "model = $model",
    "source": "dialect = $source",
    "notebook": "notebook = $notebook",
    "user": "user_id = $user",
    "agent": "agent_id = $agent",
}
"""What each filter asks of a run; the value is bound."""
NAME = re.compile(r"\$([a-z_]+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which runs are looked at; an empty text is any."""

    days: float | None = 7
    """Back from `now`; None is everything. Counts only without `since`."""
    since: datetime | None = None
    until: datetime | None = None
    model: str = ""
    source: str = ""
    """The API that asked, as ``dialect`` in the views; what `SOURCES` calls it is understood."""
    notebook: str = ""
    """The name of its file."""
    user: str = ""
    """Of the views of administrators."""
    agent: str = ""
    find: str = ""
    """What sequences of tools must contain; a part of a name."""
    version_a: str = ""
    """The agent's version that `version_b` is compared with."""
    version_b: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)

    def __post_init__(self) -> None:
        if self.days is not None and not 0 < self.days <= MAX_DAYS:
            raise InvalidRequest(f"take more than 0 and at most {MAX_DAYS} days", field="days")
        if self.since and self.until and self.since >= self.until:
            raise InvalidRequest("the time must begin before it ends", field="since")
        source = self.source.lower()
        object.__setattr__(self, "source", _DIALECTS.get(source, source))

    @property
    def begins(self) -> datetime:
        """The first moment that is looked at."""
        if self.since is not None:
            return self.since
        return BEGINNING if self.days is None else self.now - timedelta(days=self.days)

    @property
    def ends(self) -> datetime:
        """The moment before which runs began."""
        return self.until or self.now + timedelta(minutes=1)  # clocks of servers differ

    @property
    def sql(self) -> str:
        """One SELECT for these runs; see `parameters`."""
        wished = [text for name, text in CONDITIONS.items() if getattr(self, name)]
        where = " AND ".join(["started >= $since", "started < $until", *wished])
        return f"SELECT * FROM v_runs WHERE {where}"  # noqa: S608 - names of our own

    @property
    def parameters(self) -> dict[str, Any]:
        """What `$name` stands for in statements of these filters."""
        wished = {name: getattr(self, name) for name in CONDITIONS if getattr(self, name)}
        own = {
            "find": self.find,
            "agent": self.agent,
            "version_a": self.version_a,
            "version_b": self.version_b,
        }
        return {"since": self.begins, "until": self.ends} | own | wished

    def bound(self, sql: str) -> dict[str, Any]:
        """Those of the parameters that a statement names: a database refuses others."""
        return {name: value for name, value in self.parameters.items() if name in names_in(sql)}

    @property
    def bucket(self) -> str:
        """The unit of time along the axis of charts."""
        length = self.ends - self.begins
        return "minute" if length <= MINUTES else "hour" if length <= HOURS else "day"

    def narrowed(self, wish: Mapping[str, Any]) -> Filters:
        """With what a click on a point asks for, see `figures.Series`; the rest stays."""
        known: dict[str, Any] = {
            name: str(wish[name]) for name in (*CONDITIONS, "find") if wish.get(name)
        }
        if (text := wish.get("time")) is None:
            return replace(self, **known)
        since = datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
        until = since + timedelta(**{f"{self.bucket}s": 1})
        return replace(self, since=since, until=until, **known)

    def words(self, users: Mapping[str, str] | None = None) -> str:
        """What is looked at, in words; ``users`` are their names by their ids."""
        if self.since or self.until:
            time = f"{moment(self.begins)} to {moment(self.ends)}"
        else:
            told = "Everything" if self.days is None else f"The last {_length(self.days)}"
            time = f"{told}, until {moment(self.now)}"
        named = {
            "source": SOURCES.get(self.source, self.source),
            "user": (users or {}).get(self.user, self.user),
        }
        parts = [f"{name} {named.get(name, getattr(self, name))}" for name in CONDITIONS
                 if getattr(self, name)]  # fmt: skip
        return " · ".join([time, *parts])


def in_words(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it is shown, with its source in words."""
    source = row.get("source")
    return row | {"source": SOURCES.get(source, source)} if isinstance(source, str) else row


def names_in(sql: str) -> set[str]:
    """The parameters that a statement names."""
    return set(NAME.findall(sql))


def moment(at: datetime) -> str:
    """A moment with its zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def told(parameters: Mapping[str, Any]) -> str:
    """Parameters in words, to stand beside a statement."""
    return "\n".join(
        f"${name} = {value.isoformat() if isinstance(value, datetime) else value!r}"
        for name, value in parameters.items()
    )


def _length(days: float) -> str:
    return f"{days * 24:g} hours" if days <= 2 else f"{days:g} days"
