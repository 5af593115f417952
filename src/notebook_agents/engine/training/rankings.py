"""Questions about orders of rows and groups, missing values, relations and selected columns."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.fixtures import Table
from notebook_agents.engine.training.questions import LABELS, Question, Subject
from notebook_agents.engine.training.relations import Row, quoted, shown


def top_rows(s: Subject) -> Question:
    """The rows with the largest or smallest values."""
    n, c = s.rng.choice((1, 2, 3, 3, 4, 5, 5, 6, 10)), s.number()
    down = s.rng.random() < 0.6
    phrase = s.picker.pick("top" if down else "bottom")
    order = "DESC" if down else "ASC"
    sql = f"SELECT * FROM '{{S}}' ORDER BY {quoted(c)} {order} LIMIT {n}"
    method = "nlargest" if down else "nsmallest"
    code = f"print({{S}}.{method}({n}, '{c}').to_csv(index=False))"
    rows = rel.ordered(s.table, c, descending=down)[:n]
    head = f"{'Top' if down else 'Bottom'} {n} rows by {c} in {{S}}:"
    slots, columns = {"n": str(n), "c": c}, s.table.names
    return Question("top", phrase, slots, sql, code, columns, rows, head, "rows")


def sorted_rows(s: Subject) -> Question:
    """All rows in the order of a column."""
    c, down = s.number(), s.rng.random() < 0.5
    phrase = s.picker.pick("sort_down" if down else "sort_up")
    order = "DESC" if down else "ASC"
    sql = f"SELECT * FROM '{{S}}' ORDER BY {quoted(c)} {order} LIMIT 20"
    sort = f"sort_values('{c}', ascending={not down})"
    code = f"print({{S}}.{sort}.head(20).to_csv(index=False))"
    rows, columns = rel.ordered(s.table, c, descending=down), s.table.names
    head = f"Rows of {{S}} sorted by {c}:"
    return Question("top", phrase, {"c": c}, sql, code, columns, rows, head, "rows")


def top_groups(s: Subject) -> Question:
    """The groups with the largest or smallest aggregates."""
    op, c, g = s.rng.choice(("mean", "sum", "sum")), s.number(), s.group()
    n, pool, down = s.rng.choice(
        ((1, "top_group", True), (1, "low_group", False), (0, "top_groups", True))
    )
    n = n or s.rng.choice((2, 3, 3, 4, 5, 10))
    phrase = s.picker.pick(pool).replace("{A}", s.measure(op))
    rows = _ranked(rel.grouped(s.table, g, c, op), down)[:n]
    order = "DESC" if down else "ASC"
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {measure} FROM '{{S}}' GROUP BY {quoted(g)}"
    sql += f" ORDER BY 2 {order} LIMIT {n}"
    method = "nlargest" if down else "nsmallest"
    measured = f"{{S}}.groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}"
    code = f"print({measured}.{method}({n}).to_csv())"
    rank = "Highest" if down else "Lowest"
    head = f"{rank} {LABELS[op].lower()} {c} by {g} in {{S}}:"
    columns = [g, rel.HEADERS[op].format(shown(c))]
    slots = {"n": str(n), "c": c, "g": g}
    return Question("top", phrase, slots, sql, code, columns, rows, head, "pairs", [g, c])


def arg_max(s: Subject) -> Question:
    """The word of the row with the largest or smallest value."""
    c, g, down = s.number(), s.group(), s.rng.random() < 0.6
    phrase = s.picker.pick("arg_max" if down else "arg_min")
    order = "DESC" if down else "ASC"
    sql = f"SELECT {quoted(g)}, {quoted(c)} FROM '{{S}}' ORDER BY {quoted(c)} {order} LIMIT 1"
    method = "nlargest" if down else "nsmallest"
    code = f"print({{S}}.{method}(1, '{c}')[['{g}', '{c}']].to_csv(index=False))"
    rows = _columns(s.table, (g, c), rel.ordered(s.table, c, descending=down)[:1])
    head = f"The {g} with the {'highest' if down else 'lowest'} {c} in {{S}}:"
    slots = {"c": c, "g": g}
    return Question("top", phrase, slots, sql, code, [g, c], rows, head, "pairs")


def missing(s: Subject) -> Question:
    """The number of missing values."""
    c = s.number()
    phrase = s.picker.pick("nulls")
    sql = f"SELECT COUNT(*) - COUNT({quoted(c)}) FROM '{{S}}'"
    code = f"print({{S}}['{c}'].isna().sum())"
    rows: list[Row] = [(sum(v is None for v in s.table.values(c)),)]
    head = f"The number of missing {c} values in {{S}} is "
    columns = [f"(count_star() - count({shown(c)}))"]
    return Question("count", phrase, {"c": c}, sql, code, columns, rows, head, "value")


def related(s: Subject) -> Question:
    """The correlation of two columns."""
    numbers = [c.name for c in s.table.columns if c.is_number]
    c, d = s.rng.sample(numbers, 2)
    value = rel.correlation(s.table, c, d)
    if value is None:
        return missing(s)
    phrase = s.picker.pick("correlation")
    sql = f"SELECT ROUND(CORR({quoted(c)}, {quoted(d)}), 4) FROM '{{S}}'"
    code = f"print(round({{S}}['{c}'].corr({{S}}['{d}']), 4))"
    head = f"The correlation of {c} and {d} in {{S}} is "
    columns = [f"round(corr({shown(c)}, {shown(d)}), 4)"]
    slots = {"c": c, "d": d}
    return Question("summary", phrase, slots, sql, code, columns, [(value,)], head, "value")


def selected(s: Subject) -> Question:
    """Two columns of all rows."""
    c, g = s.number(), s.group()
    phrase = s.picker.pick("select_columns")
    sql = f"SELECT {quoted(g)}, {quoted(c)} FROM '{{S}}' LIMIT 20"
    code = f"print({{S}}[['{g}', '{c}']].head(20).to_csv(index=False))"
    rows = _columns(s.table, (g, c), s.table.rows)
    head, slots = f"Columns {g} and {c} of {{S}}:", {"c": c, "g": g}
    return Question("rows", phrase, slots, sql, code, [g, c], rows, head, "rows")


def _ranked(rows: list[Row], down: bool) -> list[Row]:
    return sorted(rows, key=lambda row: float(str(row[1])), reverse=down)


def _columns(table: Table, names: tuple[str, ...], rows: object) -> list[Row]:
    assert isinstance(rows, list | tuple)
    places = [table.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in rows]
