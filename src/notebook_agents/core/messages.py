"""Messages and their parts: pure values, equal when their content is equal.

A Message has a role and parts. Identity (ids, parents, times) belongs to the conversation that
holds it, see ``conversations.MessageNode``; so the same value can stand in several chains.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Plain text."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentPart:
    """Content given along with a message; text kinds are shown to the model, files are saved."""

    kind: Literal["text", "code", "image", "file"]
    content: str
    """The text, or base64 for ``image`` and binary ``file``."""
    name: str = ""
    media_type: str = ""
    is_own: bool = False
    """Whether the notebook itself made it, such as a picture of one of its figures."""
    type: Literal["attachment"] = "attachment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """The model asks for one use of a tool."""

    call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    invalid: str = ""
    """Why the arguments could not be read, when the model wrote a malformed call."""
    type: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResultPart:
    """What a tool answered; always follows a ToolCallPart with the same ``call_id``."""

    call_id: str
    name: str
    content: str
    is_error: bool = False
    origin: str = ""
    """Where the content comes from; see ``core/provenance.py``."""
    type: Literal["tool_result"] = "tool_result"


Part: TypeAlias = Annotated[
    TextPart | AttachmentPart | ToolCallPart | ToolResultPart, Field(discriminator="type")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry by user, assistant, tool or system."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All text parts joined; no attachments, no tool traffic."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls this message asks for."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))

    @property
    def tool_results(self) -> tuple[ToolResultPart, ...]:
        """The tool results this message carries."""
        return tuple(part for part in self.parts if isinstance(part, ToolResultPart))


def user_message(text: str, attachments: Iterable[AttachmentPart] = ()) -> Message:
    """A user's message with optional attachments."""
    return Message(role="user", parts=(TextPart(text=text), *attachments))


def system_message(text: str) -> Message:
    """Instructions for the model."""
    return Message(role="system", parts=(TextPart(text=text),))


def assistant_message(text: str, tool_calls: Iterable[ToolCallPart] = ()) -> Message:
    """An assistant's message; text first, then its tool calls."""
    texts: tuple[Part, ...] = (TextPart(text=text),) if text else ()
    return Message(role="assistant", parts=(*texts, *tool_calls))


def tool_message(results: Iterable[ToolResultPart]) -> Message:
    """The results of the tool calls of the assistant message before it."""
    return Message(role="tool", parts=tuple(results))
