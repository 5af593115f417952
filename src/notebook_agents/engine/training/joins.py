"""Exchanges about two tables: joined on a column that both have, or one below the other."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.conversation import Exchange
from notebook_agents.engine.training.fixtures import Column, Table, make_table
from notebook_agents.engine.training.questions import GROUP_KINDS, LABELS, Question
from notebook_agents.engine.training.relations import Row, quoted, shown
from notebook_agents.engine.training.scene import Scene, Source, table_exchange

PANDAS = "import pandas as pd\n"


@dataclass(frozen=True)
class Pair:
    """Two tables in the order in which the user names them."""

    first: Source
    second: Source
    key: str
    """The column that both have; empty for two tables with equal columns."""
    key_said: bool = False

    @property
    def slots(self) -> dict[str, str]:
        """The slots of every phrase about two tables."""
        return {"T": self.second.name, "k": self.key}

    @property
    def joined_sql(self) -> str:
        """The part of a query after FROM."""
        return f"'{{S}}' JOIN '{self.second.name}' USING ({quoted(self.key)})"

    @property
    def merged(self) -> str:
        """The joined dataframes in pandas."""
        return f"{{S}}.merge({self.second.name}, on='{self.key}')"

    @property
    def said(self) -> str:
        """The two tables in an answer."""
        return f"{{S}} joined with {self.second.name}"

    @property
    def both(self) -> str:
        """The two tables below each other in an answer."""
        return f"{{S}} and {self.second.name} together"


def joined(first: Table, second: Table, key: str, *, keep_first: bool = False) -> Table:
    """Join two tables as SQL does; with `keep_first` rows without a partner stay."""
    others = [place for place, name in enumerate(second.names) if name != key]
    columns = (*first.columns, *(second.columns[place] for place in others))
    rows: list[Row] = []
    for row in first.rows:
        value = row[first.index(key)]
        found = [other for other in second.rows if other[second.index(key)] == value]
        rows += [(*row, *(other[place] for place in others)) for other in found]
        if keep_first and not found:
            rows.append((*row, *(None for _ in others)))
    return Table(columns, tuple(rows))


def join_rows(scene: Scene) -> Exchange:
    """The rows of two tables joined."""
    pair = _keyed_pair(scene)
    table = joined(pair.first.table, pair.second.table, pair.key)
    sql = f"SELECT * FROM {pair.joined_sql} LIMIT 20"
    code = f"print({pair.merged}.head(20).to_csv(index=False))"
    question = Question(
        "join", _phrase(scene, pair, "join_rows"), pair.slots, sql, code, table.names,
        table.rows, f"Rows of {pair.said}:", "rows",
    )  # fmt: skip
    return _exchange(scene, question, pair)


def join_keeping(scene: Scene) -> Exchange:
    """All rows of the first table, with what the second one has for them."""
    pair = _keyed_pair(scene)
    table = joined(pair.first.table, pair.second.table, pair.key, keep_first=True)
    sql = f"SELECT * FROM {pair.joined_sql.replace(' JOIN ', ' LEFT JOIN ')} LIMIT 20"
    merged = pair.merged.replace("')", "', how='left')")
    code = f"print({merged}.head(20).to_csv(index=False))"
    details = {"csv": rel.csv_text(table.names, rel.as_pandas(table, table.rows))}
    question = Question(
        "join", _phrase(scene, pair, "join_left"), pair.slots, sql, code, table.names,
        table.rows, f"All rows of {pair.said}:", "rows", None, details,
    )  # fmt: skip
    return _exchange(scene, question, pair)


def join_grouped(scene: Scene) -> Exchange:
    """An aggregate of a column of one table for each value of a column of the other."""
    pair = _keyed_pair(scene)
    op, (c, g) = scene.rng.choice(GROUP_KINDS), _across(scene, pair)
    table = joined(pair.first.table, pair.second.table, pair.key)
    phrase = _phrase(scene, pair, "join_grouped").replace("{A}", scene.picker.pick(op))
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {measure} FROM {pair.joined_sql}"
    sql += f" GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({pair.merged}.groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}.to_csv())"
    question = Question(
        "join", phrase, {**pair.slots, "c": c, "g": g}, sql, code,
        [g, rel.HEADERS[op].format(shown(c))], rel.grouped(table, g, c, op),
        f"{LABELS[op]} {c} by {g} in {pair.said}:", "pairs", [g, c],
    )  # fmt: skip
    return _exchange(scene, question, pair)


def join_top(scene: Scene) -> Exchange:
    """The value of a column of one table with the largest aggregate of a column of the other."""
    pair = _keyed_pair(scene)
    op, (c, g) = scene.rng.choice(("sum", "sum", "mean")), _across(scene, pair)
    table = joined(pair.first.table, pair.second.table, pair.key)
    phrase = _phrase(scene, pair, "join_top").replace("{A}", scene.picker.pick(op))
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {measure} FROM {pair.joined_sql}"
    sql += f" GROUP BY {quoted(g)} ORDER BY 2 DESC LIMIT 1"
    measured = f"{pair.merged}.groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}"
    rows = rel.grouped(table, g, c, op)
    rows.sort(key=lambda row: float(str(row[1])), reverse=True)
    question = Question(
        "join", phrase, {**pair.slots, "c": c, "g": g}, sql,
        f"print({measured}.nlargest(1).to_csv())", [g, rel.HEADERS[op].format(shown(c))],
        rows[:1], f"Highest {LABELS[op].lower()} {c} by {g} in {pair.said}:", "pairs", [g, c],
    )  # fmt: skip
    return _exchange(scene, question, pair)


def join_counts(scene: Scene) -> Exchange:
    """The number of rows of one table for each value of a column of the other."""
    pair = _keyed_pair(scene)
    _, g = _across(scene, pair)
    table = joined(pair.first.table, pair.second.table, pair.key)
    sql = f"SELECT {quoted(g)}, COUNT(*) FROM {pair.joined_sql}"
    sql += f" GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({pair.merged}['{g}'].value_counts().sort_index().to_csv())"
    question = Question(
        "join", _phrase(scene, pair, "join_counts"), {**pair.slots, "g": g}, sql, code,
        [g, "count_star()"], rel.grouped(table, g, None, "count"),
        f"Number of rows by {g} in {pair.said}:", "pairs", [g, "count"],
    )  # fmt: skip
    return _exchange(scene, question, pair)


def join_size(scene: Scene) -> Exchange:
    """The number of rows of a join."""
    pair = _keyed_pair(scene)
    table = joined(pair.first.table, pair.second.table, pair.key)
    question = Question(
        "join", _phrase(scene, pair, "join_size"), pair.slots,
        f"SELECT COUNT(*) FROM {pair.joined_sql}", f"print(len({pair.merged}))",
        ["count_star()"], [(len(table.rows),)], f"The number of rows in {pair.said} is ", "value",
    )  # fmt: skip
    return _exchange(scene, question, pair)


def unmatched(scene: Scene) -> Exchange:
    """The keys of one table that the other does not have."""
    pair = _keyed_pair(scene)
    pool = "unmatched_key" if pair.key_said else "unmatched"
    sql = f"SELECT {quoted(pair.key)} FROM {_without_partner(pair)} ORDER BY 1"
    code = f"print({_outside(pair)}['{pair.key}'].to_csv(index=False))"
    values = _unmatched_values(pair)
    found = values if pair.first.is_frame else sorted(values, key=_order)
    question = Question(
        "join", _phrase(scene, pair, pool), pair.slots, sql, code, [pair.key],
        [(value,) for value in found],
        f"{pair.key} in {{S}} without a match in {pair.second.name}:", "items",
    )  # fmt: skip
    return _exchange(scene, question, pair)


def unmatched_count(scene: Scene) -> Exchange:
    """The number of rows of one table without a partner in the other."""
    pair = _keyed_pair(scene)
    question = Question(
        "join", _phrase(scene, pair, "unmatched_count"), pair.slots,
        f"SELECT COUNT(*) FROM {_without_partner(pair)}", f"print(len({_outside(pair)}))",
        ["count_star()"], [(len(_unmatched_values(pair)),)],
        f"The number of {{S}} rows without a match in {pair.second.name} is ", "value",
    )  # fmt: skip
    return _exchange(scene, question, pair)


def stacked_rows(scene: Scene) -> Exchange:
    """The rows of two tables with equal columns, one below the other."""
    pair = _equal_pair(scene)
    sql = f"SELECT * FROM '{{S}}' UNION ALL SELECT * FROM '{pair.second.name}' LIMIT 20"
    code = f"{PANDAS}print({_concat(pair)}.head(20).to_csv(index=False))"
    rows = (*pair.first.table.rows, *pair.second.table.rows)[:20]
    question = Question(
        "union", _phrase(scene, pair, "union_rows"), pair.slots, sql, code,
        pair.first.table.names, rows, f"Rows of {pair.both}:", "rows",
    )  # fmt: skip
    return _exchange(scene, question, pair)


def stacked_size(scene: Scene) -> Exchange:
    """How many rows two tables with equal columns have together."""
    pair = _equal_pair(scene)
    n_rows = len(pair.first.table.rows) + len(pair.second.table.rows)
    question = Question(
        "union", _phrase(scene, pair, "union_size"), pair.slots,
        f"SELECT COUNT(*) FROM ({_union(pair)})", f"{PANDAS}print(len({_concat(pair)}))",
        ["count_star()"], [(n_rows,)], f"The number of rows in {pair.both} is ", "value",
    )  # fmt: skip
    return _exchange(scene, question, pair)


def stacked_aggregate(scene: Scene) -> Exchange:
    """An aggregate of a column over two tables with equal columns."""
    pair, op = _equal_pair(scene), scene.rng.choice(("sum", "sum", "mean", "min", "max"))
    c = pair.first.table.pick(scene.rng, number=True)
    phrase = _phrase(scene, pair, "union_aggregate").replace("{A}", scene.picker.pick(op))
    sql = f"SELECT {rel.SQL_NAMES[op].format(quoted(c))} FROM ({_union(pair)})"
    code = f"{PANDAS}print({_concat(pair)}['{c}'].{rel.PANDAS_NAMES[op]})"
    if op not in ("min", "max"):
        code = f"{PANDAS}print(round({_concat(pair)}['{c}'].{op}(), 4))"
    value = rel.aggregate([*pair.first.table.values(c), *pair.second.table.values(c)], op)
    question = Question(
        "union", phrase, {**pair.slots, "c": c}, sql, code, [rel.HEADERS[op].format(shown(c))],
        [(value,)], f"The {LABELS[op].lower()} {c} in {pair.both} is ", "value",
    )  # fmt: skip
    return _exchange(scene, question, pair)


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (join_rows, 6), (join_keeping, 2), (join_grouped, 10), (join_top, 3), (join_counts, 4),
    (join_size, 3), (unmatched, 4), (unmatched_count, 2), (stacked_rows, 3), (stacked_size, 2),
    (stacked_aggregate, 2),
)  # fmt: skip
"""Kinds of exchanges about two tables and their weights."""


def _exchange(scene: Scene, question: Question, pair: Pair) -> Exchange:
    """The exchange of a question; columns are said loosely where the context names them."""
    source = pair.first
    if scene.knows_columns(pair.first) and scene.knows_columns(pair.second) and pair.key:
        source = replace(source, table=joined(source.table, pair.second.table, pair.key))
    return table_exchange(scene, question, source)


def _keyed_pair(scene: Scene) -> Pair:
    """A table that names things by a key and one with a row for each key; not all keys in both."""
    rng, key = scene.rng, _key_name(scene)
    keys = _keys(scene, rng.choice((4, 5, 5, 6, 7, 8)))
    many = make_table(scene.names, rng, n_rows=rng.choice((3, 4, 4, 5, 6, 8, 11)))
    few = make_table(scene.names, rng, n_rows=len(keys) - 1)
    known = [keys[1], keys[-1], *rng.choices(keys[1:], k=len(many.rows))][: len(many.rows)]
    rng.shuffle(known)
    kind = "word" if isinstance(keys[0], str) else "int"
    tables = [_with_key(many, key, kind, known), _with_key(few, key, kind, keys[:-1])]
    rng.shuffle(tables)
    is_frame = scene.chance(0.35)
    first, second = (_add(scene, table, is_frame=is_frame) for table in tables)
    key_said = scene.chance(0.65) or not (is_frame or scene.shows_columns)
    _surround(scene, (first, second), may_hide=key_said)
    return Pair(first, second, key, key_said)


def _equal_pair(scene: Scene) -> Pair:
    table, is_frame = make_table(scene.names, scene.rng), scene.chance(0.35)
    columns = [table.values(column.name) for column in table.columns]
    rows = tuple(
        tuple(scene.rng.choice(values) for values in columns)
        for _ in range(scene.rng.choice((2, 3, 3, 4, 5, 6)))
    )
    first = _add(scene, table, is_frame=is_frame)
    second = _add(scene, Table(table.columns, rows), is_frame=is_frame)
    _surround(scene, (first, second), may_hide=True)
    return Pair(first, second, "")


def _add(scene: Scene, table: Table, *, is_frame: bool) -> Source:
    if not is_frame:
        return scene.add_file(table)
    name = scene.add_frame().name
    scene.frames[name] = table
    return Source(name, name, True, table)


def _surround(scene: Scene, sources: Sequence[Source], *, may_hide: bool) -> None:
    """Hide some of the files from the context and add what the question is not about."""
    for source in sources:
        if may_hide and not source.is_frame and scene.chance(0.2):
            scene.hidden.add(source.name)
    if scene.chance(0.5):
        scene.clutter()


def _key_name(scene: Scene) -> str:
    name = scene.names.column()
    if scene.chance(0.5):
        ends = ("_id", "_id", "_id", "_no", "_code", "id", "ID", " id", "_key")
        name = scene.names.word() + scene.rng.choice(ends)
        scene.names.recent.add(name.lower())
    return name


def _keys(scene: Scene, count: int) -> list[object]:
    found: dict[object, None] = {}
    kind = scene.rng.choice(("word", "short", "long"))
    while len(found) < count:
        if kind == "word":
            found[scene.names.value()] = None
        else:
            found[int(scene.names.number(2 if kind == "short" else 5))] = None
    return list(found)


def _with_key(table: Table, key: str, kind: str, keys: Sequence[object]) -> Table:
    """Add the key as a column: mostly the first one."""
    place = 0 if len(keys) % 4 else len(table.columns) // 2
    columns = (*table.columns[:place], Column(key, kind), *table.columns[place:])
    rows = tuple(
        (*row[:place], value, *row[place:]) for row, value in zip(table.rows, keys, strict=True)
    )
    return Table(columns, rows)


def _across(scene: Scene, pair: Pair) -> tuple[str, str]:
    """A column of numbers of one table and a column of words of the other; never the key."""
    one, other = scene.rng.sample((pair.first.table, pair.second.table), 2)
    numbers = [c.name for c in one.columns if c.is_number and c.name != pair.key]
    words = [c.name for c in other.columns if not c.is_number and c.name != pair.key]
    return scene.rng.choice(numbers), scene.rng.choice(words)


def _phrase(scene: Scene, pair: Pair, pool: str) -> str:
    phrase = scene.picker.pick(pool)
    if "{J}" in phrase:
        phrase = phrase.replace("{J}", scene.picker.pick("join_pair"))
    if "{K}" in phrase:
        phrase = phrase.replace("{K}", scene.picker.pick("join_key") if pair.key_said else "")
    return phrase


def _unmatched_values(pair: Pair) -> list[object]:
    known = set(pair.second.table.values(pair.key))
    return [value for value in pair.first.table.values(pair.key) if value not in known]


def _order(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0, str(value))


def _without_partner(pair: Pair) -> str:
    return pair.joined_sql.replace(" JOIN ", " ANTI JOIN ")


def _outside(pair: Pair) -> str:
    return f"{{S}}[~{{S}}['{pair.key}'].isin({pair.second.name}['{pair.key}'])]"


def _union(pair: Pair) -> str:
    return f"SELECT * FROM '{{S}}' UNION ALL SELECT * FROM '{pair.second.name}'"


def _concat(pair: Pair) -> str:
    return f"pd.concat([{{S}}, {pair.second.name}])"
