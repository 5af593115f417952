"""A conversation as a notebook or as Markdown, for its owner to keep and to go on with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.markdown import fenced, plain, safe_markdown

if TYPE_CHECKING:
    from notebook_agents.widgets.chat_board import Record

NAMES = {"user": "You", "assistant": "Agent"}
_PYTHON = re.compile(r"^```(?:python|py)[ \t]*\n(.*?)^```[ \t]*$", re.M | re.S)


def exported(title: str, messages: Iterable[Record], format: str) -> Record:
    """The file: ``name``, ``media_type`` and ``text``; ``format`` is notebook or markdown."""
    name = re.sub(r"[^\w.-]+", "-", plain(title)).strip("-.").lower()[:60] or "chat"
    if format == "notebook":
        text = json.dumps(_notebook(title, messages), indent=1, ensure_ascii=False)
        return {"name": f"{name}.ipynb", "media_type": "application/x-ipynb+json", "text": text}
    if format == "markdown":
        parts = [f"# {safe_markdown(title) or 'Chat'}"]
        parts += [part for message in messages for part in _markdown(message)]
        return {"name": f"{name}.md", "media_type": "text/markdown", "text": "\n\n".join(parts)}
    raise AgentError(f"there is no format {format!r}; known: notebook, markdown")


def _markdown(message: Record) -> Iterator[str]:
    yield f"## {NAMES.get(message['role'], message['role'])}"
    for block in message["blocks"]:
        if block["type"] == "text":
            yield safe_markdown(block["text"])
        elif block["type"] == "tool":
            code = block.get("code") or {"text": block.get("summary") or "", "language": "text"}
            yield f"*{safe_markdown(block['label'])}* ({block['status']})"
            if code["text"]:
                yield fenced(code["text"], code["language"])
            if block["output"]:
                yield fenced(block["output"])
        elif block["type"] in ("note", "thought"):
            yield f"> {safe_markdown(block['text'])}"


def _notebook(title: str, messages: Iterable[Record]) -> Record:
    cells = [_cell("markdown", f"# {safe_markdown(title) or 'Chat'}")]
    for message in messages:
        cells.append(_cell("markdown", f"**{NAMES.get(message['role'], message['role'])}**"))
        for block in message["blocks"]:
            cells += _cells(block)
    for number, cell in enumerate(cells):
        cell["id"] = f"chat-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cells(block: Record) -> Iterator[Record]:
    if block["type"] == "text":
        position, text = 0, block["text"]
        for found in _PYTHON.finditer(text):
            if before := text[position : found.start()].strip():
                yield _cell("markdown", safe_markdown(before))
            yield _cell("code", found[1].rstrip("\n"))
            position = found.end()
        if after := text[position:].strip():
            yield _cell("markdown", safe_markdown(after))
    elif block["type"] == "tool" and (block.get("code") or {}).get("language") == "python":
        yield _cell("code", block["code"]["text"], output=block["output"])
    elif block["type"] == "tool":
        yield _cell("markdown", f"*{safe_markdown(block['label'])}*\n\n{fenced(block['output'])}")


def _cell(kind: str, source: str, output: str = "") -> Record:
    cell: Record = {"cell_type": kind, "metadata": {}, "source": source}
    if kind == "code":
        stream = {"output_type": "stream", "name": "stdout", "text": plain(output)}
        cell |= {"execution_count": None, "outputs": [stream] if output else []}
    return cell
