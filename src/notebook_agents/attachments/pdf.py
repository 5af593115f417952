"""The text of PDF files, page by page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pypdf

from notebook_agents.attachments.reading import Piece, Refused

MAX_PAGES = 5_000


def pieces(path: Path) -> Iterator[Piece]:
    """Each page that has text."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of every oddity of a file
    with pypdf.PdfReader(path) as reader:
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused("it is protected with a password; remove that and upload it again")
        n_pages, n_chars = len(reader.pages), 0
        for number, page in enumerate(reader.pages[:MAX_PAGES], start=1):
            text = page.extract_text()
            n_chars += len(text.strip())
            yield Piece(f"page {number}", text, number / n_pages)
    if not n_chars:
        raise Refused("it has no text; its pages may be pictures")
