"""Questions about one table: phrasing, SQL, pandas code, result and answer of each kind.

One canonical query and one canonical sentence per kind keep the targets easy to learn. `{S}` stands
for the source in every answer and in the code.
"""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.fixtures import Table
from notebook_agents.engine.training.pools import Picker
from notebook_agents.engine.training.relations import Row, quoted, shown

LABELS = {
    "mean": "Average",
    "sum": "Total",
    "min": "Minimum",
    "max": "Maximum",
    "median": "Median",
    "std": "Standard deviation of",
}
GROUP_KINDS = ("mean", "mean", "sum", "sum", "sum", "min", "max", "median")


@dataclass(frozen=True)
class Question:
    """A question about a table, its two ways of execution and how the answer begins."""

    kind: str
    phrase: str
    slots: dict[str, str]
    sql: str
    code: str
    columns: Sequence[str]
    rows: Sequence[Row]
    head: str
    """The first words of the answer; the form decides what follows."""
    form: str
    """`value`, `pairs`, `items` or `rows`."""
    csv_columns: Sequence[str] | None = None
    """Header of the pandas result when it has one and it differs from `columns`."""
    details: dict[str, str] = field(default_factory=dict)
    """What a follow-up question needs: `op`, `c` and `g`."""


@dataclass(frozen=True)
class Subject:
    """The table asked about, the way phrases are drawn, and the dice."""

    table: Table
    picker: Picker

    @property
    def rng(self) -> random.Random:
        """The dice."""
        return self.picker.rng

    def number(self) -> str:
        """A column of numbers."""
        return self.table.pick(self.rng, number=True)

    def group(self) -> str:
        """A column of words."""
        return self.table.pick(self.rng, number=False)

    def measure(self, op: str) -> str:
        """A phrase of an aggregate."""
        return self.picker.pick(op)


QuestionMaker = Callable[[Subject], Question]


def scalar(s: Subject, op: str = "", c: str = "") -> Question:
    """An aggregate of a column."""
    op, c = op or s.rng.choice(list(LABELS)), c or s.number()
    phrase = s.picker.pick("scalar").replace("{A}", s.measure(op))
    if op == "sum" and s.rng.random() < 0.25:
        phrase = s.picker.pick("sum_of_all")
    sql = f"SELECT {rel.SQL_NAMES[op].format(quoted(c))} FROM '{{S}}'"
    code = f"print({{S}}['{c}'].{rel.PANDAS_NAMES[op]})"
    if op not in ("min", "max"):
        code = f"print(round({{S}}['{c}'].{rel.PANDAS_NAMES[op].removesuffix('.round(4)')}, 4))"
    value = rel.aggregate(s.table.values(c), op)
    head = f"The {LABELS[op].lower()} {c} in {{S}} is "
    columns = [rel.HEADERS[op].format(shown(c))]
    details = {"op": op, "c": c, "g": ""}
    return Question(
        "aggregate", phrase, {"c": c}, sql, code, columns, [(value,)], head, "value", None, details
    )


def grouped(s: Subject, op: str = "", c: str = "", g: str = "") -> Question:
    """An aggregate of a column for each value of another."""
    op, c, g = op or s.rng.choice(GROUP_KINDS), c or s.number(), g or s.group()
    phrase = s.picker.pick("grouped").replace("{A}", s.measure(op))
    if op == "sum" and s.rng.random() < 0.2:
        phrase = s.picker.pick("sum_by_group")
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {measure} FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({{S}}.groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}.to_csv())"
    head = f"{LABELS[op]} {c} by {g} in {{S}}:"
    columns = [g, rel.HEADERS[op].format(shown(c))]
    rows = rel.grouped(s.table, g, c, op)
    slots, details = {"c": c, "g": g}, {"op": op, "c": c, "g": g}
    return Question(
        "group", phrase, slots, sql, code, columns, rows, head, "pairs", [g, c], details
    )


def count_rows(s: Subject) -> Question:
    """The number of rows."""
    phrase = s.picker.pick("count_rows")
    sql, code = "SELECT COUNT(*) FROM '{S}'", "print(len({S}))"
    rows: list[Row] = [(len(s.table.rows),)]
    head = "The number of rows in {S} is "
    return Question("count", phrase, {}, sql, code, ["count_star()"], rows, head, "value")


