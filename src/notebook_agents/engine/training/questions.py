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
CONDITIONS = {"=": "equal", ">": "greater", "<": "less"}
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


def filter_count(s: Subject) -> Question:
    """The number of rows that fulfil a condition."""
    phrase, slots, where, mask, rows = _condition(s, s.picker.pick("filter_count"))
    sql, code = f"SELECT COUNT(*) FROM '{{S}}' WHERE {where}", f"print(len({{S}}[{mask}]))"
    head = "The number of matching rows in {S} is "
    found: list[Row] = [(len(rows),)]
    return Question("filter", phrase, slots, sql, code, ["count_star()"], found, head, "value")


def filter_rows(s: Subject) -> Question:
    """The rows that fulfil a condition."""
    phrase, slots, where, mask, rows = _condition(s, s.picker.pick("filter_rows"))
    sql = f"SELECT * FROM '{{S}}' WHERE {where} LIMIT 20"
    code = f"print({{S}}[{mask}].head(20).to_csv(index=False))"
    head = "Matching rows in {S}:"
    return Question("filter", phrase, slots, sql, code, s.table.names, rows, head, "rows")


def filter_aggregate(s: Subject) -> Question:
    """An aggregate of the rows that fulfil a condition."""
    op, c = s.rng.choice(("mean", "sum", "min", "max")), s.number()
    phrase = s.picker.pick("filter_agg").replace("{A}", s.measure(op))
    phrase, slots, where, mask, rows = _condition(s, phrase, word_only=True)
    sql = f"SELECT {rel.SQL_NAMES[op].format(quoted(c))} FROM '{{S}}' WHERE {where}"
    code = f"print({{S}}[{mask}]['{c}'].{rel.PANDAS_NAMES[op]})"
    value = rel.aggregate([row[s.table.index(c)] for row in rows], op)
    head = f"The {LABELS[op].lower()} {c} of the matching rows in {{S}} is "
    columns = [rel.HEADERS[op].format(shown(c))]
    slots["c"] = c
    return Question("filter", phrase, slots, sql, code, columns, [(value,)], head, "value")


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


QuestionMaker = Callable[[Subject], Question]


def _condition(
    s: Subject, phrase: str, *, word_only: bool = False
) -> tuple[str, dict[str, str], str, str, list[Row]]:
    words = [c.name for c in s.table.columns if c.kind == "word"]
    equal = bool(words) and (word_only or s.rng.random() < 0.5)
    sign = "=" if equal else s.rng.choice("<>")
    column = s.rng.choice(words) if equal else s.number()
    value = s.rng.choice(s.table.values(column))
    if not equal and not word_only and s.rng.random() < 0.6:
        value = s.rng.choice((5, 10, 50, 100, 1000, s.rng.randint(0, 999), s.rng.randint(0, 99999)))
    rows = rel.filtered(s.table, column, sign, value)
    said = s.picker.pick(CONDITIONS[sign])
    text = f"'{value}'" if equal else str(value)
    mask = f"{{S}}['{column}'] {'==' if equal else sign} {text}"
    slots = {"k": column, "v": str(value)}
    return phrase.replace("{W}", said), slots, f"{quoted(column)} {sign} {text}", mask, rows
