"""What a verb of a handler takes and gives, said once beside it.

The API documents are generated from this; nothing else reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

Shape = type[BaseModel] | TypeAdapter[Any]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The shapes of one verb; its summary is the docstring."""

    answer: Shape | None = None
    """None where the answer has no body or is not JSON."""
    status: int = 200
    body: Shape | None = None
    form: type[BaseModel] | None = None
    """A body that is sent as a form."""
    query: type[BaseModel] | None = None
    content_type: str = "application/json"
    """Of the answer."""
    errors: tuple[int, ...] = ()
    """Statuses beside those that every guarded route has (401, 403, 404 with an id, 429, 503)."""
    others: Mapping[int, Shape] = field(default_factory=dict)
    """Answers with another status that are no errors."""


def operation(**shapes: Any) -> Callable[[F], F]:
    """Say what the decorated verb takes and gives; see `Operation` for the names."""
    described = Operation(**shapes)

    def decorate(method: F) -> F:
        vars(method)["operation"] = described
        return method

    return decorate
