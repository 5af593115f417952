"""A conversation as a file that can be read back: what was said and done, and nothing else.

The file is JSON. Who said it, in which process, and what it cost stay behind: whoever reads it back
begins a conversation of their own with these messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.messages import Message

if TYPE_CHECKING:
    from notebook_agents.core.transcripts import Transcript

FileFormat = Literal["notebook-agents conversation"]
MAX_SAVED_BYTES = 64 << 20
"""Of a file that is read back."""
MAX_SAVED_MESSAGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedConversation:
    """What such a file says."""

    format: FileFormat = "notebook-agents conversation"
    version: Literal[1] = 1
    title: str = ""
    models: tuple[str, ...] = ()
    """Those that answered."""
    messages: tuple[Message, ...] = field(default=())


_FILE = TypeAdapter(SavedConversation)


def transcript_to_json(transcript: Transcript) -> bytes:
    """The file of a conversation."""
    models = [transcript.model_of(node) for node in transcript.nodes]
    saved = SavedConversation(
        title=transcript.conversation.title,
        models=tuple(dict.fromkeys(model for model in models if model)),
        messages=tuple(node.message for node in transcript.nodes),
    )
    return _FILE.dump_json(saved, indent=1) + b"\n"


def saved_from_json(content: bytes) -> SavedConversation:
    """What a file says; InvalidRequest when it is not the file of a conversation."""
    kind = get_args(FileFormat)[0]
    if len(content) > MAX_SAVED_BYTES:
        raise InvalidRequest(f"the file has more than {MAX_SAVED_BYTES >> 20} MiB")
    if kind.encode() not in content[:200]:
        raise InvalidRequest("this is not a conversation saved by %agent save NAME.json")
    try:
        saved = _FILE.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(
            f"the file is not a whole conversation: {where}: {first['msg']}"
        ) from error
    if len(saved.messages) > MAX_SAVED_MESSAGES:
        raise InvalidRequest(f"the file has more than {MAX_SAVED_MESSAGES:,} messages")
    return saved
