"""Small real documents, made here."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pypdf
from PIL import Image
from pypdf.generic import DictionaryObject, NameObject, StreamObject


def pdf(*texts: str, password: str = "") -> bytes:
    """A PDF with one line on each page."""
    writer = pypdf.PdfWriter()
    for text in texts:
        page = writer.add_blank_page(300, 200)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = StreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def word(*paragraphs: str) -> bytes:
    """A Word document; a paragraph that begins with # is a heading."""
    document = docx.Document()
    for text in paragraphs:
        if text.startswith("#"):
            document.add_heading(text[1:].strip(), level=1)
        else:
            document.add_paragraph(text)
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "left", "right"
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def excel() -> bytes:
    """A workbook with two sheets."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    for row in (("region", "price"), ("north", 12.5), ("south", None), (None, None)):
        sheet.append(row)
    book.create_sheet("Notes").append(["hello, you"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def notebook() -> bytes:
    """A notebook with an output and a script that nobody runs."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "42\n"},
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/html": "<script>alert(1)</script>", "text/plain": "a frame"},
        },
    ]
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Title"},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": "print(6 * 7)",
         "execution_count": 1, "outputs": outputs},
    ]  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3)).save(buffer, "PNG")
    return buffer.getvalue()


def huge_png() -> bytes:
    """A picture that says it has more pixels than anybody unpacks."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
    )


def bomb() -> bytes:
    """A Word document of some kilobytes whose text has 20 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"0" * 20_000_000)
    return buffer.getvalue()


def archive(*names: str) -> bytes:
    """A Word document with parts of these names too."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as file:
        warnings.simplefilter("ignore")  # of two parts of the same name
        for name in ("word/document.xml", *names):
            file.writestr(name, "<x/>")
    return buffer.getvalue()


def laid_out(folder: Path, content: bytes) -> Path:
    """The content as a file."""
    path = folder / "source"
    path.write_bytes(content)
    return path
