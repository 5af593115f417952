"""From the core's messages to the prompt of one model.

Messages become the chat messages every Hugging Face chat template takes; the template and the
tokenizer, which belong to the model, do the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.formatting import MAX_ROWS, clip_text, more_line
from notebook_agents.core.messages import AttachmentPart, Message, ToolCallPart
from notebook_agents.core.models import ToolSchema
from notebook_agents.core.outlines import shortened_line

ChatMessage = dict[str, Any]
CONTEXT_LABELS = ("Dataframes: ", "Files: ")
"""How the lines begin that tell a model what there is."""
ERROR_MARK = "Error: "
"""How the result of a call begins that failed."""
RESULT_LINES = MAX_ROWS + 1
"""Lines of a result that the built-in model saw in its training: a header and its rows."""
RESULT_CHARS = 1500
ERROR_CHARS = 300
_NOUNS = {"database_query": "rows", "list_files": "files"}
_MORE_LINE = re.compile(r"\.\.\. ([0-9]{1,12}) more (\w+)")
_BACKTICKS = re.compile("`{3,}")


def to_chat(messages: Iterable[Message], *, model: str) -> list[ChatMessage]:
    """The messages for a chat template; InvalidRequest when one holds an image.

    A message of tool results becomes one chat message per result.
    """
    chat: list[ChatMessage] = []
    for message in messages:
        if message.role == "tool":
            chat += _results(message)
        else:
            chat.append(_spoken(message, model))
    return chat


def to_tools(tools: Sequence[ToolSchema]) -> list[dict[str, Any]] | None:
    """The tools for a chat template; None for none."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ] or None


def without_final_mark(chat: Iterable[ChatMessage]) -> list[ChatMessage]:
    """What users said without the one mark that ends it.

    ``what is 2+3.`` is ambiguous to a model that copies expressions (``3.`` is a number).
    """
    return [
        {**m, "content": re.sub(r"[.?!]$", "", m["content"].rstrip())} if m["role"] == "user" else m
        for m in chat
    ]


def with_short_results(
    chat: Iterable[ChatMessage], max_chars: int = RESULT_CHARS
) -> list[ChatMessage]:
    """The chat with results and errors of tools cut to a size, and a line that says so."""
    return [{**m, "content": _short(m, max_chars)} if m["role"] == "tool" else m for m in chat]


def with_short_context(chat: Iterable[ChatMessage], max_chars: int) -> list[ChatMessage]:
    """The chat with lines of a size that tell what there is: fewer columns, then fewer things."""

    def short(text: str) -> str:
        return "\n".join(
            shortened_line(line, max_chars) if line.startswith(CONTEXT_LABELS) else line
            for line in text.split("\n")
        )

    return [{**m, "content": short(m["content"])} if m["role"] == "system" else m for m in chat]


def n_exchanges(chat: Iterable[ChatMessage]) -> int:
    """How many questions there are, each with all that followed it."""
    return sum(message["role"] == "user" for message in chat)


def without_oldest(chat: Sequence[ChatMessage], n_oldest: int) -> list[ChatMessage]:
    """The chat without its first exchanges; there must be more of them.

    What the system says stays. An exchange is dropped whole, because a tool result without its
    call, or an answer without its question, misleads a model.
    """
    questions = [index for index, message in enumerate(chat) if message["role"] == "user"]
    return [*chat[: questions[0]], *chat[questions[n_oldest] :]] if n_oldest else list(chat)


def has_failed(result: ChatMessage) -> bool:
    """Whether a message of a tool tells that its call failed; a file may begin like an error."""
    return bool(result.get("is_error"))


def _short(result: ChatMessage, max_chars: int) -> str:
    content: str = result["content"]
    if has_failed(result):
        return clip_text(content, max_chars=min(max_chars, ERROR_CHARS))
    lines = content.split("\n")
    if len(content) <= max_chars and len(lines) <= RESULT_LINES:
        return content
    counted = _MORE_LINE.fullmatch(lines[-1])
    n_more, noun = (
        (int(counted[1]), counted[2]) if counted else (0, _NOUNS.get(result["name"], "lines"))
    )
    lines = lines[:-1] if counted else lines
    kept = _first_lines(lines, max_chars - len(more_line(n_more + len(lines), noun)) - 1)
    n_more += len(lines) - len(kept)
    return "\n".join((*kept, more_line(n_more, noun)) if n_more else kept)


def _first_lines(lines: Sequence[str], max_chars: int) -> list[str]:
    """As many whole lines as fit, at least a piece of the first."""
    kept: list[str] = []
    room = max_chars
    for line in lines[:RESULT_LINES]:
        room -= len(line) + 1
        if room < 0:
            return kept or [clip_text(line, max_chars=max_chars // 2)]
        kept.append(line)
    return kept


def _results(message: Message) -> Iterator[ChatMessage]:
    for result in message.tool_results:
        yield {
            "role": "tool",
            "tool_call_id": result.call_id,
            "name": result.name,
            "content": result.content,
            "is_error": result.is_error,
        }


def _spoken(message: Message, model: str) -> ChatMessage:
    attachments = (part for part in message.parts if isinstance(part, AttachmentPart))
    texts = [message.text, *(_shown(part, model) for part in attachments)]
    chat: ChatMessage = {"role": message.role, "content": "\n\n".join(t for t in texts if t)}
    if calls := [_call(call) for call in message.tool_calls]:
        chat["tool_calls"] = calls
    return chat


def _call(call: ToolCallPart) -> dict[str, Any]:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _shown(part: AttachmentPart, model: str) -> str:
    if part.kind == "image":
        raise InvalidRequest(
            f"model {model!r} does not read images; attach text or code", field="attachments"
        )
    if part.kind == "file":
        return f"Attached file: {part.name}"
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in _BACKTICKS.findall(part.content))])
    title = f"{part.name}:\n" if part.name else ""
    return f"{title}{fence}\n{part.content}\n{fence}"
