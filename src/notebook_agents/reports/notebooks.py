"""The cells of an executed notebook as entries of a report.

Of an output the form that says most is taken: a figure, a table, a text. HTML and scripts that a
cell displayed are not.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from notebook_agents.core.figures import PLOTLY, PNG
from notebook_agents.core.report_documents import (
    Block,
    Entry,
    Picture,
    Plain,
    Prose,
    ReportDocument,
    Source,
)
from notebook_agents.reports.tables import grid_of_html

MAX_CELLS = 1000
HIDDEN_TAGS = {"remove-cell", "hide-cell"}
"""Of cells that are not shown, unless they failed."""
NO_CODE_TAGS = {"remove-input", "hide-input"}
PARAMETERS, INJECTED, MARKER = "parameters", "injected-parameters", "papermill-error-cell-tag"
_ASSIGNED = re.compile(r"^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.M)
_TAGS = (
    (re.compile(r"</?(?:details|summary|code)>|<p></p>"), ""),
    (re.compile(r"<b>([^<\n]*)</b>"), r"**\1**"),
    (re.compile(r"<small>([^<\n]*)</small>"), r"*\1*"),
)
"""What the answers of ``%agent`` have in their Markdown, and what says the same without HTML."""
_PREFORMATTED = re.compile(
    r"^((?:> ?)*)<pre><code>((?:(?!<pre><code>).)*?)</code></pre>$", re.M | re.S
)
"""Code is escaped, so no other begins in it; to look for its end past that would take long."""
_FIGURE = re.compile(r"^((?:> ?)+)```text\n\1\[figure\]\n\1```$", re.M)
"""What stands for a figure where only text is read; the figure is shown beside it."""
_FENCE = "`" * 12


def with_cells(document: ReportDocument) -> ReportDocument:
    """The document with the cells of its notebook as entries."""
    if not document.notebook:
        return document
    notebook: Any = json.loads(document.notebook)
    cells = notebook.get("cells", []) if isinstance(notebook, dict) else []
    given = _at(notebook, "metadata", "papermill", "parameters") or {}
    found = [
        entry
        for cell in _shown([cell for cell in cells[:MAX_CELLS] if isinstance(cell, dict)])
        if (entry := _entry(cell, document.shows_code, given)) is not None
    ]
    more = len(cells) - MAX_CELLS
    notices = (f"{more:,} further cells are left out.",) if more > 0 else ()
    language = _at(notebook, "metadata", "language_info", "name") or "python"
    found = [_without_repeated(_in_language(entry, str(language)), document) for entry in found]
    entries = tuple(entry for entry in found if entry.blocks)
    return replace(document, entries=entries, notices=(*document.notices, *notices))


def without_tags(text: str) -> str:
    """Markdown of an answer of ``%agent`` without its few tags, which a report would show."""

    def fenced(found: re.Match[str]) -> str:
        margin, code = found[1], html.unescape(found[2])
        return f"{margin}{_FENCE}\n{margin}{code}\n{margin}{_FENCE}"

    text = _PREFORMATTED.sub(fenced, _FIGURE.sub("", text))
    for pattern, words in _TAGS:
        text = pattern.sub(words, text)
    return text


def _shown(cells: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The cells that say something: no markers, no plumbing, no defaults that did not hold."""
    given = {name for cell in cells if INJECTED in _tags(cell) for name in _assigned(cell)}
    return [
        cell
        for cell in cells
        if MARKER not in _tags(cell)
        and (not HIDDEN_TAGS & _tags(cell) or _is_failed(cell))
        and not (PARAMETERS in _tags(cell) and given and _assigned(cell) <= given)
    ]


def _tags(cell: Mapping[str, Any]) -> set[Any]:
    tags = _at(cell, "metadata", "tags")
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def _assigned(cell: Mapping[str, Any]) -> set[str]:
    return set(_ASSIGNED.findall(_text(cell.get("source"))))


