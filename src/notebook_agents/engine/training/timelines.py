"""Exchanges about tables with a column of dates: first and last, per month, between two dates."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.conversation import Exchange
from notebook_agents.engine.training.fixtures import Column, Table, make_table
from notebook_agents.engine.training.questions import LABELS, Question
from notebook_agents.engine.training.relations import Row, quoted, shown
from notebook_agents.engine.training.scene import Scene, Source, is_named, table_exchange
from notebook_agents.engine.training.words import MONTHS

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
AGGREGATES = ("mean", "mean", "sum", "sum", "sum", "min", "max")


@dataclass(frozen=True)
class Period:
    """A unit of time, how SQL and pandas take it from a date, and the pool of its phrases."""

    pool: str
    sql: str
    code: str
    cut: Callable[[str], str]

    @property
    def word(self) -> str:
        """The unit as a noun."""
        return self.pool.removeprefix("per_")

    def sql_of(self, column: str) -> str:
        """The SQL expression of the unit."""
        return self.sql.replace("{t}", quoted(column))

    def header_of(self, column: str) -> str:
        """The unit as DuckDB repeats it in the header of a result."""
        return self.sql.replace("{t}", shown(column))

    def code_of(self, column: str) -> str:
        """The pandas expression of the unit."""
        return self.code.replace("{t}", f"{{S}}['{column}']")


def _weekday(day: str) -> str:
    return DAYS[date.fromisoformat(day).weekday()]


PERIODS = (
    Period("per_month", "strftime({t}, '%Y-%m')", "{t}.astype(str).str[:7]", lambda d: d[:7]),
    Period("per_month", "strftime({t}, '%Y-%m')", "{t}.astype(str).str[:7]", lambda d: d[:7]),
    Period("per_year", "strftime({t}, '%Y')", "{t}.astype(str).str[:4]", lambda d: d[:4]),
    Period("per_year", "strftime({t}, '%Y')", "{t}.astype(str).str[:4]", lambda d: d[:4]),
    Period("per_weekday", "dayname({t})", "pd.to_datetime({t}).dt.day_name()", _weekday),
)
"""The units that both engines can group by in one expression."""


@dataclass(frozen=True)
class Span:
    """A condition on dates in the words of the user, in SQL, in pandas and as a test."""

    said: str
    slots: dict[str, str]
    sql: str
    code: str
    fits: Callable[[str], bool]


@dataclass(frozen=True)
class Timeline:
    """A table with a column of dates."""

    source: Source
    column: str
    is_said: bool
    """Whether the request names the column; else its name in the context says what it is."""

    @property
    def days(self) -> list[str]:
        """The dates of all rows."""
        return [str(value) for value in self.source.table.values(self.column)]

    def phrase(self, scene: Scene, pool: str) -> str:
        """A phrase; `{O}` becomes the words that name the column, if any do."""
        said = scene.picker.pick("date_column") if self.is_said else ""
        return scene.picker.pick(pool).replace("{O}", said)


def first_or_last(scene: Scene) -> Exchange:
    """The first or the last date."""
    line, is_first = _timeline(scene, must_say=True), scene.chance(0.5)
    name, word = ("min", "first") if is_first else ("max", "last")
    phrase = line.phrase(scene, f"{word}_date")
    value = min(line.days) if is_first else max(line.days)
    t = line.column
    return _exchange(
        scene, line, phrase, f"SELECT {name.upper()}({quoted(t)}) FROM '{{S}}'",
        f"print({{S}}['{t}'].{name}())", [f"{name}({shown(t)})"], [(value,)],
        f"The {word} {t} in {{S}} is ",
    )  # fmt: skip


def first_and_last(scene: Scene) -> Exchange:
    """The first and the last date."""
    line = _timeline(scene)
    t, q = line.column, quoted(line.column)
    found = min(line.days), max(line.days)
    code = f"print({{S}}['{t}'].min(), {{S}}['{t}'].max(), sep=', ')"
    return _exchange(
        scene, line, line.phrase(scene, "date_range"), f"SELECT MIN({q}), MAX({q}) FROM '{{S}}'",
        code, [f"min({shown(t)})", f"max({shown(t)})"], [found],
        f"The first and last {t} in {{S}}: ", csv=", ".join(found),
    )  # fmt: skip


def days_between(scene: Scene) -> Exchange:
    """The number of days from the first to the last date."""
    line = _timeline(scene)
    t, q = line.column, quoted(line.column)
    last, first = (f"pd.to_datetime({{S}}['{t}'].{name}())" for name in ("max", "min"))
    code = f"import pandas as pd\nprint(({last} - {first}).days)"
    found = date.fromisoformat(max(line.days)) - date.fromisoformat(min(line.days))
    return _exchange(
        scene, line, line.phrase(scene, "date_span"), f"SELECT MAX({q}) - MIN({q}) FROM '{{S}}'",
        code, [f"(max({shown(t)}) - min({shown(t)}))"], [(found.days,)],
        f"The number of days from the first to the last {t} in {{S}} is ",
    )  # fmt: skip


def counted_by_period(scene: Scene) -> Exchange:
    """The number of rows per month, year or weekday."""
    line, period = _timeline(scene), scene.rng.choice(PERIODS)
    unit, taken = period.sql_of(line.column), period.code_of(line.column)
    phrase = line.phrase(scene, "period_counts").replace("{U}", scene.picker.pick(period.pool))
    sql = f"SELECT {unit}, COUNT(*) FROM '{{S}}' GROUP BY 1 ORDER BY 1"
    code = _imported(f"print({taken}.value_counts().sort_index().to_csv())")
    table = _by_period(line, period)
    rows = rel.grouped(table, line.column, None, "count")
    return _exchange(
        scene, line, phrase, sql, code, [period.header_of(line.column), "count_star()"], rows,
        f"Number of rows {_unit_words(period)} of {line.column} in {{S}}:", form="pairs",
        csv=rel.csv_text([line.column, "count"], rows),
    )  # fmt: skip


def aggregate_by_period(scene: Scene) -> Exchange:
    """An aggregate per month, year or weekday."""
    line, period, op = _timeline(scene), scene.rng.choice(PERIODS), scene.rng.choice(AGGREGATES)
    c = line.source.table.pick(scene.rng, number=True)
    unit, taken = period.sql_of(line.column), period.code_of(line.column)
    phrase = line.phrase(scene, "period_aggregate").replace("{A}", scene.picker.pick(op))
    phrase = phrase.replace("{U}", scene.picker.pick(period.pool))
    columns = [period.header_of(line.column), rel.HEADERS[op].format(shown(c))]
    sql = f"SELECT {unit}, {rel.SQL_NAMES[op].format(quoted(c))} FROM '{{S}}' GROUP BY 1 ORDER BY 1"
    code = _imported(f"print({{S}}.groupby({taken})['{c}'].{rel.PANDAS_NAMES[op]}.to_csv())")
    rows = rel.grouped(_by_period(line, period), line.column, c, op)
    return _exchange(
        scene, line, phrase, sql, code, columns, rows,
        f"{LABELS[op]} {c} {_unit_words(period)} of {line.column} in {{S}}:", form="pairs",
        csv=rel.csv_text([line.column, c], rows), slots={"c": c},
    )  # fmt: skip


def best_period(scene: Scene) -> Exchange:
    """The month, year or weekday with the largest or smallest aggregate."""
    line, period, op = _timeline(scene), scene.rng.choice(PERIODS), scene.rng.choice(AGGREGATES[:5])
    c, down = line.source.table.pick(scene.rng, number=True), scene.chance(0.65)
    phrase = line.phrase(scene, "period_top" if down else "period_low")
    phrase = phrase.replace("{A}", scene.picker.pick(op)).replace("{M}", period.word)
    measure, order = rel.SQL_NAMES[op].format(quoted(c)), "DESC" if down else "ASC"
    unit = period.sql_of(line.column)
    sql = f"SELECT {unit}, {measure} FROM '{{S}}' GROUP BY 1 ORDER BY 2 {order} LIMIT 1"
    grouped = f"{{S}}.groupby({period.code_of(line.column)})['{c}'].{rel.PANDAS_NAMES[op]}"
    code = _imported(f"print({grouped}.{'nlargest' if down else 'nsmallest'}(1).to_csv())")
    rows = rel.grouped(_by_period(line, period), line.column, c, op)
    rows.sort(key=lambda row: float(str(row[1])), reverse=down)
    columns = [period.header_of(line.column), rel.HEADERS[op].format(shown(c))]
    head = f"{'Highest' if down else 'Lowest'} {LABELS[op].lower()} {c} {_unit_words(period)}"
    return _exchange(
        scene, line, phrase, sql, code, columns, rows[:1], f"{head} of {line.column} in {{S}}:",
        form="pairs", csv=rel.csv_text([line.column, c], rows[:1]), slots={"c": c},
    )  # fmt: skip


def rows_of_span(scene: Scene) -> Exchange:
    """The rows between two dates, before or after one, or of a month or year."""
    line = _timeline(scene)
    span, table = _span(scene, line), line.source.table
    phrase = scene.picker.pick("date_rows").replace("{D}", span.said)
    sql = f"SELECT * FROM '{{S}}' WHERE {span.sql} LIMIT 20"
    code = f"print({{S}}[{span.code}].head(20).to_csv(index=False))"
    return _exchange(
        scene, line, phrase, sql, code, table.names, _rows_in(line, span),
        "Matching rows in {S}:", form="rows", slots=span.slots,
    )  # fmt: skip


def count_of_span(scene: Scene) -> Exchange:
    """The number of rows of a span of time."""
    line = _timeline(scene)
    span = _span(scene, line)
    phrase = scene.picker.pick("date_count").replace("{D}", span.said)
    return _exchange(
        scene, line, phrase, f"SELECT COUNT(*) FROM '{{S}}' WHERE {span.sql}",
        f"print(len({{S}}[{span.code}]))", ["count_star()"], [(len(_rows_in(line, span)),)],
        "The number of matching rows in {S} is ", slots=span.slots,
    )  # fmt: skip


def aggregate_of_span(scene: Scene) -> Exchange:
    """An aggregate of the rows of a span of time."""
    line, op = _timeline(scene), scene.rng.choice(AGGREGATES)
    span, table = _span(scene, line), line.source.table
    c = table.pick(scene.rng, number=True)
    phrase = scene.picker.pick("date_aggregate").replace("{A}", scene.picker.pick(op))
    phrase = phrase.replace("{D}", span.said)
    sql = f"SELECT {rel.SQL_NAMES[op].format(quoted(c))} FROM '{{S}}' WHERE {span.sql}"
    code = f"print({{S}}[{span.code}]['{c}'].{rel.PANDAS_NAMES[op]})"
    if op not in ("min", "max"):
        code = f"print(round({{S}}[{span.code}]['{c}'].{op}(), 4))"
    value = rel.aggregate([row[table.index(c)] for row in _rows_in(line, span)], op)
    return _exchange(
        scene, line, phrase, sql, code, [rel.HEADERS[op].format(shown(c))], [(value,)],
        f"The {LABELS[op].lower()} {c} of the matching rows in {{S}} is ",
        slots={**span.slots, "c": c},
    )  # fmt: skip


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (first_or_last, 4), (first_and_last, 2), (days_between, 2), (counted_by_period, 5),
    (aggregate_by_period, 6), (best_period, 3), (rows_of_span, 5), (count_of_span, 4),
    (aggregate_of_span, 4),
)  # fmt: skip
"""Kinds of exchanges about dates and their weights."""


def _exchange(  # noqa: PLR0913
    scene: Scene, line: Timeline, phrase: str, sql: str, code: str, columns: Sequence[str],
    rows: Sequence[Row], head: str, *, form: str = "value", csv: str = "",
    slots: dict[str, str] | None = None,
) -> Exchange:  # fmt: skip
    """All exchanges of this module have a column of dates and are made from these parts."""
    question = Question(
        "dates", phrase, {"t": line.column, **(slots or {})}, sql, code, columns, rows, head,
        form, None, {"csv": csv} if csv else {},
    )  # fmt: skip
    return table_exchange(scene, question, line.source)


def _timeline(scene: Scene, *, must_say: bool = False) -> Timeline:
    """A source whose table gets a column of dates in place of whatever it has."""
    source, rng = scene.source(), scene.rng
    tells = scene.chance(0.6)
    column = _telling_name(scene) if tells else scene.names.column()
    made = make_table(scene.names, rng, n_rows=rng.choice((3, 4, 5, 6, 6, 8, 10, 12)))
    kept = [p for p, c in enumerate(made.columns) if c.kind != "date"]
    place = rng.choice((0, 0, 1, len(kept)))
    columns = [made.columns[p] for p in kept]
    columns.insert(place, Column(column, "date"))
    rows = []
    for row, day in zip(made.rows, _days(scene, len(made.rows)), strict=True):
        cells = [row[p] for p in kept]
        cells.insert(place, day)
        rows.append(tuple(cells))
    table = Table(tuple(columns), tuple(rows))
    (scene.frames if source.is_frame else scene.tables)[source.name] = table
    is_alone = bool(source.said) or len(scene.frames) + len(scene.tables) == 1
    is_shown = source.is_frame or (scene.shows_columns and is_named(source.name))
    is_known = tells and is_alone and is_shown
    is_said = must_say or not is_known or scene.chance(0.45)
    if not is_said:
        scene.hidden.discard(source.name)
    return Timeline(replace(source, table=table), column, is_said)


def _telling_name(scene: Scene) -> str:
    """A name that tells that the column holds dates."""
    rng, word = scene.rng, scene.names.word()
    name = rng.choice(("date", "Date", f"{word}_date", f"{word}_date", f"{word} date",
                       f"{word}Date", f"date_{word}", f"date of {word}", f"{word}_day",
                       f"{word}_at", "timestamp", "day"))  # fmt: skip
    scene.names.recent.add(name.lower())
    return name


def _days(scene: Scene, count: int) -> list[str]:
    """Dates of a few months or years; half of the tables are in order."""
    start = date(scene.rng.randint(1990, 2030), scene.rng.randint(1, 12), 1)
    length = scene.rng.choice((25, 60, 90, 150, 365, 800, 1500))
    drawn = [start + timedelta(scene.rng.randrange(length)) for _ in range(count)]
    return [str(day) for day in (sorted(drawn) if scene.chance(0.5) else drawn)]


def _by_period(line: Timeline, period: Period) -> Table:
    """The table with the unit of time in place of each date."""
    table, place = line.source.table, line.source.table.index(line.column)
    rows = [(*r[:place], period.cut(str(r[place])), *r[place + 1 :]) for r in table.rows]
    return Table(table.columns, tuple(rows))


def _unit_words(period: Period) -> str:
    return period.pool.replace("_", " ")


def _imported(code: str) -> str:
    return f"import pandas as pd\n{code}" if "pd." in code else code


def _span(scene: Scene, line: Timeline) -> Span:
    """A condition that at least one row fulfils."""
    kind = scene.rng.choice(("after", "since", "before", "until", "between", "month", "year"))
    v, w = _bounds(scene, sorted(set(line.days)), kind)
    if kind in ("month", "year"):
        return _period_span(scene, line, kind, v)
    column, frame = quoted(line.column), f"{{S}}['{line.column}']"
    if kind == "between":
        sql = f"{column} BETWEEN '{v}' AND '{w}'"
        code = f"{frame}.between('{v}', '{w}')"
    else:
        sign = {"after": ">", "since": ">=", "before": "<", "until": "<="}[kind]
        sql, code = f"{column} {sign} '{v}'", f"{frame} {sign} '{v}'"
    tests: dict[str, Callable[[str], bool]] = {
        "after": lambda d: d > v, "since": lambda d: d >= v, "before": lambda d: d < v,
        "until": lambda d: d <= v, "between": lambda d: v <= d <= w,
    }  # fmt: skip
    slots = _dates_as_said(scene, (v, w))
    return Span(_said(scene, line, f"date_{kind}"), slots, sql, code, tests[kind])


def _bounds(scene: Scene, days: Sequence[str], kind: str) -> tuple[str, str]:
    """Two dates with a row between them; a single bound is the first of them and fits a row."""
    v, w = sorted(scene.rng.sample(days, 2)) if len(days) > 1 else (days[0], days[0])
    if kind in ("month", "year"):
        return v, w
    steps = [scene.rng.choice((0, 0, scene.rng.randint(1, 9))) for _ in range(2)]
    if (kind, v) in (("after", days[-1]), ("before", days[0])):
        steps[0] = scene.rng.randint(1, 9)
    sign = 1 if kind in ("before", "until") else -1
    first = date.fromisoformat(v) + sign * timedelta(steps[0])
    return str(first), str(date.fromisoformat(w) + timedelta(steps[1]))


def _period_span(scene: Scene, line: Timeline, kind: str, day: str) -> Span:
    size, mark = (7, "%Y-%m") if kind == "month" else (4, "%Y")
    value = day[:size]
    sql = f"strftime({quoted(line.column)}, '{mark}') = '{value}'"
    code = f"{{S}}['{line.column}'].astype(str).str[:{size}] == '{value}'"
    said = value
    if kind == "month" and scene.chance(0.75):
        month = MONTHS[int(value[5:]) - 1]
        month = month[:3] if scene.chance(0.15) else month
        month = month.lower() if scene.chance(0.2) else month
        said = f"{month} {value[:4]}"
    # Into the phrase at once: as a slot a year would be written as a large number is, 2,024.
    phrase = _said(scene, line, f"date_{kind}").replace("{v}", said)
    return Span(phrase, {}, sql, code, lambda d: d[:size] == value)


def _said(scene: Scene, line: Timeline, pool: str) -> str:
    return scene.picker.pick(pool if line.is_said else f"{pool}_only")


def _dates_as_said(scene: Scene, days: Sequence[str]) -> dict[str, str]:
    """The dates as ISO, or in one of the longer forms of a letter."""
    form = scene.rng.choice(("iso", "iso", "iso", "iso", "dmy", "mdy", "short"))
    found = []
    for text in days:
        day = date.fromisoformat(text)
        month = MONTHS[day.month - 1]
        written = {
            "iso": text,
            "dmy": f"{day.day} {month} {day.year}",
            "mdy": f"{month} {day.day}, {day.year}",
            "short": f"{day.day} {month[:3]} {day.year}",
        }
        found.append(written[form])
    return dict(zip("vw", found, strict=True))


def _rows_in(line: Timeline, span: Span) -> list[Row]:
    place = line.source.table.index(line.column)
    return [row for row in line.source.table.rows if span.fits(str(row[place]))]