def count_groups(s: Subject, g: str = "") -> Question:
    """The number of rows for each value of a column."""
    g = g or s.group()
    phrase = s.picker.pick("count_groups")
    sql = f"SELECT {quoted(g)}, COUNT(*) FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({{S}}['{g}'].value_counts().sort_index().to_csv())"
    rows = rel.grouped(s.table, g, None, "count")
    head, columns = f"Number of rows by {g} in {{S}}:", [g, "count_star()"]
    details = {"op": "count", "c": "", "g": g}
    return Question(
        "group", phrase, {"g": g}, sql, code, columns, rows, head, "pairs", [g, "count"], details
    )


def distinct_count(s: Subject) -> Question:
    """The number of different values."""
    g = s.group()
    phrase = s.picker.pick("distinct_count")
    sql = f"SELECT COUNT(DISTINCT {quoted(g)}) FROM '{{S}}'"
    rows: list[Row] = [(len(set(s.table.values(g))),)]
    head = f"The number of different {g} values in {{S}} is "
    columns = [f"count(DISTINCT {shown(g)})"]
    code = f"print({{S}}['{g}'].nunique())"
    return Question("count", phrase, {"g": g}, sql, code, columns, rows, head, "value")


def distinct(s: Subject) -> Question:
    """The different values of a column."""
    g = s.group()
    phrase = s.picker.pick("distinct")
    sql = f"SELECT DISTINCT {quoted(g)} FROM '{{S}}' ORDER BY 1"
    code = f"print('{g}', *sorted({{S}}['{g}'].unique()), sep='\\n')"
    rows: list[Row] = [(v,) for v in sorted(set(s.table.values(g)), key=str)]
    head = f"Values of {g} in {{S}}:"
    return Question("rows", phrase, {"g": g}, sql, code, [g], rows, head, "items", [g])


def head_rows(s: Subject) -> Question:
    """The first rows."""
    n = s.rng.choice((2, 3, 3, 4, 5, 5, 6, 7, 8, 10, 12, 15, 20))
    named = s.rng.random() < 0.6
    pool, n = ("head_n", n) if named else ("head", 5)
    sql = f"SELECT * FROM '{{S}}' LIMIT {n}"
    code = f"print({{S}}.head({n}).to_csv(index=False))"
    rows = s.table.rows[:n]
    slots, columns = {"n": str(n)}, s.table.names
    phrase, head = s.picker.pick(pool), f"First {n} rows of {{S}}:"
    return Question("rows", phrase, slots, sql, code, columns, rows, head, "rows")


def schema(s: Subject) -> Question:
    """The columns and their types."""
    types = {"word": "VARCHAR", "date": "DATE", "float": "DOUBLE"}
    names = {"word": "str", "date": "str", "float": "float64"}
    rows: list[Row] = [(c.name, types.get(c.kind, "BIGINT")) for c in s.table.columns]
    sql = "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{S}')"
    code = "print({S}.dtypes.to_csv())"
    pandas_rows = [f"{c.name},{names.get(c.kind, 'int64')}" for c in s.table.columns]
    columns = ["column_name", "column_type"]
    details = {"csv": "\n".join([",0", *pandas_rows])}
    head, phrase = "Columns of {S}:", s.picker.pick("schema")
    return Question(
        "schema", phrase, {}, sql, code, columns, rows, head, "pairs", ["", "0"], details
    )


def summary(s: Subject) -> Question:
    """Count, minimum, maximum and average of a column."""
    c = s.number()
    q, h = quoted(c), shown(c)
    sql = f"SELECT COUNT({q}), MIN({q}), MAX({q}), ROUND(AVG({q}), 4) FROM '{{S}}'"
    code = f"print({{S}}['{c}'].agg(['count', 'min', 'max', 'mean']).round(4).to_csv())"
    values = s.table.values(c)
    numbers = [len(values), *(rel.aggregate(values, op) for op in ("min", "max", "mean"))]
    columns = [f"count({h})", f"min({h})", f"max({h})", f"round(avg({h}), 4)"]
    pandas_rows = zip(("count", "min", "max", "mean"), map(float, numbers), strict=True)
    details = {"csv": rel.csv_text(["", c], pandas_rows)}
    head, phrase = f"Statistics of {c} in {{S}}:", s.picker.pick("summary")
    rows: list[Row] = [tuple(numbers)]
    return Question(
        "summary", phrase, {"c": c}, sql, code, columns, rows, head, "rows", None, details
    )


