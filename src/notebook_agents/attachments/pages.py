"""Pages of the web as text: they are strangers' files that nobody keeps."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.attachments.extracting import StrangersFile, read_plain
from notebook_agents.attachments.kinds import (
    DOCX,
    HTML,
    IMAGES,
    PDF,
    PLAIN_TEXTS,
    SAMPLE_BYTES,
    XLSX,
    decoded,
    kind_of,
)
from notebook_agents.core.attachment_files import FileUnreadable
from notebook_agents.core.errors import InvalidRequest, ToolFailed
from notebook_agents.core.ids import new_id

if TYPE_CHECKING:
    from notebook_agents.attachments.extracting import Extractor
    from notebook_agents.core.attachment_files import Section
    from notebook_agents.core.web import FetchedPage

PAGE_TIMEOUT_S = 20.0
"""A page is read while somebody waits for it."""
MARKUP = frozenset({HTML, "application/xhtml+xml"})
READ_IN_KERNEL = frozenset({PDF, DOCX, XLSX, HTML})
CHARSETS = re.compile(
    r"utf-?8|utf-?16(?:-?[lb]e)?|us-ascii|ascii|iso-8859-\d{1,2}|latin-?1|windows-125\d|koi8-[ru]"
    r"|shift_jis|euc-jp|iso-2022-jp|euc-kr|gb2312|gbk|gb18030|big5"
)
"""What pages are written in; other codecs of Python decode slowly, or are no codes of texts."""


class ExtractingReader:
    """Answers the PageReader port."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor

    async def text(self, owner_id: str, page: FetchedPage) -> str:
        """What a reader of the page sees; other than plain text is read in a tool kernel."""
        try:
            source, kind = await asyncio.to_thread(_lay_down, page)
        except InvalidRequest as refusal:
            raise _unreadable(refusal) from None
        try:
            if kind in READ_IN_KERNEL:
                file = StrangersFile(f"page-{new_id()}", owner_id, source)
                found = await self._extractor.read(file, kind, lambda _progress: None)
            else:
                found = await asyncio.to_thread(read_plain, source)
        except FileUnreadable as failure:
            raise _unreadable(failure) from None
        finally:
            await asyncio.to_thread(source.unlink)
        return "\n\n".join(_shown(section) for section in found)


def _unreadable(failure: Exception) -> ToolFailed:
    return ToolFailed(f"the page cannot be read: {failure}", reason="PAGE_UNREADABLE")


def _lay_down(page: FetchedPage) -> tuple[Path, str]:
    """Write the page down and tell what it is: by its content, but for kinds of text."""
    content = page.content
    head, tail = content[:SAMPLE_BYTES], content[-SAMPLE_BYTES:]
    kind = kind_of(head, tail, "the page") if content else "text/plain"
    if kind in IMAGES:
        raise InvalidRequest("it is a picture")
    if kind in PLAIN_TEXTS or kind == HTML:
        kind = HTML if page.media_type in MARKUP else kind
        if CHARSETS.fullmatch(page.charset) and decoded(head) is not None:
            content = content.decode(page.charset, "replace").encode()
    with tempfile.NamedTemporaryFile(prefix="notebook-agents-page-", delete=False) as file:
        file.write(content)
    return Path(file.name), kind


def _shown(section: Section) -> str:
    return f"[{section.place}]\n{section.text}" if section.place else section.text
