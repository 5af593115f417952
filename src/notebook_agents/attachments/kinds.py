"""What a file is, by its content; its name only tells kinds of text apart."""

from __future__ import annotations

import codecs
import re
from pathlib import Path, PurePosixPath

from notebook_agents.core.errors import InvalidRequest

SAMPLE_BYTES = 64 * 1024
"""Of the beginning and of the end of a file that are looked at."""
CHUNK_BYTES = 1 << 20
UTF_8 = "utf-8-sig"
"""With the mark that some programs put in front of it, or without."""
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NOTEBOOK = "application/x-ipynb+json"
HTML = "text/html"
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
TEXTS = {
    ".csv": "text/csv",
    ".htm": HTML,
    ".html": HTML,
    ".ipynb": NOTEBOOK,
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".tsv": "text/tab-separated-values",
}
PLAIN_TEXTS = frozenset({"text/plain", *TEXTS.values()} - {HTML, NOTEBOOK})
"""Kinds whose content is its own text."""
ACCEPTED = "pdf, docx, xlsx, ipynb, csv, tsv, json, md, html, other text, png, jpeg, gif and webp"
_OFFICE = ((b"word/document.xml", DOCX), (b"xl/workbook.xml", XLSX))
"""Names in the directory at the end of an archive."""
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(r"\s*(?:<!doctype\s+html|<html)", re.IGNORECASE)


def kind_of(head: bytes, tail: bytes, name: str) -> str:
    """The media type of a file; InvalidRequest when it is of no kind that is accepted."""
    found = _known(head)
    types = {kind for kind, _ in found}
    if PDF in types and head.startswith(b"%PDF-"):
        return PDF
    if (text := decoded(head)) is not None:
        return _kind_of_text(text, name)
    for kind in IMAGES:
        if kind in types:
            return kind
    for entry, kind in _OFFICE:
        if head.startswith(b"PK\x03\x04") and (entry in tail or entry in head):
            return kind
    looks = next((what for _, what in found if what), "a file of an unknown kind")
    raise InvalidRequest(
        f"{name!r} looks like {looks}, which is not accepted; send {ACCEPTED}", field="file"
    )


def decoded(sample: bytes) -> str | None:
    """The beginning of a text; None when it is no text."""
    for encoding in encodings_of(sample):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(sample)
        except UnicodeDecodeError:
            continue
        return None if _CONTROLS.search(text) else text
    return None


def encoding_of(path: Path) -> str:
    """How a whole text file is written."""
    with path.open("rb") as file:
        *others, last = encodings_of(file.read(SAMPLE_BYTES))
        for encoding in others:
            file.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)()
            try:
                while chunk := file.read(CHUNK_BYTES):
                    decoder.decode(chunk)
            except UnicodeDecodeError:
                continue
            return encoding
    return last


def encodings_of(sample: bytes) -> tuple[str, ...]:
    """How a text may be written, the likeliest first."""
    if sample.startswith(_MARKS[1:]):
        return ("utf-16",)
    return (UTF_8, "cp1252")


def _kind_of_text(text: str, name: str) -> str:
    if _MARKUP.match(text):
        return HTML
    kind = TEXTS.get(PurePosixPath(name).suffix.lower(), "text/plain")
    if kind == NOTEBOOK and not text.lstrip().startswith("{"):
        return "text/plain"
    return kind


def _known(head: bytes) -> list[tuple[str, str]]:
    """Media types and descriptions that the beginning fits, the likeliest first."""
    import puremagic

    try:
        return [(match.mime_type, match.name) for match in puremagic.magic_string(head)]
    except (puremagic.PureError, ValueError):
        return []
