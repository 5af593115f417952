"""Second requests that change one part of the first, correct it, narrow it, rank or draw it."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from notebook_agents.engine.training import conditions, plotting, questions
from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.conversation import PYTHON, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import Table
from notebook_agents.engine.training.questions import LABELS, Question, Subject
from notebook_agents.engine.training.relations import quoted
from notebook_agents.engine.training.scene import Scene, Source, table_answer, table_step

OPERATION_WORDS = {
    "mean": ("average", "mean", "avg"),
    "sum": ("total", "sum"),
    "min": ("minimum", "min"),
    "max": ("maximum", "max"),
    "median": ("median",),
    "std": ("standard deviation", "std", "stddev"),
}
EXTREME_WORDS = {"min": ("smallest", "lowest"), "max": ("largest", "highest")}
"""Only of one value: of groups they ask which group it is."""

CATEGORY = "follow-up"
Maker = Callable[[Scene, Question, Source], Exchange | None]


def follow_up(scene: Scene, first: Question, source: Source) -> Exchange | None:
    """A second question about a table, or None when the first one allows none."""
    if "op" not in first.details:
        return None
    makers: list[tuple[Maker, int]] = [(_other_group, 5), (_narrowed, 5)]
    if first.details["op"] != "count":
        makers += [(_other_operation, 9), (_other_column, 6)]
    if first.details["g"]:
        makers += [(_drawn, 10), (_one_group, 5), (_ranked, 12)]
    # Where only its columns tell which file is meant, no other file may have them.
    if source.said and not source.is_frame:
        makers.append((_other_source, 5))
    kinds, weights = zip(*makers, strict=True)
    maker: Maker = scene.rng.choices(kinds, weights)[0]
    return maker(scene, first, source)


def _asked(
    scene: Scene, phrase: str, slots: dict[str, str], question: Question, source: Source
) -> Exchange:
    text = scene.words(phrase, slots)
    step = table_step(question, source)
    return Exchange(CATEGORY, text, (step,), table_answer(question, source, step.result))


def _changed(scene: Scene, part: str) -> str:
    """A phrase for another part, in four of ten cases put as a correction."""
    return scene.picker.pick(f"correct_{part}" if scene.chance(0.4) else f"other_{part}")


def _question(subject: Subject, op: str, c: str, g: str) -> Question:
    if op == "count":
        return questions.count_groups(subject, g)
    return questions.grouped(subject, op, c, g) if g else questions.scalar(subject, op, c)


def _other_operation(scene: Scene, first: Question, source: Source) -> Exchange:
    details = first.details
    kinds = [
        op for op in OPERATION_WORDS if op != details["op"] and (op != "std" or not details["g"])
    ]
    op = scene.rng.choice(kinds)
    question = _question(_subject(scene, source), op, details["c"], details["g"])
    words = OPERATION_WORDS[op] if details["g"] else OPERATION_WORDS[op] + EXTREME_WORDS.get(op, ())
    slots = {"w": scene.rng.choice(words)}
    return _asked(scene, _changed(scene, "aggregate"), slots, question, source)


def _other_column(scene: Scene, first: Question, source: Source) -> Exchange:
    details = first.details
    columns = [c.name for c in source.table.columns if c.is_number and c.name != details["c"]]
    c = scene.rng.choice(columns)
    question = _question(_subject(scene, source), details["op"], c, details["g"])
    return _asked(scene, _changed(scene, "column"), {"c": c}, question, source)


def _other_group(scene: Scene, first: Question, source: Source) -> Exchange | None:
    details = first.details
    before = details["g"]
    columns = [c.name for c in source.table.columns if not c.is_number and c.name != before]
    if details["op"] == "std" or not columns:
        return None
    g = scene.rng.choice(columns)
    question = _question(_subject(scene, source), details["op"], details["c"], g)
    phrase = _changed(scene, "group") if before else scene.picker.pick("other_group")
    return _asked(scene, phrase, {"g": g, "h": before}, question, source)


def _other_source(scene: Scene, first: Question, source: Source) -> Exchange:
    details = first.details
    rows = list(source.table.rows)
    scene.rng.shuffle(rows)
    kept = tuple(rows[: max(2, len(rows) // 2)])
    other = scene.add_file(Table(source.table.columns, kept))
    subject = _subject(scene, other)
    question = _question(subject, details["op"], details["c"], details["g"])
    return _asked(scene, _changed(scene, "source"), {"S": other.name}, question, other)


def _narrowed(scene: Scene, first: Question, source: Source) -> Exchange | None:
    """The same of the rows that fulfil a condition."""
    if first.details["op"] == "std":
        return None
    subject = _subject(scene, source)
    w = conditions.fruitful(subject, compound=0.0)
    phrase = scene.picker.pick("narrow").replace("{W}", w.said)
    return _asked(scene, phrase, w.slots, _filtered(subject, first.details, w), source)


def _one_group(scene: Scene, first: Question, source: Source) -> Exchange | None:
    """The value of one of the groups just shown."""
    g = first.details["g"]
    if next(c.kind for c in source.table.columns if c.name == g) != "word":
        return None
    v, place = str(scene.rng.choice(first.rows[:20])[0]), source.table.index(g)
    sql, mask = f"{quoted(g)} = '{v}'", f"{{S}}['{g}'] == '{v}'"
    w = conditions.Condition("", {"v": v}, sql, mask, lambda row: str(row[place]) == v)
    question = _filtered(_subject(scene, source), {**first.details, "g": ""}, w)
    return _asked(scene, scene.picker.pick("narrow_value"), {"v": v}, question, source)


def _filtered(s: Subject, details: dict[str, str], w: conditions.Condition) -> Question:
    """A question of the kind of the first one, about the rows that fulfil a condition."""
    op, c, g = details["op"], details["c"], details["g"]
    kept = Subject(Table(s.table.columns, tuple(w.rows(s.table))), s.picker)
    base = questions.count_rows(kept) if op == "count" and not g else _question(kept, op, c, g)
    where = f" WHERE {w.sql}"
    sql = base.sql.replace(" GROUP BY", f"{where} GROUP BY") if g else base.sql + where
    code = base.code.replace("{S}", f"{{S}}[{w.mask}]", 1)
    if not g and op != "count":
        code = f"print({{S}}[{w.mask}]['{c}'].{rel.PANDAS_NAMES[op]})"
    head = base.head.replace("umber of rows", "umber of matching rows")
    if op != "count":
        head = base.head.replace(" in {S}", " of the matching rows in {S}")
    return replace(base, sql=sql, code=code, head=head)


def _ranked(scene: Scene, first: Question, source: Source) -> Exchange:
    """The groups just shown in the order of their values, all or the first of them."""
    details = first.details
    pool, n, down = scene.rng.choice(
        (("top_of_those", scene.rng.choice((2, 3, 3, 4, 5, 5, 10)), True), ("sort_that", 0, True),
         ("which_largest", 1, True), ("which_smallest", 1, False))
    )  # fmt: skip
    question = _in_order(details, source.table, n, down=down)
    w = scene.rng.choice(OPERATION_WORDS.get(details["op"], ("count", "number")))
    slots = {"n": str(n), "c": details["c"] or "count", "w": w}
    return _asked(scene, scene.picker.pick(pool), slots, question, source)


def _in_order(details: dict[str, str], table: Table, n: int, *, down: bool) -> Question:
    """The groups ordered by their values, `n` of them or all."""
    op, c, g = details["op"], details["c"], details["g"]
    if op == "count":
        return _by_frequency(g, table, n, down=down)
    order, rank = ("DESC", "Highest") if down else ("ASC", "Lowest")
    found = rel.grouped(table, g, c, op)
    rows = sorted(found, key=lambda row: float(str(row[1])), reverse=down)[: n or None]
    measure = rel.SQL_NAMES[op].format(quoted(c))
    sql = f"SELECT {quoted(g)}, {measure} FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY 2 {order}"
    measured = f"{{S}}.groupby('{g}')['{c}'].{rel.PANDAS_NAMES[op]}"
    method = f"{'nlargest' if down else 'nsmallest'}({n})" if n else "sort_values(ascending=False)"
    code = f"print({measured}.{method}.to_csv())"
    head, columns = f"{rank} {LABELS[op].lower()} {c} by {g} in {{S}}:", [g, _header(op, c)]
    return Question("top", "", {}, _limited(sql, n), code, columns, rows, head, "pairs", [g, c])


def _by_frequency(g: str, table: Table, n: int, *, down: bool) -> Question:
    """The values of a column by how often they occur, `n` of them or all."""
    found = rel.counted(table, g)
    order = "2 DESC, 1" if down else "2, 1"
    sql = f"SELECT {quoted(g)}, COUNT(*) FROM '{{S}}' GROUP BY {quoted(g)} ORDER BY {order}"
    part = f".{'head' if down else 'tail'}({n})" if n else ""
    code = f"print({{S}}['{g}'].value_counts(){part}.to_csv())"
    kept = (found[:n] if down else found[-n:]) if n else found
    head = f"{'Most' if down else 'Least'} frequent {g} in {{S}}:"
    head = head if n else f"Values of {g} in {{S}} by frequency:"
    rows = rel.by_count(found, down=down)[: n or None]
    details, columns = {"csv": rel.csv_text([g, "count"], kept)}, [g, "count_star()"]
    return Question(
        "top", "", {}, _limited(sql, n), code, columns, rows, head, "pairs", None, details
    )


def _drawn(scene: Scene, first: Question, source: Source) -> Exchange:
    """The groups just shown as a bar chart or a pie."""
    details, pie = first.details, scene.chance(0.3)
    kind = ("pie" if pie else "bar") + ("" if details["c"] else "_count")
    plot = next(plot for plot in plotting.PLOTS if plot.pool == kind)
    columns = plotting.Columns(details["c"], "", details["g"], details["op"])
    text = scene.words(scene.picker.pick("plot_pie" if pie else "plot_it"), {})
    call = Call(PYTHON, {"code": plotting.plot_code(source, plot.code(columns))})
    answer = f"Here is the {plot.what(columns)} in {source.name}."
    return Exchange(CATEGORY, text, (Step(call, plotting.FIGURE),), answer)


def _subject(scene: Scene, source: Source) -> Subject:
    return Subject(source.table, scene.picker)


def _header(op: str, c: str) -> str:
    return rel.HEADERS[op].format(rel.shown(c))


def _limited(sql: str, n: int) -> str:
    return f"{sql} LIMIT {n}" if n else sql