def _is_failed(cell: Mapping[str, Any]) -> bool:
    return bool(_at(cell, "metadata", "papermill", "status") == "failed")


def _entry(cell: Mapping[str, Any], shows_code: bool, given: Any) -> Entry | None:
    text = _text(cell.get("source"))
    if INJECTED in _tags(cell) and isinstance(asked := _at(given, "prompt"), str):
        others: tuple[Block, ...] = (Source(text=text),) if shows_code and len(given) > 1 else ()
        return Entry(role="user", blocks=(Prose(text=asked, keeps_breaks=True), *others))
    if cell.get("cell_type") == "markdown":
        return Entry(role="cell", blocks=(Prose(text=text),)) if text.strip() else None
    if cell.get("cell_type") != "code":
        return None
    shows_code = shows_code and bool(text.strip()) and not NO_CODE_TAGS & _tags(cell)
    code: tuple[Block, ...] = (Source(text=text),) if shows_code else ()
    shown = _outputs(cell.get("outputs"))
    if not code and not shown:
        return None
    return Entry(
        role="cell",
        title=f"[{cell.get('execution_count') or ' '}]" if code else "",
        blocks=(*code, *shown),
        note=_note(cell),
    )


def _note(cell: Mapping[str, Any]) -> str:
    seconds = _at(cell, "metadata", "papermill", "duration")
    return f"{seconds:.1f} s" if isinstance(seconds, float) and seconds >= 1 else ""


def _outputs(outputs: Any) -> list[Block]:
    found: list[Block] = []
    for output in outputs if isinstance(outputs, list) else []:
        block = _output(output) if isinstance(output, dict) else None
        last = found[-1] if found else None
        if isinstance(block, Plain) and isinstance(last, Plain) and _is_stream(output, last, block):
            found[-1] = replace(last, text=last.text + block.text)
        elif block is not None:
            found.append(block)
    return found


def _is_stream(output: Mapping[str, Any], last: Plain, block: Plain) -> bool:
    """Whether it goes on with what was printed before it; an error stands by itself."""
    return output.get("output_type") == "stream" and last.is_error == block.is_error


def _output(output: Mapping[str, Any]) -> Block | None:
    kind = output.get("output_type")
    if kind == "stream":
        text = _text(output.get("text"))
        return Plain(text=text, is_error=output.get("name") == "stderr") if text.strip() else None
    if kind == "error":
        lines = output.get("traceback")
        text = "\n".join(map(str, lines)) if isinstance(lines, list) and lines else ""
        return Plain(text=text or f"{output.get('ename')}: {output.get('evalue')}", is_error=True)
    data = output.get("data")
    return _display(data) if isinstance(data, dict) else None


def _display(data: Mapping[str, Any]) -> Block | None:
    label = _text(data.get("text/plain"))
    # Words, not what a figure's object looks like.
    caption = label.removeprefix("[figure]").strip() if label.startswith("[figure]") else ""
    if isinstance(data.get(PLOTLY), dict):
        return Picture(media_type=PLOTLY, content=json.dumps(data[PLOTLY]), label=caption)
    if PNG in data:
        return Picture(media_type=PNG, content="".join(_text(data[PNG]).split()), label=caption)
    if "text/html" in data and (grid := grid_of_html(_text(data["text/html"]))) is not None:
        return grid
    if "text/markdown" in data:
        return Prose(text=without_tags(_text(data["text/markdown"])))
    return Plain(text=label) if label.strip() else None


def _without_repeated(entry: Entry, document: ReportDocument) -> Entry:
    """Without an error that is the very notice at the head of the report."""
    blocks = tuple(
        block
        for block in entry.blocks
        if not (isinstance(block, Plain) and block.is_error and block.text in document.notices)
    )
    return replace(entry, blocks=blocks)


def _in_language(entry: Entry, language: str) -> Entry:
    blocks = tuple(
        replace(block, language=language) if isinstance(block, Source) else block
        for block in entry.blocks
    )
    return replace(entry, blocks=blocks)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
