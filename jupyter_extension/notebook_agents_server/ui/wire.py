"""What the page and its server say to each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.dashboards.filters import Filters

MAX_SQL_CHARS = 20_000
EVERYTHING = "all"
Short = Annotated[str, Field(max_length=300)]


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A day or a time, which is UTC without a zone."""


class BoardQuery(BaseModel):
    """Which runs are looked at, as it stands in the address of the page."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[str, Field(max_length=20)] = "7"
    """A number, or ``all``."""
    since: Moment | None = None
    until: Moment | None = None
    model: Short = ""
    source: Short = ""
    notebook: Short = ""
    user: Short = ""
    agent: Short = ""
    find: Short = ""
    version_a: Short = ""
    version_b: Short = ""
    everybody: bool = False
    """Everybody's runs, for administrators."""
    part: Literal["", "first", "later"] = ""
    """What a reader begins with, or the other charts; else everything."""

    def filters(self) -> Filters:
        """The same for the dashboards; InvalidRequest names what is wrong."""
        named = self.model_dump(exclude={"days", "everybody", "part"})
        return Filters(days=self._n_days(), **named)

    def _n_days(self) -> float | None:
        if self.days == EVERYTHING:
            return None
        try:
            n_days = float(self.days)
        except ValueError:
            n_days = math.nan
        if not math.isfinite(n_days):
            raise InvalidRequest(f"{self.days!r} is no number of days; or say 'all'", field="days")
        return n_days


class Question(BaseModel):
    """A statement, perhaps one that the person wrote."""

    model_config = ConfigDict(extra="forbid")

    sql: Annotated[str, Field(min_length=1, max_length=MAX_SQL_CHARS)]
    filters: BoardQuery = BoardQuery()
    """What ``$name`` in it stands for."""
    chart: Annotated[str, Field(max_length=50)] = ""
    """The chart that draws it."""


class FileWish(Question):
    """The rows of a statement as a file."""

    format: Literal["csv", "parquet"]


def plain(value: Any) -> Any:
    """A value of a database as one that every JSON has."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [plain(each) for each in value]
    return float(value) if hasattr(value, "as_tuple") else str(value)
