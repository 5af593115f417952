"""Executed notebooks: their cells as entries, whatever a cell displayed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pandas as pd
from tests.reports.documents import BARS, HOSTILE, document, png

from notebook_agents.core.figures import PLOTLY, PNG
from notebook_agents.core.report_documents import Grid, Picture, Plain, Prose, Source
from notebook_agents.magics.markdown import tool_markdown
from notebook_agents.magics.transcript import ToolBlock
from notebook_agents.reports.html import html
from notebook_agents.reports.layout import Layout, texts_of
from notebook_agents.reports.notebooks import with_cells, without_tags
from notebook_agents.reports.tables import grid_of_html

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "<y>"]}, index=pd.Index(["p", "q"], name="key"))


def code(source: str, *outputs: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code", "source": source, "outputs": list(outputs), "execution_count": 3,
        "metadata": metadata,
    }  # fmt: skip


def display(**data: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def notebook(*cells: Any) -> str:
    metadata = {"language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def test_cells_and_their_outputs_become_blocks() -> None:
    picture = base64.b64encode(png()).decode()
    made = with_cells(
        document(
            notebook=notebook(
                {"cell_type": "markdown", "source": ["# Title\n", "text"], "metadata": {}},
                code("print(1)", {"output_type": "stream", "name": "stdout", "text": ["1\n"]},
                     papermill={"duration": 2.5}),
                code("frame", {"output_type": "execute_result", "metadata": {}, "data": {
                    "text/plain": "frame", "text/html": FRAME.to_html()}}),
                code("fig", display(**{PLOTLY: json.loads(BARS.content), "text/html": "<script>"})),
                code("pic", display(**{PNG: picture, "text/plain": "<Figure>"})),
                code("1/0", {"output_type": "error", "ename": "E", "evalue": "v",
                             "traceback": ["\x1b[31mZeroDivisionError\x1b[0m", "line"]}),
                code("hidden", tags=["remove-cell"]),
                {"cell_type": "raw", "source": "raw"},
                "nonsense",
            )
        )
    )  # fmt: skip
    blocks = [entry.blocks for entry in made.entries]
    assert blocks[0] == (Prose(text="# Title\ntext"),)
    assert blocks[1] == (Source(text="print(1)", language="python"), Plain(text="1\n"))
    assert made.entries[1].note == "2.5 s"
    assert blocks[2][1] == Grid(
        columns=("key", "a", "b"), rows=(("p", "1", "x"), ("q", "2", "<y>"))
    )
    assert isinstance(blocks[3][1], Picture)
    assert blocks[3][1].media_type == PLOTLY
    assert isinstance(blocks[4][1], Picture)
    error = blocks[5][1]
    assert isinstance(error, Plain)
    assert error.is_error
    assert len(blocks) == 6
    page = html(made).decode()
    assert "ZeroDivisionError" in page
    assert "\x1b" not in page


def test_code_can_be_left_out() -> None:
    shown = {"output_type": "stream", "name": "stdout", "text": "1\n"}
    made = document(notebook=notebook(code("x = 1"), code("print(1)", shown)))
    entries = with_cells(replace(made, shows_code=False)).entries
    assert [entry.blocks for entry in entries] == [(Plain(text="1\n"),)]


def test_cells_of_an_index_that_reach_over_rows_keep_their_columns() -> None:
    index = pd.MultiIndex.from_tuples([("a", "x", 1), ("a", "x", 2), ("b", "y", 1)])
    frame = pd.DataFrame({"n": [10, 20, 30]}, index=index)
    grid = grid_of_html(frame.to_html())
    assert grid is not None
    assert grid.rows == (("a", "x", "1", "10"), ("", "", "2", "20"), ("b", "y", "1", "30"))


def test_what_was_printed_in_pieces_is_one_text() -> None:
    pieces = [{"output_type": "stream", "name": "stdout", "text": text} for text in ("a\n", "b\n")]
    noise = {"output_type": "stream", "name": "stderr", "text": "warning\n"}
    (entry,) = with_cells(document(notebook=notebook(code("f()", *pieces, noise)))).entries
    assert entry.blocks[1:] == (Plain(text="a\nb\n"), Plain(text="warning\n", is_error=True))


def test_an_answer_of_the_magic_shows_no_tags() -> None:
    block = ToolBlock(
        call_id="1",
        name="database_query",
        arguments={"query": "select '<b>'"},
        status="succeeded",
        content="a | b\n<script>",
    )
    shown = with_cells(
        document(notebook=notebook({"cell_type": "code", "source": "", "outputs": [
            display(**{"text/markdown": tool_markdown(block) + "\n\n<small>tiny, 1 s</small>"})
        ]}))
    )  # fmt: skip
    text = "".join(texts_of(Layout().tree(shown)["entries"]))
    assert "select '<b>'" in text
    assert "a | b\n<script>" in text
    assert "tiny, 1 s" in text
    for tag in ("<details>", "<summary>", "</code>", "<small>", "<p>", "&#"):
        assert tag not in text, tag


def test_only_the_cells_of_a_table_are_read_of_html() -> None:
    assert grid_of_html(HOSTILE) is None
    grid = grid_of_html(
        "<style>td {}</style><script>x()</script><table><tr><td colspan=2>a</td><td>b<script>c"
        "</script></td></tr></table><table><tr><td>second</td></tr></table>"
    )
    assert grid is not None
    assert len(grid.rows) == 1
    assert "second" not in str(grid)
    many = "<table>" + "<tr><td>1</td></tr>" * 500 + "</table>"
    cut = grid_of_html(many)
    assert cut is not None
    assert (len(cut.rows), cut.n_left_out) == (200, 300)


def test_markdown_that_never_ends_takes_no_longer_than_other_markdown() -> None:
    endless = "<pre><code>\n" * 50_000
    assert without_tags(endless) == endless.replace("<code>", "")


def test_html_that_is_made_to_take_long_takes_as_long_as_other_html() -> None:
    row = "<table><tr><td>1</td></tr></table>"
    for hostile in ("<a " * 200_000, "<a b='" * 100_000, "<![" * 100_000):
        assert grid_of_html(hostile) is None
        grid = grid_of_html(row + hostile)
        assert grid is not None
        assert grid.rows == (("1",),)
    wide = grid_of_html(f"<table><tr>{'<td colspan=200>x</td>' * 20_000}</tr></table>")
    assert wide is not None
    assert len(wide.columns) == 1000


def test_what_was_given_is_shown_and_no_plumbing() -> None:
    failed = {"status": "failed"}
    book = json.loads(
        notebook(
            {"cell_type": "markdown", "source": "An Exception was encountered", "metadata": {
                "tags": ["papermill-error-cell-tag"]}},
            code("prompt = 'default'\nn: int = 1", tags=["parameters"]),
            code('prompt = "asked"\nn = 2', tags=["injected-parameters"]),
            code("plumbing()", display(**{"text/markdown": "answer"}), tags=["hide-input"]),
            code("hidden()", display(**{"text/plain": "{}"}), tags=["hide-cell"]),
            code("broken()", tags=["hide-cell"], papermill=failed),
        )
    )  # fmt: skip
    given = {"prompt": "asked", "n": 2}
    book["metadata"]["papermill"] = {"parameters": given}
    asked, answer, broken = with_cells(document(notebook=json.dumps(book))).entries
    assert (asked.role, asked.blocks[0]) == ("user", Prose(text="asked", keeps_breaks=True))
    assert asked.blocks[1:] == (Source(text='prompt = "asked"\nn = 2', language="python"),)
    assert answer.blocks == (Prose(text="answer"),)
    assert broken.blocks == (Source(text="broken()", language="python"),)
    del book["cells"][2]["metadata"], book["metadata"]["papermill"]
    assert len(with_cells(document(notebook=json.dumps(book))).entries) == 4


def test_a_figure_has_no_word_that_stands_for_it() -> None:
    block = ToolBlock(call_id="1", name="t", arguments={}, status="succeeded", content="[figure]")
    shown = code("", display(**{"text/markdown": tool_markdown(block)}))
    assert "[figure]" not in str(with_cells(document(notebook=notebook(shown))).entries)


def test_an_error_of_one_line_is_said_once() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["E: v"]}
    hidden = code("ask()", error, tags=["hide-input"])
    made = document(notices=("E: v",), notebook=notebook(hidden, code("f()", error)))
    assert [entry.blocks for entry in with_cells(made).entries] == [
        (Source(text="f()", language="python"),)
    ]
    assert len(with_cells(replace(made, notices=())).entries) == 2
