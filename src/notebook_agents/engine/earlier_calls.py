"""What the built-in model says of the calls it made before: the last one, or the last that failed.

Training teaches these sentences and the grammar holds the model to them, so both take from here
what is true of a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from notebook_agents.engine.prompt import (
    ERROR_CHARS,
    ERROR_MARK,
    RESULT_CHARS,
    ChatMessage,
    has_failed,
)

NOTHING_FAILED = "Nothing failed in this conversation."
NO_CALL_YET = "I ran no tool in this conversation."


def error_text(result: str) -> str:
    """What is told of a result that is an error: the first line of its message."""
    return result.removeprefix(ERROR_MARK).split("\n")[0]


def call_text(arguments: Mapping[str, Any]) -> str:
    """What is told of a call: its first argument."""
    return str(next(iter(arguments.values()), ""))


def true_reply(
    reply: str, shown: Sequence[ChatMessage], whole: Sequence[ChatMessage]
) -> str | None:
    """A reply with its words filled in; None where it would not be true.

    ``{t}`` is the tool of the last call and ``{w}`` beside it the text of that call; ``{w}`` alone
    is the last error. They come from the messages that are ``shown`` to the model, which copies
    them, or from the ``whole`` conversation where those have none.
    """
    if reply == NO_CALL_YET:
        return None if any(_calls(whole)) else reply
    if reply == NOTHING_FAILED:
        return None if any(_errors(whole)) else reply
    if "{t}" in reply:
        calls = list(_calls(shown)) or [call for call in _calls(whole) if _is_short(call)]
        return _about(calls[-1], reply) if calls else None
    if "{w}" not in reply:
        return reply
    errors = list(_errors(shown)) or list(_errors(whole))
    return reply.replace("{w}", errors[-1][:ERROR_CHARS]) if errors else None


def _is_short(call: Mapping[str, Any]) -> bool:
    return len(call_text(call["arguments"])) <= RESULT_CHARS


def _about(call: Mapping[str, Any], reply: str) -> str:
    return reply.replace("{t}", call["name"]).replace("{w}", call_text(call["arguments"]))


def _calls(chat: Iterable[ChatMessage]) -> Iterator[Mapping[str, Any]]:
    return (call["function"] for message in chat for call in message.get("tool_calls", ()))


def _errors(chat: Iterable[ChatMessage]) -> Iterator[str]:
    results = (message for message in chat if message["role"] == "tool")
    return (error_text(result["content"]) for result in results if has_failed(result))
