"""Between Agent C's chat and the core's runs: messages in, bytes of one of three formats out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.runs import ApprovalDecision
from notebook_agents_server.dialects.agent_c import chat_frames as frames
from notebook_agents_server.dialects.agent_c import chat_wire as wire

Format: TypeAlias = Literal["json", "text", "sse"]
CONTENT_TYPES: dict[Format, str] = {
    "json": "text/plain; charset=UTF-8",
    "text": "text/plain; charset=UTF-8",
    "sse": "text/event-stream; charset=UTF-8",
}
SIGN_OF_LIFE = b": still here\n\n"
"""A comment, which readers of server-sent events leave out."""
MAX_FILES = 50
_IDS: TypeAdapter[list[str]] = TypeAdapter(Annotated[list[str], Field(max_length=MAX_FILES)])
_EVENT_STREAM = re.compile(r"(?:^|,)\s*text/event-stream\s*(?:[;,]|$)", re.IGNORECASE)
_PLACE = re.compile(r"([0-9a-f-]{36})/(\d{1,10})\.(\d{1,6})")


def file_ids_from_wire(text: str) -> tuple[str, ...]:
    """The ids of files in a JSON array of texts."""
    if not text.strip():
        return ()
    try:
        ids = _IDS.validate_json(text)
    except ValidationError:
        raise InvalidRequest(
            f"file_ids must be a JSON array of at most {MAX_FILES} file ids", field="file_ids"
        ) from None
    return tuple(dict.fromkeys(ids))


def decisions_from_wire(body: wire.ApproveRequest) -> tuple[ApprovalDecision, ...]:
    """A person's answers."""
    return tuple(
        ApprovalDecision(
            call_id=approval.tool_call_id,
            is_approved=approval.approved,
            feedback=approval.feedback,
        )
        for approval in body.approvals
    )


def format_of(query: wire.ChatQuery, accept: str) -> Format:
    """How the answer is to be written."""
    return query.format or ("sse" if _EVENT_STREAM.search(accept) else "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a client has read: the objects of an event that it has, and all before it."""

    run_id: str
    run_seq: int
    n_frames: int

    @classmethod
    def read(cls, text: str) -> Place | None:
        """The place that ``Last-Event-ID`` names; None without one."""
        if not text:
            return None
        found = _PLACE.fullmatch(text.strip())
        if found is None or int(found[2]) < 1:
            raise InvalidRequest(f"Last-Event-ID {text[:80]!r} was not given by this stream")
        return cls(run_id=found[1], run_seq=int(found[2]), n_frames=int(found[3]))

    @property
    def text(self) -> str:
        """What clients are given and give back."""
        return f"{self.run_id}/{self.run_seq}.{self.n_frames}"


def lines_of(found: Sequence[frames.Frame], format: Format, place: Place | None = None) -> bytes:
    """The objects of one event in a format; clients can read on after each if a place is given.

    ``place`` is before the first of them.
    """
    if format == "text":
        return "".join(map(_plain, found)).encode()
    if format == "json":
        return "".join(f"{frame.model_dump_json()}\n" for frame in found).encode()
    return "".join(
        f"{_id_line(place, n)}data: {frame.model_dump_json()}\n\n"
        for n, frame in enumerate(found, start=1)
    ).encode()


def _id_line(place: Place | None, n: int) -> str:
    return f"id: {replace(place, n_frames=place.n_frames + n).text}\n" if place else ""


def _plain(frame: frames.Frame) -> str:
    match frame:
        case frames.Content(data=text):
            return text
        case frames.ToolApproval(data=wish):
            return f"\n[{wish.name} waits for approval: {wish.reason}]\n"
        case frames.Failed(data=message):
            return f"\n[error: {message}]\n"
    return ""
