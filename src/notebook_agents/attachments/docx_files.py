"""The text of Word documents, heading by heading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph

from notebook_agents.attachments.archives import check_archive
from notebook_agents.attachments.reading import Piece

MAX_PLACE_CHARS = 80


def pieces(path: Path) -> Iterator[Piece]:
    """The text below each heading; rows of tables have tabs between their cells."""
    check_archive(path)
    place, lines = "", list[str]()
    content = list(docx.Document(str(path)).iter_inner_content())
    for number, block in enumerate(content, start=1):
        if isinstance(block, Paragraph) and _is_heading(block):
            yield Piece(place, "\n".join(lines), number / len(content))
            place, lines = f"section {block.text.strip()}"[:MAX_PLACE_CHARS], []
        lines += [block.text] if isinstance(block, Paragraph) else _rows(block)
    yield Piece(place, "\n".join(lines), 1.0)


def _is_heading(paragraph: Paragraph) -> bool:
    style = paragraph.style
    name = style.name if style is not None else None
    return bool(paragraph.text.strip()) and (name or "").startswith(("Heading", "Title"))


def _rows(table: Table) -> list[str]:
    return ["\t".join(cell.text for cell in row.cells) for row in table.rows]
