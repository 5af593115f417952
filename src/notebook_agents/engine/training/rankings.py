"""Questions about orders of rows and groups, missing values, relations and selected columns."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.fixtures import Table
from notebook_agents.engine.training.questions import LABELS, Question, QuestionMaker, Subject
from notebook_agents.engine.training.relations import Row, quoted, shown
from notebook_agents.engine.training.words import ordinal

_GROUP_RANKS = (
    (1, "top_group", True), (1, "low_group", False), (0, "top_groups", True),
    (0, "low_groups", False),
)  # fmt: skip


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
    n, pool, down = s.rng.choices(_GROUP_RANKS, (3, 3, 3, 1))[0]
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


def ranked_groups(s: Subject) -> Question:
    """All groups in the order of their aggregates."""
    op, c, g = s.rng.choice(("mean", "sum", "sum")), s.number(), s.group()
    down = s.rng.random() < 0.75
    phrase = s.picker.pick("ranked_groups" if down else "ranked_groups_up")
    phrase = phrase.replace("{A}", s.measure(op))
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {measure} FROM '{{S}}' GROUP BY {quoted(g)}"
    sql += " ORDER BY 2 DESC" if down else " ORDER BY 2"
    measured = f"{{S}}.groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}"
    code = f"print({measured}.sort_values({'ascending=False' if down else ''}).to_csv())"
    rows = _ranked(rel.grouped(s.table, g, c, op), down)
    head = f"{LABELS[op]} {c} by {g} in {{S}}, {'highest' if down else 'lowest'} first:"
    columns, slots = [g, rel.HEADERS[op].format(shown(c))], {"c": c, "g": g}
    return Question("top", phrase, slots, sql, code, columns, rows, head, "pairs", [g, c])


def distinct_by_group(s: Subject) -> Question:
    """The number of different values of a column for each value of another."""
    g = s.group()
    h = s.rng.choice([c.name for c in s.table.columns if c.name != g])
    phrase = s.picker.pick("distinct_by_group")
    measure = f"COUNT(DISTINCT {quoted(h)})"
    sql = f"SELECT {quoted(g)}, {measure} FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({{S}}.groupby('{g}')['{h}'].nunique().to_csv())"
    pairs = set(zip(s.table.values(g), s.table.values(h), strict=True))
    rows: list[Row] = [
        (key, sum(key == first for first, _ in pairs))
        for key, _ in rel.grouped(s.table, g, None, "count")
    ]
    head = f"Different {h} values by {g} in {{S}}:"
    columns, slots = [g, f"count(DISTINCT {shown(h)})"], {"g": g, "h": h}
    return Question("group", phrase, slots, sql, code, columns, rows, head, "pairs", [g, h])


def two_measures(s: Subject) -> Question:
    """The same aggregate of two columns for each value of a third."""
    numbers = [c.name for c in s.table.columns if c.is_number]
    op, g = s.rng.choice(("mean", "sum", "sum", "max", "min")), s.group()
    c, d = s.rng.sample(numbers, 2)
    phrase = s.picker.pick("two_measures").replace("{A}", s.picker.pick(f"{op}_of_two"))
    measures = ", ".join(rel.SQL_NAMES[op].format(quoted(name)) for name in (c, d))
    sql = f"SELECT {quoted(g)}, {measures} FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({{S}}.groupby('{g}')[['{c}', '{d}']].{rel.PANDAS_NAMES[op]}.to_csv())"
    first, second = rel.grouped(s.table, g, c, op), rel.grouped(s.table, g, d, op)
    rows: list[Row] = [(*a, b[1]) for a, b in zip(first, second, strict=True)]
    head = f"{LABELS[op]} {c} and {d} by {g} in {{S}}:"
    columns = [g, *(rel.HEADERS[op].format(shown(name)) for name in (c, d))]
    slots = {"c": c, "d": d, "g": g}
    return Question("group", phrase, slots, sql, code, columns, rows, head, "rows", [g, c, d])


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


def value_counts(s: Subject) -> Question:
    """How often each value occurs, the most frequent first."""
    g = s.group()
    phrase = s.picker.pick("value_counts")
    found = rel.counted(s.table, g)
    sql = f"SELECT {quoted(g)}, COUNT(*) FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 2 DESC, 1"
    code = f"print({{S}}['{g}'].value_counts().to_csv())"
    head = f"Values of {g} in {{S}} by frequency:"
    details = {"op": "count", "c": "", "g": g, "csv": rel.csv_text([g, "count"], found)}
    columns, rows = [g, "count_star()"], rel.by_count(found)
    return Question(
        "group", phrase, {"g": g}, sql, code, columns, rows, head, "pairs", None, details
    )


def most_common(s: Subject) -> Question:
    """The most or least frequent values."""
    g = s.group()
    pool, n, down = s.rng.choice(
        (("most_common", 1, True), ("most_common_n", 0, True), ("least_common", 1, False))
    )
    n = n or s.rng.choice((2, 3, 3, 4, 5, 5, 10))
    found = rel.counted(s.table, g)
    order = "2 DESC, 1" if down else "2, 1"
    sql = f"SELECT {quoted(g)}, COUNT(*) FROM '{{S}}' GROUP BY {quoted(g)}"
    sql += f" ORDER BY {order} LIMIT {n}"
    code = f"print({{S}}['{g}'].value_counts().{'head' if down else 'tail'}({n}).to_csv())"
    kept = found[:n] if down else found[-n:]
    head = f"{'Most' if down else 'Least'} frequent {g} in {{S}}:"
    details = {"csv": rel.csv_text([g, "count"], kept)}
    columns, rows = [g, "count_star()"], rel.by_count(found, down=down)[:n]
    slots, phrase = {"g": g, "n": str(n)}, s.picker.pick(pool)
    return Question("top", phrase, slots, sql, code, columns, rows, head, "pairs", None, details)


def quantile(s: Subject) -> Question:
    """A percentile or quartile of a column."""
    c, dice = s.number(), s.rng.random()
    if dice < 0.25:
        pool, percent = s.rng.choice((("first_quartile", 25), ("third_quartile", 75)))
    else:
        pool, percent = (
            "quantile",
            s.rng.choice((*_PERCENTILES, s.rng.randint(2, 49), s.rng.randint(51, 98))),
        )
    share = percent / 100
    phrase = s.picker.pick(pool)
    sql = f"SELECT ROUND(QUANTILE_CONT({quoted(c)}, {share}), 4) FROM '{{S}}'"
    code = f"print(round({{S}}['{c}'].quantile({share}), 4))"
    value = rel.quantile(s.table.values(c), share)
    head = f"The {share} quantile of {c} in {{S}} is "
    columns = [f"round(quantile_cont({shown(c)}, {share}), 4)"]
    slots = {"c": c, "n": str(percent), "o": ordinal(str(percent)), "q": str(share)}
    return Question("summary", phrase, slots, sql, code, columns, [(value,)], head, "value")


def duplicates(s: Subject) -> Question:
    """The number of rows that repeat another row."""
    n_rows = len(s.table.rows)
    sql = "SELECT COUNT(*) - (SELECT COUNT(*) FROM (SELECT DISTINCT * FROM '{S}')) FROM '{S}'"
    code = "print({S}.duplicated().sum())"
    rows: list[Row] = [(n_rows - len(set(s.table.rows)),)]
    head, phrase = "The number of duplicate rows in {S} is ", s.picker.pick("duplicates")
    columns = ['(count_star() - (SELECT count_star() FROM (SELECT DISTINCT * FROM "{S}")))']
    return Question("count", phrase, {}, sql, code, columns, rows, head, "value")


def repeated_values(s: Subject) -> Question:
    """The number of values of a column that occurred before."""
    g = s.group()
    sql = f"SELECT COUNT({quoted(g)}) - COUNT(DISTINCT {quoted(g)}) FROM '{{S}}'"
    code = f"print({{S}}['{g}'].duplicated().sum())"
    values = s.table.values(g)
    rows: list[Row] = [(len(values) - len(set(values)),)]
    head, phrase = f"The number of duplicate {g} values in {{S}} is ", s.picker.pick("repeated")
    columns = [f"(count({shown(g)}) - count(DISTINCT {shown(g)}))"]
    return Question("count", phrase, {"g": g}, sql, code, columns, rows, head, "value")


def missing_by_column(s: Subject) -> Question:
    """The number of missing values of every column."""
    inner = "SELECT COUNT(*) - COUNT(COLUMNS(*)) FROM '{S}'"
    sql = f"SELECT * FROM (UNPIVOT ({inner}) ON COLUMNS(*))"
    code = "print({S}.isna().sum().to_csv())"
    rows: list[Row] = [(c, sum(v is None for v in s.table.values(c))) for c in s.table.names]
    head, phrase = "Missing values by column in {S}:", s.picker.pick("missing_columns")
    columns = ["name", "value"]
    return Question("missing", phrase, {}, sql, code, columns, rows, head, "pairs", ["", "0"])


def missing_rows(s: Subject) -> Question:
    """The rows in which a column has no value."""
    c = s.number()
    place = s.table.index(c)
    phrase = s.picker.pick("missing_rows")
    sql = f"SELECT * FROM '{{S}}' WHERE {quoted(c)} IS NULL LIMIT 20"
    code = f"print({{S}}[{{S}}['{c}'].isna()].head(20).to_csv(index=False))"
    rows = [row for row in s.table.rows if row[place] is None]
    head, slots, columns = f"Rows of {{S}} without {c}:", {"c": c}, s.table.names
    details = {"csv": rel.csv_text(columns, rel.as_pandas(s.table, rows))}
    return Question("missing", phrase, slots, sql, code, columns, rows, head, "rows", None, details)


def incomplete_rows(s: Subject) -> Question:
    """The number of rows with a missing value in any column."""
    complete = "SELECT COUNT(*) FROM '{S}' WHERE COLUMNS(*) IS NOT NULL"
    sql = f"SELECT COUNT(*) - ({complete}) FROM '{{S}}'"
    code = "print({S}.isna().any(axis=1).sum())"
    rows: list[Row] = [(sum(None in row for row in s.table.rows),)]
    head, phrase = "The number of rows with missing values in {S} is ", s.picker.pick("incomplete")
    columns = ['(count_star() - (SELECT count_star() FROM "{S}" WHERE (COLUMNS(*) IS NOT NULL)))']
    return Question("missing", phrase, {}, sql, code, columns, rows, head, "value")


KINDS: tuple[tuple[QuestionMaker, int], ...] = (
    (top_rows, 6), (sorted_rows, 3), (top_groups, 6), (arg_max, 5), (missing, 3), (related, 3),
    (selected, 3), (value_counts, 3), (most_common, 3), (quantile, 3), (duplicates, 2),
    (repeated_values, 1), (missing_by_column, 2), (missing_rows, 2), (incomplete_rows, 1),
    (ranked_groups, 4), (distinct_by_group, 2), (two_measures, 3),
)  # fmt: skip
"""Kinds of questions about orders, frequencies and gaps, and their weights."""

WITH_GAPS: tuple[QuestionMaker, ...] = (missing, missing_by_column, missing_rows, incomplete_rows)
"""Kinds of questions that need a table with missing values."""

_PERCENTILES = (90, 90, 95, 95, 99, 10, 5, 25, 75, 80, 20)


def _ranked(rows: list[Row], down: bool) -> list[Row]:
    return sorted(rows, key=lambda row: float(str(row[1])), reverse=down)


def _columns(table: Table, names: tuple[str, ...], rows: object) -> list[Row]:
    assert isinstance(rows, list | tuple)
    places = [table.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in rows]
