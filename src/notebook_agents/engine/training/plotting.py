"""Exchanges about plots: plotly express, the figure as the last expression of the code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from notebook_agents.engine.training.conversation import PYTHON, Call, Exchange, Step
from notebook_agents.engine.training.scene import Scene, Source

FIGURE = "[figure]"
"""What the model reads where the user sees a figure."""

OPERATIONS = ("mean", "sum", "sum", "max", "min", "median")
FRAME = "{F}"
"""Stands for the dataframe in code."""


@dataclass(frozen=True)
class Columns:
    """The columns a plot may use: numbers `c` and `d`, words `g`, and how `c` is aggregated."""

    c: str
    d: str
    g: str
    op: str


@dataclass(frozen=True)
class PlotKind:
    """A pool of phrasings, the code they ask for and how the answer names the plot."""

    pool: str
    weight: int
    code: Callable[[Columns], str]
    what: Callable[[Columns], str]


def bar_code(g: str, c: str, op: str) -> str:
    """The code of a bar chart of an aggregate, or of the number of rows."""
    if op == "count":
        return f"px.histogram({FRAME}, x='{g}')"
    return f"px.bar({_aggregate(g, c, op)}, x='{g}', y='{c}')"


def plot_code(source: Source, code: str) -> str:
    """The whole code of a plot; no variable of the user is changed."""
    if source.is_frame:
        return f"import plotly.express as px\n{code.replace(FRAME, source.name)}"
    module, reader = loader(source.name)
    # In this order both imports stand whole before a line break, as the tokenizer has them.
    imports = f"import plotly.express as px\nimport {module}"
    return f"{imports}\n{code.replace(FRAME, reader)}"


def loader(path: str) -> tuple[str, str]:
    """What to import, and the expression that reads a file into a dataframe."""
    if path.endswith("parquet"):
        return "duckdb", f"duckdb.sql(\"FROM '{path}'\").df()"
    return "pandas as pd", f"pd.read_csv('{path}')"


def _aggregate(g: str, c: str, op: str) -> str:
    return f"{FRAME}.groupby('{g}')['{c}'].{op}().reset_index()"


def _code(template: str) -> Callable[[Columns], str]:
    def write(columns: Columns) -> str:
        text = template.replace("<c>", columns.c).replace("<d>", columns.d)
        return text.replace("<g>", columns.g)

    return write


def _kind(pool: str, weight: int, code: str, what: str) -> PlotKind:
    return PlotKind(pool, weight, _code(code), _code(what))


PLOTS = (
    _kind("histogram", 16, "px.histogram({F}, x='<c>')", "histogram of <c>"),
    _kind("histogram_color", 5, "px.histogram({F}, x='<c>', color='<g>')",
          "histogram of <c> coloured by <g>"),
    _kind("line", 9, "px.line({F}, x='<g>', y='<c>')", "line plot of <c> over <g>"),
    _kind("scatter", 9, "px.scatter({F}, x='<c>', y='<d>')", "scatter plot of <c> and <d>"),
    _kind("scatter_color", 5, "px.scatter({F}, x='<c>', y='<d>', color='<g>')",
          "scatter plot of <c> and <d> coloured by <g>"),
    _kind("box", 8, "px.box({F}, y='<c>')", "box plot of <c>"),
    _kind("box_group", 7, "px.box({F}, x='<g>', y='<c>')", "box plot of <c> by <g>"),
    PlotKind("bar", 16, lambda k: bar_code(k.g, k.c, k.op), _code("bar chart of <c> by <g>")),
    _kind("bar_count", 9, "px.histogram({F}, x='<g>')", "bar chart of <g>"),
    PlotKind("pie", 8, lambda k: f"px.pie({_aggregate(k.g, k.c, k.op)}, names='{k.g}', "
             f"values='{k.c}')", _code("pie chart of <c> by <g>")),
    _kind("pie_count", 4, "px.pie({F}, names='<g>')", "pie chart of <g>"),
    _kind("heatmap", 6, "px.imshow({F}.corr(numeric_only=True))", "heatmap of the correlations"),
)  # fmt: skip
"""Every kind of plot; its weight is its share."""


def plot(scene: Scene) -> Exchange:
    """Draw columns of a table."""
    return plot_of(scene, scene.source())


def plot_of(scene: Scene, source: Source) -> Exchange:
    """Draw columns of a table that the scene has already."""
    # Without a column the context cannot say which table is meant.
    kinds = [k for k in PLOTS if source.said or k.pool != "heatmap"]
    kind = scene.rng.choices(kinds, [k.weight for k in kinds])[0]
    columns = _columns(scene, source)
    text = _request(scene, source, kind, columns)
    call = Call(PYTHON, {"code": plot_code(source, kind.code(columns))})
    category = "plot" if source.said else "from context"
    answer = f"Here is the {kind.what(columns)} in {source.name}."
    return Exchange(category, text, (Step(call, FIGURE),), answer)


def _columns(scene: Scene, source: Source) -> Columns:
    table = source.table
    c, g = table.pick(scene.rng, number=True), table.pick(scene.rng, number=False)
    others = [k.name for k in table.columns if k.is_number and k.name != c]
    return Columns(c, scene.rng.choice(others), g, scene.rng.choice(OPERATIONS))


def _request(scene: Scene, source: Source, kind: PlotKind, columns: Columns) -> str:
    phrase = scene.picker.pick(kind.pool).replace("{A}", scene.picker.pick(columns.op))
    phrase = phrase.replace("{src}", scene.source_phrase(source))
    if not source.said:
        phrase = phrase.replace("{S}", "the dataframe" if source.is_frame else "the file")
    phrase = " ".join(phrase.split()).replace(" ,", ",").replace(" :", ":").lstrip(" ,:")
    said = {"c": columns.c, "d": columns.d, "g": columns.g}
    said = {k: scene.as_seen(v, source) for k, v in said.items()}
    return scene.words(phrase, {**said, "S": source.said})


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = ((plot, 8),)
"""Kinds of exchanges and their weights."""
