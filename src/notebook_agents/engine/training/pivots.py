"""Exchanges about two columns of words at once: pivots, cross tables and counts of pairs.

A pivot of a file is made by pandas: `PIVOT` without a list of its columns is more than one
statement to the database, and the query tool runs exactly one.
"""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.conversation import PYTHON, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import Column, Names, Table
from notebook_agents.engine.training.questions import LABELS, Question
from notebook_agents.engine.training.relations import Row, quoted
from notebook_agents.engine.training.scene import Scene, Source, table_exchange, table_request

PIVOT_KINDS = ("sum", "sum", "sum", "mean", "mean", "mean", "max", "min")
_NOT_TEXT = {"", "na", "n/a", "nan", "null", "none", "true", "false", "inf", "infinity"}
"""Words that a reader of CSV may take for something else."""


def pivot(scene: Scene) -> Exchange:
    """An aggregate with a row for each value of one column and a column for each of another."""
    source = _source(scene)
    c, (g, h) = source.table.pick(scene.rng, number=True), _two_words(scene, source.table)
    op = scene.rng.choice(PIVOT_KINDS)
    phrase = scene.picker.pick("pivot").replace("{A}", scene.picker.pick(op))
    code = f".pivot_table(index='{g}', columns='{h}', values='{c}', aggfunc='{op}').round(4)"
    cells = {(a, b): value for a, b, value in rel.grouped_by_two(source.table, (g, h), c, op)}
    result = _pivoted(source.table, (g, h), cells, empty=None)
    head = f"{LABELS[op]} {c} by {g} and {h} in {{S}}:"
    question = _question(phrase, {"c": c, "g": g, "h": h}, code, result, head)
    return _exchange(scene, question, source)


def cross_table(scene: Scene) -> Exchange:
    """The number of rows for each pair of values of two columns, as a table."""
    source = _source(scene)
    g, h = _two_words(scene, source.table)
    code = f".pivot_table(index='{g}', columns='{h}', aggfunc='size', fill_value=0)"
    cells = {
        (a, b): value for a, b, value in rel.grouped_by_two(source.table, (g, h), None, "count")
    }
    result = _pivoted(source.table, (g, h), cells, empty=0)
    head = f"Number of rows by {g} and {h} in {{S}}:"
    slots = {"g": g, "h": h}
    question = _question(scene.picker.pick("cross_table"), slots, code, result, head)
    return _exchange(scene, question, source)


def counted_by_two(scene: Scene) -> Exchange:
    """The number of rows for each pair of values of two columns, one row per pair."""
    source = _source(scene)
    g, h = _two_words(scene, source.table)
    keys = f"{quoted(g)}, {quoted(h)}"
    sql = f"SELECT {keys}, COUNT(*) FROM '{{S}}' GROUP BY {keys} ORDER BY 1, 2"
    code = f"print({{S}}.groupby(['{g}', '{h}']).size().to_csv())"
    rows = rel.grouped_by_two(source.table, (g, h), None, "count")
    question = Question(
        "group", scene.picker.pick("counted_by_two"), {"g": g, "h": h}, sql, code,
        [g, h, "count_star()"], rows, f"Number of rows by {g} and {h} in {{S}}:", "rows", None,
        {"csv": rel.csv_text([g, h, "0"], rows)},
    )  # fmt: skip
    return table_exchange(scene, question, source)


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (pivot, 5), (cross_table, 3), (counted_by_two, 2),
)  # fmt: skip
"""Kinds of exchanges about two columns of words and their weights."""


def _source(scene: Scene) -> Source:
    """A table with at least two columns of words."""
    source = scene.source()
    table = _table(scene)
    (scene.frames if source.is_frame else scene.tables)[source.name] = table
    return replace(source, table=table)


def _table(scene: Scene) -> Table:
    rng, names = scene.rng, scene.names
    words = {names.column(): _values(names, rng.choice((2, 2, 3, 3, 4))) for _ in range(2)}
    if scene.chance(0.2):
        words[names.column()] = _values(names, 3)
    numbers = {names.column(): rng.choice(("int", "float", "large")) for _ in range(2)}
    columns = [*(Column(n, "word") for n in words), *(Column(n, k) for n, k in numbers.items())]
    if scene.chance(0.3):
        rng.shuffle(columns)
    rows = tuple(
        tuple(
            rng.choice(words[c.name]) if c.kind == "word" else _number(scene, c.kind)
            for c in columns
        )
        for _ in range(rng.choice((4, 5, 6, 8, 10, 14)))
    )
    return Table(tuple(columns), rows)


def _values(names: Names, count: int) -> list[object]:
    found: dict[object, None] = {}
    while len(found) < count:
        value = names.value()
        if value.lower() not in _NOT_TEXT:
            found[value] = None
    return list(found)


def _number(scene: Scene, kind: str) -> float:
    if kind == "float":
        return round(scene.rng.uniform(0, scene.rng.choice((10, 100, 1000))), 2)
    return int(scene.names.number(5 if kind == "large" else 3))


def _two_words(scene: Scene, table: Table) -> tuple[str, str]:
    first, second = scene.rng.sample([c.name for c in table.columns if c.kind == "word"], 2)
    return first, second


def _pivoted(
    table: Table, groups: tuple[str, str], cells: dict[tuple[object, object], object],
    *, empty: object,
) -> str:  # fmt: skip
    """What pandas prints; a missing cell makes floats of all whole numbers."""
    index, columns = (sorted(set(table.values(group)), key=str) for group in groups)
    has_gaps = empty is None and len(cells) < len(index) * len(columns)
    rows: list[Row] = []
    for a in index:
        found = [cells.get((a, b), empty) for b in columns]
        row = [float(v) if has_gaps and isinstance(v, int) else v for v in found]
        rows.append((a, *row))
    return rel.csv_text([groups[0], *map(str, columns)], rows)


def _question(phrase: str, slots: dict[str, str], code: str, result: str, head: str) -> Question:
    """A question that pandas answers for files as well."""
    columns: Sequence[str] = result.split("\n")[0].split(",")
    return Question(
        "pivot", phrase, slots, "", code, columns, (), head, "rows", None, {"csv": result}
    )


def _exchange(scene: Scene, question: Question, source: Source) -> Exchange:
    request = table_request(scene, question, source)
    call = Call(PYTHON, {"code": pandas_code(source, question.code)})
    result = question.details["csv"]
    kind = "frame" if source.is_frame else "file"
    category = f"{kind} {question.kind}" if source.said else "from context"
    answer = f"{question.head.replace('{S}', source.name)}\n```\n{result}\n```"
    return Exchange(category, request, (Step(call, result),), answer)


def pandas_code(source: Source, code: str) -> str:
    """Code that prints a table which pandas makes; no variable of the user is changed."""
    if source.is_frame:
        return f"print({source.name}{code}.to_csv())"
    if source.name.endswith(".parquet"):
        return f"import duckdb\nprint(duckdb.sql(\"FROM '{source.name}'\").df(){code}.to_csv())"
    return f"import pandas as pd\nprint(pd.read_csv('{source.name}'){code}.to_csv())"
