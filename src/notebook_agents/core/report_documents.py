"""What a report says, before it has a form: blocks in the order in which they are read.

Everything in a document was written by people, models and tools. A form is made of it by an
adapter, which treats all of it as data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter

ReportFormat: TypeAlias = Literal["pdf", "html", "markdown", "json", "ipynb"]
EntryRole: TypeAlias = Literal["user", "assistant", "system", "cell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """Markdown, as a model or a person wrote it."""

    text: str
    keeps_breaks: bool = False
    """Whether a line break is one: people do not write Markdown."""
    type: Literal["prose"] = "prose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Text in which every space counts: what was printed."""

    text: str
    is_error: bool = False
    type: Literal["plain"] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Code."""

    text: str
    language: str = ""
    type: Literal["source"] = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What was drawn: a PNG in base64, or a plotly figure as JSON."""

    media_type: str
    content: str
    label: str = ""
    type: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_left_out: int = 0
    """Further rows."""
    type: Literal["grid"] = "grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A file that was given along."""

    name: str
    kind: str
    size_bytes: int
    type: Literal["enclosure"] = "enclosure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A tool that was used, and what it answered."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    """Empty where no answer is known."""
    duration_ms: float | None = None
    answer: tuple[Plain | Picture, ...] = ()
    type: Literal["use"] = "use"


Block: TypeAlias = Annotated[
    Prose | Plain | Source | Picture | Grid | Enclosure | Use, Field(discriminator="type")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one of them said or did at once."""

    role: EntryRole
    title: str = ""
    """Such as the number of a cell; else the role says it."""
    at: datetime | None = None
    blocks: tuple[Block, ...] = ()
    note: str = ""
    """A line of small print: the model, the time it took, the tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and a value, both for people."""

    name: str
    value: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDocument:
    """A whole report."""

    kind: Literal["conversation", "execution"]
    title: str
    subject_id: str
    made_at: datetime
    facts: tuple[Fact, ...] = ()
    metrics: tuple[Fact, ...] = ()
    """A few figures; empty when they are not wished for."""
    details: Grid | None = None
    """The figures of each reply."""
    entries: tuple[Entry, ...] = ()
    notices: tuple[str, ...] = ()
    """What a reader must know, such as that something was left out."""
    notebook: str = ""
    """The executed notebook as JSON, where the report is of one; its cells are the entries."""
    shows_code: bool = True
    """Whether the code of the notebook's cells is shown."""


def document_to_json(document: ReportDocument) -> bytes:
    """The document as one JSON object."""
    return _adapter().dump_json(document)


def document_from_json(content: bytes) -> ReportDocument:
    """The document again; pydantic's ValidationError on anything else."""
    return _adapter().validate_json(content)


@cache
def _adapter() -> TypeAdapter[ReportDocument]:
    """Made with the first report: it would take a twentieth of the start of every command."""
    return TypeAdapter(ReportDocument)
