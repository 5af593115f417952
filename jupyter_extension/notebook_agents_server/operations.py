"""What a verb of a handler takes and gives, said once beside it.

The API documents are generated from this; nothing else reads it. A handler's verb says it with
``@operation(…)``, a socket with ``@conversation(…)`` above its class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

Shape = type[BaseModel] | TypeAdapter[Any]
F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The shapes of one verb; its summary is the docstring."""

    answer: Shape | None = None
    """None where the answer has no body or is not JSON."""
    status: int = 200
    body: Shape | None = None
    form: type[BaseModel] | None = None
    """A body that is sent as a form; with ``body`` too, the client chooses."""
    parts: type[BaseModel] | None = None
    """A body that is sent as a form with a file."""
    files: tuple[str, ...] = ()
    """Content types of files that the client may send in place of the other bodies."""
    query: type[BaseModel] | None = None
    content_type: str = JSON
    """Of the answer; several, with ``, `` between, where the client chooses."""
    errors: tuple[int, ...] = ()
    """Statuses beside those that follow from the route: those of every door, of a body or query
    that does not validate, and of an id in the path."""
    others: Mapping[int, Shape] = field(default_factory=dict)
    """Answers with another status that are no errors."""
    example: str = ""
    """First part of the names of the document's examples, which lie beside the dialect as
    ``examples/<example>_request.json`` and ``examples/<example>_response.json``."""
    tag: str = ""
    """The resource it belongs to; else the first word of the path says it."""

    @property
    def bodies(self) -> dict[str, Shape]:
        """What the client may send, by content type; files are not among them."""
        shapes = {JSON: self.body, FORM: self.form, MULTIPART: self.parts}
        return {kind: shape for kind, shape in shapes.items() if shape is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What a socket says and hears; its summary is the docstring of the class."""

    sends: Shape
    """What the server sends."""
    receives: Shape
    """What the client may send."""
    names: tuple[str, ...] = ()
    """Of the groups of its path."""
    query: type[BaseModel] | None = None
    waits_for_credential: bool = True
    """Whether the credential may come in a first frame."""
    close_codes: Mapping[int, str] = field(default_factory=dict)
    """What the document says of close codes."""
    example: str = ""
    """As that of an operation: ``…_request.json`` is a frame of the client, ``…_response.json``
    one of the server."""


def operation(**shapes: Any) -> Callable[[F], F]:
    """Say what the decorated verb takes and gives; see `Operation` for the names."""
    described = Operation(**shapes)

    def decorate(method: F) -> F:
        vars(method)["operation"] = described
        return method

    return decorate


def conversation(**shapes: Any) -> Callable[[C], C]:
    """Say what the decorated socket says and hears; see `Conversation` for the names."""
    described = Conversation(**shapes)

    def decorate(socket: C) -> C:
        setattr(socket, "conversation", described)  # noqa: B010 - no socket declares it
        return socket

    return decorate
