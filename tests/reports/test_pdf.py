"""PDFs: read back with another library."""

from __future__ import annotations

import io
import struct
from bisect import bisect_left

import pytest
from pypdf import PdfReader
from tests.reports.documents import document, everything, hostile, picture, plotly, png

from notebook_agents.core.report_documents import Entry, Picture, Plain, Prose, ReportDocument
from notebook_agents.reports.pdf import named_symbols, pages, pdf


def read(made: ReportDocument) -> PdfReader:
    return PdfReader(io.BytesIO(pdf(made)))


def words(reader: PdfReader) -> str:
    """The text of a report, without regard to where lines end."""
    text = " ".join(page.extract_text() for page in reader.pages)
    return " ".join(text.replace("\u200b", "").split())


def test_every_kind_of_block_is_set() -> None:
    reader = PdfReader(io.BytesIO(pdf(everything())))
    text = " ".join(page.extract_text() for page in reader.pages)
    for wanted in (
        "CONVERSATION REPORT", "Revenue by region", "Analyst", "You asked", "Answer", "Heading",
        "print(1)", "python_executor", "succeeded, 1.2 s", "timed out", "SELECT 1", "sales.csv",
        "Traceback: it failed", "column 15", "7 more rows", "Something was left out.",
        "By region", "Replies in figures",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert reader.metadata is not None
    assert reader.metadata.title == "Revenue by region"
    assert sum(len(page.images) for page in reader.pages) == 1


def test_words_of_others_are_never_markup() -> None:
    reader = read(hostile())
    text = words(reader)
    assert '#panic("typst") #read("/etc/passwd") $x$ @ref <label>' in text
    assert "root:" not in text
    assert "<script>alert(1)</script>" in text
    assert "picture: p" in text
    links = [
        str(note.get_object().get("/A", {}).get("/URI", ""))
        for page in reader.pages
        for note in page.get("/Annots", ())
    ]
    assert links
    assert all(link.startswith("https://example.org/") for link in links)


def test_characters_without_a_font_are_told_and_symbols_named() -> None:
    hardly_any_font = "\U00016b00"  # of Pahawh Hmong
    text = words(read(document(Prose(text=f"Ünïcödé Ελλ Кир {hardly_any_font} end"))))
    assert "Ünïcödé Ελλ Кир" in text
    assert "has no font for some characters of this report (U+16B00)" in text
    tree = {"blocks": [{"text": "Go \U0001f680\ufe0f!"}], "n": 1}
    named = named_symbols(tree, ["\U0001f680", "\ufe0f"])
    assert named == {"blocks": [{"text": "Go [rocket]!"}], "n": 1}


def test_a_picture_that_cannot_be_read_does_not_cost_the_report() -> None:
    junk = b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + struct.pack(">II", 5, 5) + b"junk"
    made = document(picture(junk, "broken one"), picture(png(), "good"), Prose(text="end"))
    text = words(read(made))
    assert "[picture] broken one" in text
    assert text.index("broken one") < text.index("end")
    huge = b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + struct.pack(">II", 1 << 20, 1 << 20)
    assert "[picture] too large" in words(read(document(picture(huge, "too large"))))


def test_long_lines_stay_on_the_page_and_long_reports_have_pages() -> None:
    long = "x" * 3000
    entries = [Entry(role="assistant", blocks=(Prose(text=long), Plain(text=long)))]
    entries += [
        Entry(role="user", blocks=(Prose(text=f"Question {n}: " + "words " * 60),))
        for n in range(60)
    ]
    made = document(title=long, entries=tuple(entries))
    reader = PdfReader(io.BytesIO(pdf(made)))
    assert len(reader.pages) > 5
    text = "".join(page.extract_text() for page in reader.pages).replace("\u200b", "")
    assert text.replace("\n", "").count("x") >= 2 * 3000
    assert "Question 59" in text


def test_a_tall_head_of_a_table_is_shown_once() -> None:
    head = " ".join(["head"] * 1500)
    rows = "| x | y |\n" * 60
    reader = read(document(Prose(text=f"| {head} | b |\n|---|---|\n{rows}")))
    assert words(reader).count("head") == 1500
    assert len(reader.pages) < 15


@pytest.mark.parametrize("ppi", [20])
def test_pages_can_be_looked_at(ppi: int) -> None:
    assert all(page.startswith(b"\x89PNG") for page in pages(everything(), ppi=ppi))


def test_a_figure_becomes_smaller_where_a_little_room_is_missing() -> None:
    bars = plotly({"type": "bar", "x": ["a", "b"], "y": [1, 2]}, label="By region")

    def most_lines(*more: Picture) -> int:
        """How many lines share a page with what follows."""

        def n_pages(n_lines: int) -> int:
            lines = Prose(text="\n\n".join(["A line of words."] * n_lines))
            entry = Entry(role="assistant", blocks=(lines, *more))
            return len(read(document(entries=(entry,), details=None)).pages)

        return bisect_left(range(80), 2, key=n_pages) - 1

    # At its full size it takes the place of 14.
    assert most_lines() - most_lines(bars) <= 10