def value_range(s: Subject) -> Question:
    """Minimum and maximum of a column."""
    c = s.number()
    q, h = quoted(c), shown(c)
    sql = f"SELECT MIN({q}), MAX({q}) FROM '{{S}}'"
    code = f"print({{S}}['{c}'].min(), {{S}}['{c}'].max(), sep=', ')"
    values = [rel.aggregate(s.table.values(c), op) for op in ("min", "max")]
    head, phrase = f"The minimum and maximum of {c} in {{S}}: ", s.picker.pick("range")
    columns, rows = [f"min({h})", f"max({h})"], [tuple(values)]
    details = {"csv": f"{values[0]}, {values[1]}"}
    return Question(
        "summary", phrase, {"c": c}, sql, code, columns, rows, head, "value", None, details
    )


def tail_rows(s: Subject) -> Question:
    """The last rows."""
    n = s.rng.choice((1, 2, 3, 3, 4, 5, 5, 6, 8, 10, 15, 20))
    named = s.rng.random() < 0.75
    pool, n = ("tail_n", n) if named else ("tail", 5)
    first = f"SELECT GREATEST(COUNT(*) - {n}, 0) FROM '{{S}}'"
    sql, code = (
        f"SELECT * FROM '{{S}}' OFFSET ({first})",
        f"print({{S}}.tail({n}).to_csv(index=False))",
    )
    rows, columns = s.table.rows[-n:], s.table.names
    phrase, head = s.picker.pick(pool), f"Last {n} rows of {{S}}:"
    return Question("rows", phrase, {"n": str(n)}, sql, code, columns, rows, head, "rows")


def described(s: Subject) -> Question:
    """Statistics of every column."""
    measures = "column_name, min, max, ROUND(TRY_CAST(avg AS DOUBLE), 4) AS mean"
    sql = f"SELECT {measures} FROM (SUMMARIZE SELECT * FROM '{{S}}')"
    code = "print({S}.describe().round(4).to_csv())"
    rows = [(c.name, *rel.extremes(s.table, c)) for c in s.table.columns]
    numbers = [c.name for c in s.table.columns if c.is_number]
    described = zip(*(rel.describe(s.table.values(c)) for c in numbers), strict=True)
    parts = ("count", "mean", "std", "min", "25%", "50%", "75%", "max")
    named = ((part, *values) for part, values in zip(parts, described, strict=True))
    details = {"csv": rel.csv_text(["", *numbers], named)}
    head, phrase = "Statistics of {S}:", s.picker.pick("describe")
    columns = ["column_name", "min", "max", "mean"]
    return Question("summary", phrase, {}, sql, code, columns, rows, head, "rows", None, details)


def grouped_by_two(s: Subject) -> Question:
    """An aggregate for each pair of values of two columns."""
    words = [c.name for c in s.table.columns if not c.is_number]
    if len(words) < 2:
        return grouped(s)
    op, c = s.rng.choice(GROUP_KINDS), s.number()
    g, h = s.rng.sample(words, 2)
    phrase = s.picker.pick("grouped_two").replace("{A}", s.measure(op))
    names = f"{quoted(g)}, {quoted(h)}"
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {names}, {measure} FROM '{{S}}' GROUP BY {names} ORDER BY 1, 2"
    code = f"print({{S}}.groupby(['{g}', '{h}'])['{c}'].{rel.PANDAS_NAMES[op]}.to_csv())"
    head = f"{LABELS[op]} {c} by {g} and {h} in {{S}}:"
    columns = [g, h, rel.HEADERS[op].format(shown(c))]
    rows, slots = rel.grouped_by_two(s.table, (g, h), c, op), {"c": c, "g": g, "h": h}
    return Question("group", phrase, slots, sql, code, columns, rows, head, "rows", [g, h, c])


