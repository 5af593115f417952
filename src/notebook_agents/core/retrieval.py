"""Finding what files say about something: passages whose meaning is near to a question's.

A text is cut into passages that overlap; each becomes a vector once, when somebody first asks, and
is kept beside its file. A question becomes a vector of the same kind, and the nearest passages
answer, each with its file and its place there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from notebook_agents.core.attachments import Attachment
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.ports import Query

if TYPE_CHECKING:
    from notebook_agents.core.attachment_files import AttachmentFiles, Section
    from notebook_agents.core.ports import Clock, Store

PASSAGE_CHARS = 800
"""About as much as a small model for sentences reads at once (256 tokens)."""
OVERLAP_CHARS = 150
MAX_PASSAGES = 1000
"""Of one file; what is behind them is not found."""
BATCH = 32
"""Passages that are embedded together, so that cancelling and other work need not wait long."""
MAX_FILES = 100
MAX_QUESTION_CHARS = 2000
DEFAULT_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text."""

    place: str
    """Such as ``page 3`` or ``lines 10-24``."""
    text: str


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage that is near to a question."""

    file: str
    """The name of its file."""
    passage: Passage
    similarity: float
    """Cosine of the two vectors, at most 1."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, and what was not looked into."""

    passages: tuple[FoundPassage, ...]
    n_files: int
    not_searched: tuple[str, ...] = ()
    """Names of files whose text is not there, or not there yet."""
    cut: tuple[str, ...] = ()
    """Names of files of which only the first part was searched."""


class Embedder(Protocol):
    """Turns texts into vectors whose directions are their meanings."""

    @property
    def name(self) -> str:
        """Which model it is; vectors of different models cannot be compared."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text; EngineUnavailable says what is missing."""
        ...


class PassageIndex(Protocol):
    """Keeps vectors beside their files and finds the nearest."""

    async def count(self, attachment: Attachment, model: str) -> int | None:
        """How many passages of a file are there; None before they were kept."""
        ...

    async def keep(
        self,
        attachment: Attachment,
        model: str,
        passages: Sequence[Passage],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Keep all passages of a file."""
        ...

    async def nearest(
        self,
        attachments: Sequence[Attachment],
        model: str,
        vector: Sequence[float],
        limit: int,
    ) -> Sequence[FoundPassage]:
        """The nearest passages of these files, the nearest first."""
        ...


class PassageSearch(Protocol):
    """What the tool needs of all this."""

    async def search(
        self, owner_id: str, conversation_id: str, question: str, limit: int = DEFAULT_LIMIT
    ) -> Findings:
        """The passages of a conversation's files that are nearest to a question."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalPorts:
    """What retrieval works with."""

    store: Store
    clock: Clock
    files: AttachmentFiles
    embedder: Embedder
    index: PassageIndex


class Retrieval:
    """Searches the files of a conversation by meaning."""

    def __init__(self, ports: RetrievalPorts) -> None:
        self._ports = ports
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def search(
        self, owner_id: str, conversation_id: str, question: str, limit: int = DEFAULT_LIMIT
    ) -> Findings:
        """The passages of a conversation's files that are nearest to a question."""
        if not question.strip():
            raise InvalidRequest("the question must not be empty", field="question")
        ports, model = self._ports, self._ports.embedder.name
        files = await self._files(owner_id, conversation_id)
        readable = [file for file in files if file.status == "completed"]
        not_searched = tuple(file.name for file in files if file.status != "completed")
        if not readable:
            return Findings((), 0, not_searched)
        cut = [file.name for file in readable if await self._prepare(file)]
        (vector,) = await ports.embedder.embed([question[:MAX_QUESTION_CHARS]])
        found = await ports.index.nearest(readable, model, vector, limit)
        return Findings(tuple(found), len(readable), not_searched, tuple(cut))

    async def _files(self, owner_id: str, conversation_id: str) -> list[Attachment]:
        where = {"owner_id": owner_id, "conversation_id": conversation_id}
        query = Query(where=where, limit=MAX_FILES, oldest_first=True)
        found = (await self._ports.store.find(Attachment, query)).items
        now = self._ports.clock.now()
        return [file for file in found if file.expires_at is None or file.expires_at > now]

    async def _prepare(self, file: Attachment) -> bool:
        """Embed a file unless that was done; whether it has more than is searched."""
        async with self._locks.setdefault(file.id, asyncio.Lock()):
            n = await self._ports.index.count(file, self._ports.embedder.name)
            if n is None:
                sections = await self._ports.files.sections(file)
                # A long text takes a while to cut, which must not hold up the event loop.
                loop = asyncio.get_running_loop()
                passages = await loop.run_in_executor(None, passages_of, sections)
                await self._embed(file, passages)
                n = len(passages)
        return n >= MAX_PASSAGES

    async def _embed(self, file: Attachment, passages: Sequence[Passage]) -> None:
        embedder, vectors = self._ports.embedder, list[Sequence[float]]()
        for start in range(0, len(passages), BATCH):
            some = passages[start : start + BATCH]
            vectors += await embedder.embed([passage.text for passage in some])
        await self._ports.index.keep(file, embedder.name, passages, vectors)


def passages_of(sections: Sequence[Section]) -> list[Passage]:
    """The passages of a text in order, not more than are searched."""
    found: list[Passage] = []
    for section in sections:
        for passage in _passages(section):
            found.append(passage)
            if len(found) == MAX_PASSAGES:
                return found
    return found


def _passages(section: Section) -> Iterator[Passage]:
    text, start = section.text, 0
    while start < len(text):
        end = _border(text, start)
        if piece := text[start:end].strip():
            yield Passage(section.place or _lines(text, start, end), piece)
        if end >= len(text):
            return
        start = _word_begin(text, max(end - OVERLAP_CHARS, start + 1), end)


def _border(text: str, start: int) -> int:
    """Where a passage ends: at a paragraph, line, sentence or word in its second half."""
    end = start + PASSAGE_CHARS
    if end >= len(text):
        return len(text)
    for mark in ("\n\n", "\n", ". ", " "):
        if (found := text.rfind(mark, start + PASSAGE_CHARS // 2, end)) > 0:
            return found + len(mark)
    return end


def _word_begin(text: str, start: int, end: int) -> int:
    """The first word after a place; the place itself when there is none before the end."""
    found = text.find(" ", start, end)
    return found + 1 if 0 <= found < end - 1 else start


def _lines(text: str, start: int, end: int) -> str:
    first = text.count("\n", 0, start) + 1
    last = first + text[start:end].strip().count("\n")
    return f"lines {first}-{last}" if last > first else f"line {first}"
