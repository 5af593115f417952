"""Markdown and notebooks: read again by a renderer that would take any HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.reports.documents import BARS, HOSTILE, document, everything, hostile

from notebook_agents.core.figures import PLOTLY
from notebook_agents.core.report_documents import Plain, Prose, Use, document_from_json
from notebook_agents.reports.ipynb import ipynb
from notebook_agents.reports.markdown import as_json, markdown

RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table")
OURS = {"<br>", "<code>", "</code>"}


def tokens(text: str) -> Iterator[Token]:
    for token in RENDERER.parse(text):
        yield token
        yield from token.children or ()


def check_harmless(text: str) -> None:
    for token in tokens(text):
        if token.type in ("html_inline", "html_block"):
            assert token.content in OURS, token.content
        assert token.type != "image"
        if token.type == "link_open":
            assert str(token.attrGet("href")).startswith("https://example.org/")


def test_every_kind_of_block_is_written() -> None:
    text = markdown(everything()).decode()
    for wanted in (
        "# Revenue by region", "| Messages | Cost |", "> Something was left out.", "#### Heading",
        "1. one", "```python\nprint(1)\n```", "**Tool `python_executor`** succeeded, 1.2 s",
        "*[figure] a chart*", "[a link](<https://example.org/x>)", "first line<br>second",
    ):  # fmt: skip
        assert wanted in text, wanted
    shown = [token.content for token in tokens(text) if token.type == "fence"]
    assert "  a  b\n  1  2\n" in shown


def test_words_of_others_stay_words() -> None:
    text = markdown(hostile()).decode()
    check_harmless(text)
    headings = [t for t in tokens(text) if t.type == "heading_open" and t.tag in ("h1", "h2")]
    assert [t.tag for t in headings] == ["h1", "h2", "h2", "h2"]
    fences = [token.content for token in tokens(text) if token.type == "fence"]
    assert any("``` ````" in content and "</pre>" in content for content in fences)


def test_the_json_form_has_everything() -> None:
    made = everything()
    assert document_from_json(as_json(made)) == made


def test_a_conversation_becomes_a_notebook_with_its_outputs() -> None:
    used = Use(
        name="python_executor",
        arguments={"code": "print(1)"},
        status="succeeded",
        answer=(Plain(text="1\n"), BARS),
    )
    said = Prose(text="Like so:\n```python\nprint(2)\n```\nDone.")
    notebook: Any = nbformat.reads(ipynb(document(used, said)).decode(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    cell, proposed = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert (proposed.source, proposed.outputs) == ("print(2)", [])
    assert cell.source == "print(1)"
    assert cell.outputs[0].text == "1\n"
    assert cell.outputs[1].data[PLOTLY]["data"][0]["type"] == "bar"
    hostile_one: Any = nbformat.reads(ipynb(hostile()).decode(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(hostile_one)
    for cell in hostile_one.cells:
        if cell.cell_type == "markdown":
            check_harmless(cell.source)
    executed = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert ipynb(document(notebook=executed)).decode() == executed
    endless = Prose(text="```python\n" * 20_000)  # to look for each one's end would take minutes
    assert json.loads(ipynb(document(endless)))["cells"]
    assert HOSTILE in json.loads(as_json(hostile()))["title"]
