"""A report as a notebook: answers as Markdown cells, their Python and what tools ran as code cells.

The cells have the outputs that there were; nothing is executed by opening it. Of an execution the
form is the executed notebook itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from notebook_agents.core.figures import PLOTLY
from notebook_agents.core.report_documents import Block, Picture, Plain, Prose, ReportDocument, Use
from notebook_agents.reports.layout import Layout
from notebook_agents.reports.markdown import blocks, text

CODE_TOOLS = frozenset({"python_executor", "run_in_notebook"})
_PYTHON = re.compile(r"^```(?:python|py)[ \t]*\n((?:(?!```).*\n)*)```[ \t]*$", re.MULTILINE)


def ipynb(document: ReportDocument) -> bytes:
    """The notebook."""
    if document.notebook:
        return document.notebook.encode()
    layout = Layout()
    tree = layout.tree(document)
    cells = [_words(_head(tree))]
    for entry, laid in zip(document.entries, tree["entries"], strict=True):
        cells.append(_words(f"## {text(laid['title'])}\n\n{text(laid['at'])}".strip()))
        cells += [cell for block in entry.blocks for cell in _cells(block, layout)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "title": document.title,
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


def _cells(block: Block, layout: Layout) -> Iterator[dict[str, Any]]:
    code = block.arguments.get("code") if isinstance(block, Use) else None
    if isinstance(block, Use) and block.name in CODE_TOOLS and isinstance(code, str):
        yield _code(code, _outputs(block.answer))
    elif isinstance(block, Prose):
        # Every second part is what stood in a fence.
        for number, part in enumerate(_PYTHON.split(block.text)):
            if number % 2:
                yield _code(part.rstrip("\n"))
            elif part.strip():
                yield _words(blocks(layout.nodes(replace(block, text=part))))
    else:
        yield _words(blocks(layout.nodes(block)))


def _code(source: str, outputs: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [*outputs],
        "source": source,
    }


def _outputs(answer: Sequence[Plain | Picture]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for block in answer:
        if isinstance(block, Plain):
            name = "stderr" if block.is_error else "stdout"
            found.append({"output_type": "stream", "name": name, "text": block.text})
        else:
            is_plotly = block.media_type == PLOTLY
            content: Any = json.loads(block.content) if is_plotly else block.content
            data = {block.media_type: content, "text/plain": f"[figure] {block.label}"}
            found.append({"output_type": "display_data", "data": data, "metadata": {}})
    return found


def _head(tree: Any) -> str:
    lines = [f"# {text(tree['title'])}", ""]
    lines += [
        f"- {text(f['name'])}: {text(f['value'])}" for f in (*tree["facts"], *tree["metrics"])
    ]
    return "\n".join(lines)


def _words(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}
