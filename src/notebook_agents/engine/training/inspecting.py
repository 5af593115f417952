"""Exchanges about variables of the kernel: what they are, described by `inspect_variable`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from notebook_agents.core.formatting import format_number, more_line
from notebook_agents.engine.telling import failure
from notebook_agents.engine.training.calculations import output_answer
from notebook_agents.engine.training.conversation import (
    INSPECTOR,
    PYTHON,
    Call,
    Exchange,
    Step,
)  # fmt: skip
from notebook_agents.engine.training.fixtures import Column, Names, Table
from notebook_agents.engine.training.scene import Scene, Source

MAX_COLUMNS = 12
"""Columns that have a line."""

_FRAME_NOUNS = ("dataframe", "df", "frame", "data frame", "table")
_VALUE_NAMES = ("x", "y", "z", "a", "b", "n", "i", "scores", "values", "names", "items", "result",
                "numbers", "config", "settings", "model", "text", "total", "arr")  # fmt: skip
_DTYPES = ("float64", "int64", "float32", "int32")


def inspect_frame(scene: Scene) -> Exchange:
    """What a dataframe is like as a whole."""
    source = scene.add_frame()
    scene.clutter()
    return describe_frame(scene, source)


def describe_frame(scene: Scene, source: Source) -> Exchange:
    """What a dataframe of the scene is like as a whole, also in the words said of files."""
    pools = ("inspect", "inspect_known", "inspect_frame", "inspect_frame", "describe")
    text = _request(scene, scene.rng.choice(pools), source.name)
    return _inspected("inspect frame", text, source.name, frame_text(source.table))


def frame_shape(scene: Scene) -> Exchange:
    """How many rows and columns a dataframe has."""
    source = scene.add_frame()
    scene.clutter()
    text = _request(scene, "frame_shape", source.name)
    result = f"({len(source.table.rows)}, {len(source.table.columns)})"
    step = Step(Call(PYTHON, {"code": f"print({source.name}.shape)"}), result)
    answer = f"The number of rows and columns of {source.name} is {result}."
    return Exchange("frame shape", text, (step,), answer)


def inspect_value(scene: Scene) -> Exchange:
    """What a variable is that the context does not name."""
    scene.clutter()
    name = _variable(scene)
    text = _request(scene, "inspect", name)
    return _inspected("inspect variable", text, name, _made_up(scene))


def inspect_missing(scene: Scene) -> Exchange:
    """A variable that is not there."""
    scene.clutter()
    name = _variable(scene)
    here = ", ".join(scene.frames) or "none"
    result = f"Error: there is no variable {name!r}; variables here: {here}"
    return _inspected("inspect missing", _request(scene, "inspect", name), name, result)


def inspect_defined(scene: Scene) -> tuple[Exchange, Exchange]:
    """Code that defines a variable, and then a question about it."""
    name = _variable(scene)
    written, described = scene.rng.choice(_LITERALS)(scene.names, scene.rng)
    code = f"{name} = {written}"
    asked = scene.words(scene.picker.pick("run"), {"code": code}, plain=True)
    first = Exchange(
        "run code", asked, (Step(Call(PYTHON, {"code": code}), ""),), output_answer("")
    )
    pool = scene.rng.choice(("inspect", "inspect_known", "inspect_value", "inspect_value"))
    text = _request(scene, pool, name)
    return first, _inspected("inspect defined", text, name, described)


def frame_text(table: Table) -> str:
    """What the tool says about a dataframe."""
    lines = [f"DataFrame, {len(table.rows)} rows, {len(table.columns)} columns"]
    lines += [_column_line(table, column) for column in table.columns[:MAX_COLUMNS]]
    rest = len(table.columns) - MAX_COLUMNS
    return "\n".join([*lines, *([more_line(rest, "columns")] if rest > 0 else [])])


def variable_answer(name: str, result: str) -> str:
    """The answer that shows a description."""
    if result.startswith("Error: "):
        return failure(result)
    return f"Variable {name}:\n```\n{result}\n```"


def _column_line(table: Table, column: Column) -> str:
    values = [value for value in table.values(column.name) if value is not None]
    missing = len(table.rows) - len(values)
    name = " ".join(column.name.split())
    if not column.is_number:
        return f"{name}: str, {missing} missing, {len(set(values))} distinct"
    numbers = [float(str(value)) for value in values]
    kind = "float64" if column.kind == "float" or missing else "int64"
    span = f", {format_number(min(numbers))} to {format_number(max(numbers))}" if numbers else ""
    return f"{name}: {kind}, {missing} missing{span}"


def _request(scene: Scene, pool: str, name: str) -> str:
    phrase = scene.picker.pick(pool).replace("{src}", scene.picker.pick("source"))
    phrase = phrase.replace("{S}", "{v}").replace("{kind}", scene.rng.choice(_FRAME_NOUNS))
    mark = scene.rng.choice("`'") if scene.chance(0.06) else ""
    return scene.words(phrase, {"v": f"{mark}{name}{mark}"})


def _inspected(category: str, text: str, name: str, result: str) -> Exchange:
    step = Step(Call(INSPECTOR, {"name": name}), result)
    return Exchange(category, text, (step,), variable_answer(name, result))


def _variable(scene: Scene) -> str:
    """A name that no dataframe has."""
    while True:
        known = scene.chance(0.4)
        name = scene.rng.choice(_VALUE_NAMES) if known else scene.names.column()
        if name.isidentifier() and name not in scene.frames:
            return name


def _made_up(scene: Scene) -> str:
    """A description of some value."""
    names, rng = scene.names, scene.rng
    if scene.chance(0.55):
        return rng.choice(_LITERALS)(names, rng)[1]
    low, high = sorted((rng.randint(-100, 1000), rng.randint(-100, 100_000)))
    size, missing = rng.randint(1, 5000), rng.choice((0, 0, 1, 3, 20))
    arguments = ", ".join(dict.fromkeys(names.word() for _ in range(rng.randint(0, 3))))
    made = (
        f"Series of {rng.choice(_DTYPES)}, {size} values, {missing} missing, {low} to {high}",
        f"Series of str, {size} values, {missing} missing, {rng.randint(1, size)} distinct",
        f"ndarray, shape ({size}, {rng.randint(2, 40)}), {rng.choice(_DTYPES)}, {low} to {high}",
        f"ndarray, shape ({size},), {rng.choice(_DTYPES)}, {low} to {high}",
        f"function {names.word()}({arguments}): {names.word().capitalize()} {names.word()}.",
        f"function {names.word()}({arguments})",
        f"module {names.word()}",
        frame_text(_frame(scene)),
    )
    return rng.choice(made)


def _frame(scene: Scene) -> Table:
    columns = (Column(scene.names.column(), "word"), Column(scene.names.column(), "int"))
    count = scene.rng.randint(1, 40)
    rows = ((scene.names.value(), int(scene.names.number(4))) for _ in range(count))
    return Table(columns, tuple(rows))


def _number(names: Names, _rng: random.Random) -> tuple[str, str]:
    text = names.number(6)
    return text, f"int: {text}"


def _decimal(_names: Names, rng: random.Random) -> tuple[str, str]:
    value = round(rng.uniform(0, 500), rng.choice((1, 2, 3)))
    return str(value), f"float: {format_number(value)}"


def _text(names: Names, rng: random.Random) -> tuple[str, str]:
    value = " ".join(_plain(names) for _ in range(rng.randint(1, 3)))
    return repr(value), f"str, {len(value)} characters: {value!r}"


def _list(names: Names, rng: random.Random) -> tuple[str, str]:
    items: Sequence[object] = [int(names.number(3)) for _ in range(rng.randint(1, 8))]
    if rng.random() < 0.4:
        items = [_plain(names) for _ in range(rng.randint(1, 5))]
    return repr(items), f"list, {len(items)} items: {items!r}"


def _tuple(names: Names, rng: random.Random) -> tuple[str, str]:
    items = tuple(int(names.number(3)) for _ in range(rng.randint(2, 5)))
    return repr(items), f"tuple, {len(items)} items: {items!r}"


def _dict(names: Names, rng: random.Random) -> tuple[str, str]:
    value = {_plain(names): int(names.number(3)) for _ in range(rng.randint(1, 5))}
    return repr(value), f"dict, {len(value)} keys: {', '.join(value)}"


def _truth(_names: Names, rng: random.Random) -> tuple[str, str]:
    value = rng.random() < 0.5
    return str(value), f"bool: {value}"


def _plain(names: Names) -> str:
    while not (word := names.word()).isprintable():
        pass
    return word


_LITERALS = (_number, _decimal, _text, _list, _list, _tuple, _dict, _dict, _truth)
"""Makers of a value as code and its description."""

KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (inspect_frame, 9), (inspect_value, 6), (frame_shape, 3), (inspect_missing, 1),
)  # fmt: skip
"""Kinds of exchanges about variables and their weights; `inspect_defined` makes two of them."""
