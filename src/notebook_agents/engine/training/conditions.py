"""Questions about the rows that fulfil a condition: counted, shown, aggregated, grouped, ranked."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.fixtures import Table
from notebook_agents.engine.training.questions import LABELS, Question, QuestionMaker, Subject
from notebook_agents.engine.training.relations import Row, quoted, shown

_SIGNS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "greater": (">", operator.gt),
    "less": ("<", operator.lt),
    "at_least": (">=", operator.ge),
    "at_most": ("<=", operator.le),
}
_WORD_SIGNS = {"equal": ("=", "=="), "not_equal": ("<>", "!=")}
_TEXT_TESTS: dict[str, tuple[str, str, Callable[[str, str], bool]]] = {
    "contains": ("'%{}%'", "contains('{}', regex=False)", operator.contains),
    "starts": ("'{}%'", "startswith('{}')", str.startswith),
    "ends": ("'%{}'", "endswith('{}')", str.endswith),
}
_WEIGHTS = {
    "equal": 34, "greater": 17, "less": 15, "at_least": 6, "at_most": 6,
    "between": 7, "not_equal": 6, "contains": 4, "starts": 3, "ends": 2, "one_of": 4,
}  # fmt: skip
_REGEXES = ("^{}", "^{}.*", "{}$", "^{}.*{}$", "{}.*{}", "^[{}{}]", "[{}{}]$", "^[A-Z]",
            "^[a-z]+$", "[0-9]", "[0-9]+$", "^.{{{n}}}$", "^{}|{}$", "{}+", "^[^{}]")  # fmt: skip
_LETTERS = "aeiounrstlmdAS"


@dataclass(frozen=True)
class Condition:
    """A condition as it is said, in SQL and in pandas, and its test of a row."""

    said: str
    slots: dict[str, str]
    sql: str
    mask: str
    test: Callable[[Row], bool]
    is_compound: bool = False

    @property
    def kind(self) -> str:
        """The category of questions with this condition."""
        return "two conditions" if self.is_compound else "filter"

    def rows(self, table: Table) -> list[Row]:
        """The rows that fulfil the condition."""
        return [row for row in table.rows if self.test(row)]


def condition(s: Subject, *, compound: float = 0.25) -> Condition:
    """Draw a condition, a share of them made of two."""
    if s.rng.random() >= compound:
        return _simple(s)
    first, second = _simple(s), _simple(s)
    for _ in range(4):
        if second.slots["k"] != first.slots["k"]:
            break
        second = _simple(s)
    return _joined(s, first, second, either=s.rng.random() < 0.25)


def fruitful(s: Subject, *, compound: float = 0.25) -> Condition:
    """Draw a condition that at least one row fulfils."""
    for _ in range(6):
        found = condition(s, compound=compound)
        if found.rows(s.table):
            return found
    return _word(s, "equal")


def filter_count(s: Subject) -> Question:
    """The number of rows that fulfil a condition."""
    w = condition(s)
    sql, code = f"SELECT COUNT(*) FROM '{{S}}' WHERE {w.sql}", f"print(len({{S}}[{w.mask}]))"
    head = "The number of matching rows in {S} is "
    found: list[Row] = [(len(w.rows(s.table)),)]
    phrase = _asked(s, "filter_count", w)
    return Question(w.kind, phrase, w.slots, sql, code, ["count_star()"], found, head, "value")


def filter_rows(s: Subject) -> Question:
    """The rows that fulfil a condition."""
    w = condition(s)
    sql = f"SELECT * FROM '{{S}}' WHERE {w.sql} LIMIT 20"
    code = f"print({{S}}[{w.mask}].head(20).to_csv(index=False))"
    phrase, rows = _asked(s, "filter_rows", w), w.rows(s.table)
    head, names = "Matching rows in {S}:", s.table.names
    return Question(w.kind, phrase, w.slots, sql, code, names, rows, head, "rows")


def filter_aggregate(s: Subject) -> Question:
    """An aggregate of the rows that fulfil a condition."""
    op, c, w = s.rng.choice(("mean", "mean", "sum", "sum", "min", "max", "median")), s.number(), (
        fruitful(s)
    )  # fmt: skip
    phrase = _asked(s, "filter_agg", w).replace("{A}", s.measure(op))
    sql = f"SELECT {rel.SQL_NAMES[op].format(quoted(c))} FROM '{{S}}' WHERE {w.sql}"
    code = f"print({{S}}[{w.mask}]['{c}'].{rel.PANDAS_NAMES[op]})"
    value = rel.aggregate(_cells(s.table, c, w.rows(s.table)), op)
    head = f"The {LABELS[op].lower()} {c} of the matching rows in {{S}} is "
    columns = [rel.HEADERS[op].format(shown(c))]
    slots = {**w.slots, "c": c}
    return Question(w.kind, phrase, slots, sql, code, columns, [(value,)], head, "value")


def filter_grouped(s: Subject) -> Question:
    """An aggregate per group of the rows that fulfil a condition."""
    op, c, g = s.rng.choice(("mean", "sum", "sum", "min", "max")), s.number(), s.group()
    w = fruitful(s, compound=0.1)
    phrase = _asked(s, "filter_grouped", w).replace("{A}", s.measure(op))
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {measure} FROM '{{S}}' WHERE {w.sql}"
    sql += f" GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({{S}}[{w.mask}].groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}.to_csv())"
    rows = rel.grouped(Table(s.table.columns, tuple(w.rows(s.table))), g, c, op)
    head = f"{LABELS[op]} {c} by {g} of the matching rows in {{S}}:"
    columns, slots = [g, rel.HEADERS[op].format(shown(c))], {**w.slots, "c": c, "g": g}
    return Question("filter group", phrase, slots, sql, code, columns, rows, head, "pairs", [g, c])


def filter_group_count(s: Subject) -> Question:
    """The number of rows per group of the rows that fulfil a condition."""
    g, w = s.group(), fruitful(s, compound=0.1)
    phrase = _asked(s, "filter_group_count", w)
    sql = f"SELECT {quoted(g)}, COUNT(*) FROM '{{S}}' WHERE {w.sql}"
    sql += f" GROUP BY {quoted(g)} ORDER BY 1"
    code = f"print({{S}}[{w.mask}]['{g}'].value_counts().sort_index().to_csv())"
    rows = rel.grouped(Table(s.table.columns, tuple(w.rows(s.table))), g, None, "count")
    head = f"Number of matching rows by {g} in {{S}}:"
    columns, slots = [g, "count_star()"], {**w.slots, "g": g}
    return Question(
        "filter group", phrase, slots, sql, code, columns, rows, head, "pairs", [g, "count"]
    )


def filter_top(s: Subject) -> Question:
    """The largest of the rows that fulfil a condition."""
    n, c, w = s.rng.choice((2, 3, 3, 4, 5, 5, 10)), s.number(), fruitful(s, compound=0.1)
    phrase = _asked(s, "filter_top", w)
    sql = f"SELECT * FROM '{{S}}' WHERE {w.sql} ORDER BY {quoted(c)} DESC LIMIT {n}"
    code = f"print({{S}}[{w.mask}].nlargest({n}, '{c}').to_csv(index=False))"
    kept = Table(s.table.columns, tuple(w.rows(s.table)))
    rows, names = rel.ordered(kept, c, descending=True)[:n], s.table.names
    head = f"Top {n} matching rows by {c} in {{S}}:"
    slots = {**w.slots, "c": c, "n": str(n)}
    return Question("filter group", phrase, slots, sql, code, names, rows, head, "rows")


def filter_percent(s: Subject) -> Question:
    """The percentage of rows that fulfil a condition."""
    w = condition(s, compound=0.1)
    phrase = _asked(s, "filter_percent", w)
    share = f"ROUND(100.0 * COUNT(*) FILTER (WHERE {w.sql}) / COUNT(*), 4)"
    sql = f"SELECT {share} AS percent FROM '{{S}}'"
    code = f"print(round(100 * ({w.mask}).mean(), 4))"
    value = round(100 * len(w.rows(s.table)) / len(s.table.rows), 4)
    head, rows = "The percentage of matching rows in {S} is ", [(value,)]
    return Question("percent", phrase, w.slots, sql, code, ["percent"], rows, head, "value")


def regex_count(s: Subject) -> Question:
    """The number of rows whose text matches a regular expression."""
    place, k = _word_column(s)
    form = s.rng.choice(_REGEXES).replace("{n}", "@")
    while "{}" in form:
        form = form.replace("{}", _letter(s, place), 1)
    regex = form.replace("{{", "{").replace("}}", "}").replace("@", str(s.rng.randint(2, 9)))
    phrase = s.picker.pick("regex_count")
    sql = f"SELECT COUNT(*) FROM '{{S}}' WHERE regexp_matches({quoted(k)}, '{regex}')"
    code = f"print({{S}}['{k}'].str.contains('{regex}', regex=True).sum())"
    found: list[Row] = [(sum(bool(re.search(regex, str(v))) for v in s.table.values(k)),)]
    head, slots = "The number of matching rows in {S} is ", {"k": k, "v": regex}
    return Question("regex", phrase, slots, sql, code, ["count_star()"], found, head, "value")


KINDS: tuple[tuple[QuestionMaker, int], ...] = (
    (filter_count, 8), (filter_rows, 7), (filter_aggregate, 9), (filter_grouped, 4),
    (filter_group_count, 2), (filter_top, 2), (filter_percent, 2), (regex_count, 2),
)  # fmt: skip
"""Kinds of questions with conditions and their weights."""


def _asked(s: Subject, pool: str, w: Condition) -> str:
    return s.picker.pick(pool).replace("{W}", w.said)


def _simple(s: Subject) -> Condition:
    kind = s.rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    if kind in _SIGNS:
        return _compared(s, kind)
    if kind in _TEXT_TESTS:
        return _text(s, kind)
    if kind == "between":
        return _between(s)
    return _one_of(s) if kind == "one_of" else _word(s, kind)


def _joined(s: Subject, first: Condition, second: Condition, *, either: bool) -> Condition:
    said = s.picker.pick("either" if either else "both").replace("{W}", first.said)
    said = said.replace("{W2}", re.sub(r"\{([kvu])\}", r"{\g<1>2}", second.said))
    slots = {**first.slots, **{f"{name}2": text for name, text in second.slots.items()}}
    sql = f"{first.sql} {'OR' if either else 'AND'} {second.sql}"
    mask = f"({first.mask}) {'|' if either else '&'} ({second.mask})"
    combine = any if either else all
    return Condition(
        said, slots, sql, mask, lambda row: combine((first.test(row), second.test(row))), True
    )


def _compared(s: Subject, kind: str) -> Condition:
    sign, holds = _SIGNS[kind]
    k = s.number()
    place, v = s.table.index(k), _threshold(s, k)
    mask, slots = f"{{S}}['{k}'] {sign} {v}", {"k": k, "v": str(v)}
    sql = f"{quoted(k)} {sign} {v}"
    return Condition(
        s.picker.pick(kind), slots, sql, mask, lambda row: holds(_number(row[place]), v)
    )


def _between(s: Subject) -> Condition:
    k = s.number()
    place, ends = s.table.index(k), sorted((_threshold(s, k), _threshold(s, k)))
    low, high = ends if ends[0] != ends[1] else (ends[0], ends[0] + 10)
    sql = f"{quoted(k)} BETWEEN {low} AND {high}"
    slots, mask = {"k": k, "v": str(low), "u": str(high)}, f"{{S}}['{k}'].between({low}, {high})"
    return Condition(
        s.picker.pick("between"),
        slots,
        sql,
        mask,
        lambda row: low <= _number(row[place]) <= high,
    )


def _word(s: Subject, kind: str) -> Condition:
    place, k = _word_column(s)
    v = str(s.rng.choice(s.table.values(k)))
    in_sql, in_pandas = _WORD_SIGNS[kind]
    sql, mask = f"{quoted(k)} {in_sql} '{v}'", f"{{S}}['{k}'] {in_pandas} '{v}'"
    slots, is_equal = {"k": k, "v": v}, kind == "equal"
    return Condition(
        s.picker.pick(kind), slots, sql, mask, lambda row: (str(row[place]) == v) == is_equal
    )


def _one_of(s: Subject) -> Condition:
    place, k = _word_column(s)
    found = list(dict.fromkeys(map(str, s.table.values(k))))
    if len(found) < 2:
        return _word(s, "equal")
    v, u = s.rng.sample(found, 2)
    sql, mask = f"{quoted(k)} IN ('{v}', '{u}')", f"{{S}}['{k}'].isin(['{v}', '{u}'])"
    slots = {"k": k, "v": v, "u": u}
    return Condition(
        s.picker.pick("one_of"), slots, sql, mask, lambda row: str(row[place]) in (v, u)
    )


def _text(s: Subject, kind: str) -> Condition:
    place, k = _word_column(s)
    like, method, holds = _TEXT_TESTS[kind]
    v = _fragment(s, place, kind)
    mask = f"{{S}}['{k}'].str.{method.format(v)}"
    sql, slots = f"{quoted(k)} LIKE {like.format(v)}", {"k": k, "v": v}
    return Condition(s.picker.pick(kind), slots, sql, mask, lambda row: holds(str(row[place]), v))


def _fragment(s: Subject, place: int, kind: str) -> str:
    value = str(s.rng.choice(s.table.rows)[place])
    size = s.rng.randint(1, min(5, len(value)))
    start = {"starts": 0, "ends": len(value) - size}.get(kind, s.rng.randint(0, len(value) - size))
    piece = value[start : start + size]
    return piece if piece.isalnum() and piece.isascii() else s.rng.choice(_LETTERS)


def _letter(s: Subject, place: int) -> str:
    letter = s.rng.choice(str(s.rng.choice(s.table.rows)[place]))
    return letter if letter.isalpha() and letter.isascii() else s.rng.choice(_LETTERS)


def _word_column(s: Subject) -> tuple[int, str]:
    k = s.rng.choice([c.name for c in s.table.columns if c.kind == "word"])
    return s.table.index(k), k


def _threshold(s: Subject, c: str) -> float:
    value = _number(s.rng.choice(s.table.values(c)))
    dice = s.rng.random()
    if dice < 0.4:
        return value
    if dice < 0.6:
        size = s.rng.choice((1, 5, 10, 50, 100))
        return int(value) // size * size or size
    if dice < 0.8:
        return s.rng.choice((1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10000))
    return s.rng.choice(
        (s.rng.randint(0, 999), s.rng.randint(0, 99999), s.rng.random().__round__(2))
    )


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return value


def _cells(table: Table, c: str, rows: list[Row]) -> list[object]:
    place = table.index(c)
    return [row[place] for row in rows]
