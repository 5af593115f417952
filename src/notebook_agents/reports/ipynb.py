"""A report as a notebook: answers as Markdown cells, code that tools ran as code cells.

The cells have the outputs that there were; nothing is executed by opening it. Of an execution the
form is the executed notebook itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from notebook_agents.core.figures import PLOTLY
from notebook_agents.core.report_documents import Block, Picture, Plain, ReportDocument, Use
from notebook_agents.reports.layout import Layout
from notebook_agents.reports.markdown import blocks, text

CODE_TOOL = "python_executor"


def ipynb(document: ReportDocument) -> bytes:
    """The notebook."""
    if document.notebook:
        return document.notebook.encode()
    layout = Layout()
    tree = layout.tree(document)
    cells = [_words(_head(tree))]
    for entry, laid in zip(document.entries, tree["entries"], strict=True):
        cells.append(_words(f"## {text(laid['title'])}\n\n{text(laid['at'])}".strip()))
        cells += [_cell(block, layout) for block in entry.blocks]
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


def _cell(block: Block, layout: Layout) -> dict[str, Any]:
    if isinstance(block, Use) and block.name == CODE_TOOL:
        code = block.arguments.get("code")
        if isinstance(code, str):
            return {
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": _outputs(block.answer),
                "source": code,
            }
    return _words(blocks(layout.nodes(block)))


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