def having(s: Subject) -> Question:
    """The groups whose aggregate is above or below a number."""
    op, c, g = s.rng.choice(("sum", "sum", "mean", "max", "min")), s.number(), s.group()
    above = s.rng.random() < 0.65
    phrase = s.picker.pick("having_above" if above else "having_below")
    phrase = phrase.replace("{A}", s.measure(op))
    groups, sign = rel.grouped(s.table, g, c, op), ">" if above else "<"
    v = _border(s, [float(str(row[1])) for row in groups])
    plain = rel.SQL_PLAIN[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {rel.SQL_NAMES[op].format(quoted(c))} FROM '{{S}}'"
    sql += f" GROUP BY {quoted(g)} HAVING {plain} {sign} {v} ORDER BY 1"
    measured = f"{{S}}.groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}"
    code = f"print({measured}.loc[lambda x: x {sign} {v}].to_csv())"
    rows = [row for row in groups if (float(str(row[1])) > v) == above]
    head = f"{LABELS[op]} {c} {'above' if above else 'below'} {v} by {g} in {{S}}:"
    columns, slots = [g, rel.HEADERS[op].format(shown(c))], {"c": c, "g": g, "v": str(v)}
    return Question("having", phrase, slots, sql, code, columns, rows, head, "pairs", [g, c])


def having_count(s: Subject) -> Question:
    """The groups with more or less than a number of rows."""
    g, above, n = s.group(), s.rng.random() < 0.7, s.rng.choice((1, 1, 2, 2, 3, 4, 5, 10, 20, 100))
    phrase = s.picker.pick("having_more" if above else "having_fewer")
    sign = ">" if above else "<"
    sql = f"SELECT {quoted(g)}, COUNT(*) FROM '{{S}}' GROUP BY {quoted(g)}"
    sql += f" HAVING COUNT(*) {sign} {n} ORDER BY 1"
    counted = f"{{S}}['{g}'].value_counts().sort_index()"
    code = f"print({counted}.loc[lambda x: x {sign} {n}].to_csv())"
    counts = [(row, int(str(row[1]))) for row in rel.grouped(s.table, g, None, "count")]
    rows = [row for row, count in counts if (count > n if above else count < n)]
    head = f"Values of {g} with {'more' if above else 'fewer'} than {n} rows in {{S}}:"
    columns, slots = [g, "count_star()"], {"g": g, "n": str(n)}
    return Question("having", phrase, slots, sql, code, columns, rows, head, "pairs", [g, "count"])


def shares(s: Subject) -> Question:
    """The percentage of the total that each group has."""
    c, g = s.number(), s.group()
    total = rel.aggregate(s.table.values(c), "sum")
    if not total:
        return grouped(s, "sum", c, g)
    phrase = s.picker.pick("shares")
    share = f"ROUND(100.0 * SUM({quoted(c)}) / SUM(SUM({quoted(c)})) OVER (), 4)"
    sql = f"SELECT {quoted(g)}, {share} AS percent FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 1"
    sums = f"{{S}}.groupby('{g}')['{c}'].sum()"
    code = f"print((100 * {sums} / {{S}}['{c}'].sum()).round(4).to_csv())"
    found = rel.grouped(s.table, g, c, "sum")
    rows: list[Row] = [(key, round(100 * float(str(part)) / total, 4)) for key, part in found]
    head, columns = f"Percentage of {c} by {g} in {{S}}:", [g, "percent"]
    slots = {"c": c, "g": g}
    return Question("percent", phrase, slots, sql, code, columns, rows, head, "pairs", [g, c])


def row_shares(s: Subject) -> Question:
    """The percentage of the rows that each group has."""
    g = s.group()
    phrase = s.picker.pick("row_shares")
    share = "ROUND(100.0 * COUNT(*) / SUM(COUNT(*)) OVER (), 4)"
    sql = f"SELECT {quoted(g)}, {share} AS percent FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 1"
    counts = f"{{S}}['{g}'].value_counts().sort_index()"
    code = f"print((100 * {counts} / len({{S}})).round(4).to_csv())"
    found = rel.grouped(s.table, g, None, "count")
    n_rows = len(s.table.rows)
    rows: list[Row] = [(key, round(100 * int(str(n)) / n_rows, 4)) for key, n in found]
    head, columns = f"Percentage of rows by {g} in {{S}}:", [g, "percent"]
    return Question(
        "percent", phrase, {"g": g}, sql, code, columns, rows, head, "pairs", [g, "count"]
    )


KINDS: tuple[tuple[QuestionMaker, int], ...] = (
    (scalar, 20), (grouped, 26), (count_rows, 5), (count_groups, 10), (distinct_count, 4),
    (distinct, 4), (head_rows, 8), (schema, 4), (summary, 3), (value_range, 3),
    (tail_rows, 3), (described, 4),
    (grouped_by_two, 5), (having, 4), (having_count, 2), (shares, 3), (row_shares, 2),
)  # fmt: skip
"""Kinds of questions about aggregates and whole tables, and their weights."""


def _border(s: Subject, values: list[float]) -> float:
    """A number that may divide values; never one of them."""
    value = s.rng.choice(values)
    dice = s.rng.random()
    if dice < 0.6:
        size = s.rng.choice((1, 1, 10, 50, 100))
        border: float = int(value) // size * size or size
    else:
        border = s.rng.choice((1, 5, 10, 50, 100, 200, 500, 1000, 5000, s.rng.randint(0, 9999)))
    while border in values:
        border += 1
    return border
