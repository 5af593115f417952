"""A file is what its content says, whatever its name claims."""

from __future__ import annotations

import pytest

from notebook_agents.attachments.kinds import DOCX, HTML, NOTEBOOK, PDF, XLSX, kind_of
from notebook_agents.core.errors import InvalidRequest

from .conftest import excel, notebook, pdf, png, word

KINDS = [
    (pdf("hello"), "a.pdf", PDF),
    (pdf("hello"), "a.txt", PDF),
    (word("hello"), "a.docx", DOCX),
    (excel(), "a.pdf", XLSX),
    (notebook(), "a.ipynb", NOTEBOOK),
    (b"no notebook", "a.ipynb", "text/plain"),
    (png(), "a.csv", "image/png"),
    (b"a,b\n1,2\n", "A.CSV", "text/csv"),
    (b"a\tb\n", "a.tsv", "text/tab-separated-values"),
    (b"# Title", "a.md", "text/markdown"),
    (b'{"a": 1}', "a.json", "application/json"),
    (b"  <!DOCTYPE html><p>hi", "a.txt", HTML),
    ("Grüße".encode("cp1252"), "a.txt", "text/plain"),
    ("Grüße".encode("utf-16"), "a.log", "text/plain"),
    (b"BM and GIF89a are how pictures begin", "a.txt", "text/plain"),
    (b"print('hello')", "a.pdf", "text/plain"),
]


@pytest.mark.parametrize(("content", "name", "kind"), KINDS)
def test_a_file_is_what_its_content_says(content: bytes, name: str, kind: str) -> None:
    assert kind_of(content[:65536], content[-65536:], name) == kind


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"MZ\x90\x00" + b"\0" * 200, "Windows Executable"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 200, "ELF"),
        (b"PK\x03\x04" + b"\0" * 200, "not accepted"),
        (b"\x00\x01\x02\x03" * 50, "unknown kind"),
        ("Grüße".encode()[:3] + b"\x00", "not accepted"),
    ],
)
def test_a_program_is_refused_whatever_its_name(content: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match="not accepted; send pdf, docx") as refused:
        kind_of(content, content, "report.pdf")
    assert words in refused.value.message
