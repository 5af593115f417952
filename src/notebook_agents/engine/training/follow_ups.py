"""Second questions that change one part of the first: aggregate, column, group or table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from notebook_agents.engine.training import exchanges, questions
from notebook_agents.engine.training.conversation import PYTHON, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import Table
from notebook_agents.engine.training.questions import Question, Subject
from notebook_agents.engine.training.scene import Scene, Source, table_exchange

OPERATION_WORDS = {
    "mean": ("average", "mean", "avg"),
    "sum": ("total", "sum"),
    "min": ("minimum", "min", "smallest", "lowest"),
    "max": ("maximum", "max", "largest", "highest"),
    "median": ("median",),
    "std": ("standard deviation", "std"),
}


def follow_up(scene: Scene, first: Question, source: Source) -> Exchange | None:
    """A second question about a table, or None when the first one allows none."""
    if "op" not in first.details:
        return None
    makers: list[Callable[[Scene, Question, Source], Exchange]] = [_other_group]
    if first.details["op"] != "count":
        makers += [_other_operation, _other_operation, _other_column]
    if first.form == "pairs":
        makers += [_plot_it, _plot_it]
    if not source.is_frame:
        makers.append(_other_source)
    return scene.rng.choice(makers)(scene, first, source)


def _asked(
    scene: Scene, pool: str, slots: dict[str, str], question: Question, source: Source
) -> Exchange:
    made = table_exchange(scene, question, source)
    text = scene.words(scene.picker.pick(pool), slots)
    return replace(made, request=text, category="follow-up")


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
    subject = Subject(source.table, scene.picker)
    question = _question(subject, op, details["c"], details["g"])
    slots = {"w": scene.rng.choice(OPERATION_WORDS[op])}
    return _asked(scene, "other_aggregate", slots, question, source)


def _other_column(scene: Scene, first: Question, source: Source) -> Exchange:
    details = first.details
    columns = [c.name for c in source.table.columns if c.is_number and c.name != details["c"]]
    c = scene.rng.choice(columns)
    question = _question(Subject(source.table, scene.picker), details["op"], c, details["g"])
    return _asked(scene, "other_column", {"c": c}, question, source)


def _other_group(scene: Scene, first: Question, source: Source) -> Exchange:
    details = first.details
    op = details["op"] if details["op"] != "std" else "mean"
    g = source.table.pick(scene.rng, number=False)
    subject = Subject(source.table, scene.picker)
    exchange = _asked(
        scene, "other_group", {"g": g}, _question(subject, op, details["c"], g), source
    )
    if op != details["op"]:
        return _other_column(scene, first, source)
    return exchange


def _other_source(scene: Scene, first: Question, source: Source) -> Exchange:
    details = first.details
    rows = list(source.table.rows)
    scene.rng.shuffle(rows)
    kept = tuple(rows[: max(2, len(rows) // 2)])
    other = scene.add_file(Table(source.table.columns, kept))
    subject = Subject(other.table, scene.picker)
    question = _question(subject, details["op"], details["c"], details["g"])
    return _asked(scene, "other_source", {"S": other.name}, question, other)


def _plot_it(scene: Scene, first: Question, source: Source) -> Exchange:
    details = first.details
    text = scene.words(scene.picker.pick("plot_it"), {})
    code = exchanges.bar_code(details["g"], details["c"], details["op"])
    call = Call(PYTHON, {"code": exchanges.plot_code(source, code)})
    what = f"{details['c']} by {details['g']}" if details["c"] else details["g"]
    answer = f"Here is the bar chart of {what} in {source.name}."
    return Exchange("follow-up", text, (Step(call, exchanges.FIGURE),), answer)
