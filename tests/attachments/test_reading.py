"""What each kind of file says, and how damaged and hostile ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from notebook_agents.attachments import kinds, reading
from notebook_agents.attachments.extracting import read_plain
from notebook_agents.core.visible_text import visible, visible_name

from .conftest import archive, bomb, excel, huge_png, laid_out, notebook, pdf, png, word


def read(folder: Path, content: bytes, kind: str) -> list[tuple[str, str]]:
    laid_out(folder, content)
    assert reading.read(str(folder), kind) == {}
    lines = (folder / reading.TARGET_NAME).read_text().splitlines()
    return [(found["place"], found["text"]) for found in map(json.loads, lines)]


def refusal(folder: Path, content: bytes, kind: str) -> str:
    laid_out(folder, content)
    return reading.read(str(folder), kind).get("error", "")


def test_pdf_is_read_page_by_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(tmp_path, pdf("first words", "second words"), kinds.PDF)
    assert found == [("page 1", "first words"), ("page 2", "second words")]
    assert capsys.readouterr().out == "progress 0.500\nprogress 1.000\n"


def test_word_is_read_heading_by_heading(tmp_path: Path) -> None:
    found = read(tmp_path, word("before", "# Costs", "They rose."), kinds.DOCX)
    assert found == [("", "before"), ("section Costs", "Costs\nThey rose.\nleft\tright")]


def test_excel_is_read_sheet_by_sheet(tmp_path: Path) -> None:
    assert read(tmp_path, excel(), kinds.XLSX) == [
        ("sheet Prices, rows 1-4", "region,price\nnorth,12.5\nsouth"),
        ("sheet Notes, rows 1-1", '"hello, you"'),
    ]


def test_notebooks_are_read_with_what_they_printed_and_without_scripts(tmp_path: Path) -> None:
    assert read(tmp_path, notebook(), kinds.NOTEBOOK) == [
        ("cell 1 (markdown)", "# Title"),
        ("cell 2 (code)", "print(6 * 7)\nOutput:\n42\n\na frame"),
    ]


def test_pages_are_read_without_scripts_and_pictures_as_what_they_say_of_themselves(
    tmp_path: Path,
) -> None:
    page = b"<html><head><title>x</title></head><p>Hello <b>you</b></p><script>evil()</script>bye"
    assert read(tmp_path, page, kinds.HTML) == [("", "Hello you\nbye")]
    style = f"<p style='{'/*' * 300_000}'>"
    for hostile in ("<a " * 300_000, "<a b='" * 100_000, "<![ x ]>", style):
        found = read(tmp_path, b"<p>Hello</p>" + hostile.encode(), kinds.HTML)
        assert found == [("", "Hello")], hostile[:20]
    spaced = b"<b>one</b> <i>two</i>\n three  &amp 1 < 2"
    assert read(tmp_path, spaced, kinds.HTML) == [("", "one two three & 1 < 2")]
    assert read(tmp_path, png(), "image/png") == [("", "PNG image, 4 x 3 pixels, mode RGB")]


def test_plain_text_is_read_in_whatever_way_it_is_written(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        (section,) = read_plain(laid_out(tmp_path, "Grüße\r\n".encode(encoding)))
        assert (section.place, section.text) == ("", "Grüße\n")


def test_texts_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TEXT_CHARS", 10)
    found = read(tmp_path, pdf("a text that is long", "never read"), kinds.PDF)
    assert found == [("page 1", "a text tha"), ("", reading.CUT)]
    *_, last = read_plain(laid_out(tmp_path, b"x" * 1_000_000))
    assert last.text == reading.CUT


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (pdf("secret", password="pw"), kinds.PDF, "protected with a password"),
        (pdf(" "), kinds.PDF, "it has no text"),
        (b"%PDF-1.7 and no more", kinds.PDF, "it is damaged"),
        (bomb(), kinds.DOCX, "more than a hundred times its size"),
        (archive("../x"), kinds.DOCX, "leads elsewhere"),
        (archive("/x"), kinds.XLSX, "leads elsewhere"),
        (archive("WORD/document.xml"), kinds.DOCX, "two parts of the same name"),
        (archive(*map(str, range(10_000))), kinds.DOCX, "10001 parts"),
        (archive(), kinds.DOCX, "it is damaged"),
        (b"PK\x03\x04 and no more", kinds.XLSX, "it is damaged"),
        (b"{not json", kinds.NOTEBOOK, "not JSON"),
        (b'{"nbformat": 99, "cells": 3}', kinds.NOTEBOOK, "no valid notebook"),
        (huge_png(), "image/png", "too large a picture"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "it is damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(
    tmp_path: Path, content: bytes, kind: str, words: str
) -> None:
    assert words in refusal(tmp_path, content, kind)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.READERS, "x/y", "notebook_agents.attachments.nothing")
    laid_out(tmp_path, b"")
    assert reading.read(str(tmp_path), "x/y") == {"missing": "notebook_agents.attachments.nothing"}


def test_hidden_characters_are_left_out() -> None:
    assert visible("pay\u202e\u200bme\x1b[31m\U000e0041\r\nnow\x00") == "payme\nnow"
    assert visible_name("../\u202ego\x00od\n na\u0308.pdf") == "../good n\u00e4.pdf"
