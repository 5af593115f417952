"""Exchanges about files and plots; tables, calculations and talk have modules of their own."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

import random

from notebook_agents.core.formatting import more_line
from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.conversation import (
    LISTER,
    PYTHON,
    READER,
    SQL,
    Call,
    Exchange,
    Step,
)  # fmt: skip
from notebook_agents.engine.training.fixtures import make_table, text_lines
from notebook_agents.engine.training.scene import Scene, Source, failure

FIGURE = "<Figure size 640x480 with 1 Axes>"
_EXTENSIONS = ("csv", "csv", "txt", "md", "parquet", "json", "py", "log", "ipynb", "yaml")


def read_file(scene: Scene) -> Exchange:
    """Read a whole file, its first lines, or lines from a place."""
    path = scene.names.text_path()
    if scene.chance(0.6):
        scene.texts[path] = ""
    scene.clutter()
    n, m = scene.rng.choice((1, 2, 3, 3, 4, 5, 6, 8, 10, 12, 20, 25, 100)), scene.rng.randint(2, 90)
    pool, arguments, most = scene.rng.choices(
        (
            ("read", {}, scene.rng.choice((1, 2, 3, 4, 5, 6, 8, 12, 20))),
            ("read_first", {"max_lines": 5}, 5),
            ("read_n", {"max_lines": n}, n),
            ("read_from", {"start_line": m}, scene.rng.randint(1, 8)),
            ("read_range", {"start_line": m, "max_lines": n}, n),
        ),
        (10, 6, 9, 2, 2),
    )[0]
    phrase = scene.picker.pick(pool)
    text = scene.words(phrase, {"f": path, "n": _said(scene.rng, n), "m": str(m)})
    result = _lines(scene, min(most, 20 if scene.chance(0.07) else 7), cut=pool != "read")
    call = Call(READER, {"path": path, **arguments})
    return Exchange("read file", text, (Step(call, result),), text_answer(path, result))


def text_answer(path: str, result: str) -> str:
    """The answer that shows the text of a file."""
    if result.startswith("Error: "):
        return failure(result)
    return f"Text of {path}:\n```\n{result}\n```" if result else f"{path} is empty."


def list_files(scene: Scene) -> Exchange:
    """List a folder, all of it or the files of one kind."""
    scene.clutter()
    d, x = scene.names.folder(), scene.rng.choice(_EXTENSIONS)
    d = d + "/" if scene.chance(0.15) else d
    where = d.rstrip("/")
    pool, arguments = scene.rng.choice(
        (
            ("list", {"path": "."}),
            ("list_folder", {"path": where}),
            ("list_kind", {"path": ".", "pattern": f"*.{x}"}),
            ("list_kind_folder", {"path": where, "pattern": f"*.{x}"}),
        )
    )
    said = x.upper() if scene.chance(0.15) else x
    text = scene.words(scene.picker.pick(pool), {"d": d, "x": said})
    kind = x if "pattern" in arguments else ""
    result = _listing(scene, str(arguments["path"]), kind)
    answer = listing_answer(str(arguments["path"]), result)
    return Exchange("list files", text, (Step(Call(LISTER, {**arguments}), result),), answer)


def listing_answer(folder: str, result: str) -> str:
    """The answer that shows a listing."""
    if result.startswith("Error: "):
        return failure(result)
    place = "the working directory" if folder == "." else folder
    if not result or result.startswith("(") or result.startswith("No "):
        return f"There are no matching files in {place}."
    lines = [line if line.startswith("... ") else f"- {line}" for line in result.split("\n")]
    return "\n".join([f"Files in {place}:", *lines])


def chain(scene: Scene) -> Exchange:
    """List the files of one kind in a folder and use the first of them."""
    folder, scene_rng = scene.names.folder(), scene.rng
    pool, is_table = scene_rng.choice(
        (("list_then_read", False), ("list_then_count", True), ("list_then_head", True))
    )
    x = scene_rng.choice(
        ("csv", "csv", "parquet") if is_table else ("txt", "md", "log", "json", "csv")
    )
    phrase = scene.picker.pick(pool).replace("{Q}", scene.picker.pick("chosen_only"))
    phrase = phrase.replace("{P}", scene.picker.pick("place_folder"))
    text = scene.words(phrase, {"d": folder, "x": x})
    listing = _listing(scene, folder, x, empty=False)
    first = Step(Call(LISTER, {"path": folder, "pattern": f"*.{x}"}), listing)
    name = listing.split("\n")[0]
    path = name if name.startswith(folder + "/") else f"{folder}/{name}"
    if pool == "list_then_read":
        result = _lines(scene, scene_rng.randint(1, 6), cut=False)
        second = Step(Call(READER, {"path": path}), result)
        return Exchange("chain", text, (first, second), text_answer(path, result))
    second, answer = _chained_query(scene, path, count=pool == "list_then_count")
    return Exchange("chain", text, (first, second), answer)


def _chained_query(scene: Scene, path: str, *, count: bool) -> tuple[Step, str]:
    if count:
        number = scene.names.number(5)
        call = Call(SQL, {"query": f"SELECT COUNT(*) FROM '{path}'"})
        answer = f"The number of rows in {path} is {number}."
        return Step(call, f"count_star()\n{number}"), answer
    table = make_table(scene.names, scene.rng)
    result = rel.csv_text(table.names, table.rows[:5]).replace(",", ", ")
    step = Step(Call(SQL, {"query": f"SELECT * FROM '{path}' LIMIT 5"}), result)
    return step, f"First 5 rows of {path}:\n```\n{result}\n```"


def plot(scene: Scene) -> Exchange:
    """Draw columns of a table."""
    source = scene.source()
    c, g = source.table.pick(scene.rng, number=True), source.table.pick(scene.rng, number=False)
    numbers = [column.name for column in source.table.columns if column.is_number]
    d = scene.rng.choice([name for name in numbers if name != c])
    op = scene.rng.choice(("mean", "sum", "sum", "max"))
    pool, code, what = scene.rng.choice(_plot_kinds(c, d, g, op))
    phrase = scene.picker.pick(pool).replace("{A}", scene.picker.pick(op))
    phrase = phrase.replace("{src}", scene.source_phrase(source))
    text = scene.words(phrase, {"c": c, "d": d, "g": g, "S": source.said})
    call = Call(PYTHON, {"code": plot_code(source, code)})
    category = "plot" if source.said else "from context"
    answer = f"Here is the {what} in {source.name}."
    return Exchange(category, text, (Step(call, _figure_text(scene)),), answer)


def plot_code(source: Source, code: str) -> str:
    """The whole code of a plot: a file is loaded first."""
    if source.is_frame:
        return f"import matplotlib.pyplot as plt\n{source.name}{code}\nplt.show()"
    module, reader = loader(source.name)
    imports = f"import {module}\nimport matplotlib.pyplot as plt"
    return f"{imports}\ndf = {reader}\ndf{code}\nplt.show()"


def loader(path: str) -> tuple[str, str]:
    """What to import, and the expression that reads a file into a dataframe."""
    if path.endswith("parquet"):
        return "duckdb", f"duckdb.sql(\"FROM '{path}'\").df()"
    return "pandas as pd", f"pd.read_csv('{path}')"


def bar_code(g: str, c: str, op: str) -> str:
    """The code of a bar chart of an aggregate."""
    if op == "count":
        return f"['{g}'].value_counts().sort_index().plot.bar()"
    return f".groupby('{g}')['{c}'].{op}().plot.bar()"


def _plot_kinds(c: str, d: str, g: str, op: str) -> list[tuple[str, str, str]]:
    grouped = f".groupby('{g}')['{c}'].{op}()"
    return [
        ("histogram", f"['{c}'].plot.hist()", f"histogram of {c}"),
        ("histogram", f"['{c}'].plot.hist()", f"histogram of {c}"),
        ("line", f".plot.line(x='{g}', y='{c}')", f"line plot of {c} over {g}"),
        ("scatter", f".plot.scatter(x='{c}', y='{d}')", f"scatter plot of {c} and {d}"),
        ("box", f"['{c}'].plot.box()", f"box plot of {c}"),
        ("bar", bar_code(g, c, op), f"bar chart of {c} by {g}"),
        ("bar", bar_code(g, c, op), f"bar chart of {c} by {g}"),
        ("bar_count", bar_code(g, c, "count"), f"bar chart of {g}"),
        ("pie", f"{grouped}.plot.pie()", f"pie chart of {c} by {g}"),
    ]


def _figure_text(scene: Scene) -> str:
    return scene.rng.choice((FIGURE, FIGURE, FIGURE, "", "[image]", "(no output)"))


def load(scene: Scene) -> Exchange:
    """Load a file into a dataframe."""
    source = scene.add_file()
    scene.clutter()
    named = scene.chance(0.6)
    frame = scene.names.frame() if named else "df"
    frame = frame if frame.isidentifier() else "df"
    pool = "load" if named else "load_plain"
    text = scene.words(scene.picker.pick(pool), {"S": source.name, "d": frame})
    module, reader = loader(source.name)
    code = f"import {module}\n{frame} = {reader}\nprint({frame}.shape)"
    shape = f"({scene.names.number(5)}, {scene.rng.randint(1, 40)})"
    answer = f"{source.name} is loaded into {frame}, rows and columns: {shape}"
    return Exchange("load", text, (Step(Call(PYTHON, {"code": code}), shape),), answer)


def _said(rng: random.Random, n: int) -> str:
    words = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[n] if 1 < n <= 10 and rng.random() < 0.2 else str(n)


def _lines(scene: Scene, count: int, *, cut: bool) -> str:
    lines = text_lines(scene.names, scene.rng, max(1, count))
    if cut and scene.chance(0.6):
        lines.append(more_line(scene.rng.randint(1, 400), "lines"))
    return "\n".join(lines)


def _listing(scene: Scene, folder: str, kind: str, *, empty: bool = True) -> str:
    if empty and scene.chance(0.07):
        return scene.rng.choice(("", "(no files)", "No files found.", "No files match."))
    count = scene.rng.choice((1, 1, 2, 2, 3, 4, 5, 7, 9, 14))
    prefix = f"{folder}/" if folder != "." and scene.chance(0.6) else ""
    found = []
    for _ in range(count):
        name = scene.names.path(kind or scene.rng.choice(_EXTENSIONS)).rsplit("/", 1)[-1]
        found.append(
            prefix + (scene.names.folder() + "/" if not kind and scene.chance(0.2) else name)
        )
    if scene.chance(0.08):
        found.append(more_line(scene.rng.randint(1, 90), "files"))
    return "\n".join(found)
