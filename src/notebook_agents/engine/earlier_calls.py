"""What the built-in model says of the calls it made before: the last one, or the last that failed.

Training teaches these sentences and the grammar holds the model to them, so both take from here
what is true of a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from notebook_agents.engine.prompt import ERROR_MARK, ChatMessage

NOTHING_FAILED = "Nothing failed in this conversation."
NO_CALL_YET = "I ran no tool in this conversation."


def last_failure(results: Iterable[str]) -> str | None:
    """What is told of the last result that is an error; None where none is."""
    errors = [result for result in results if result.startswith(ERROR_MARK)]
    return errors[-1].removeprefix(ERROR_MARK).split("\n")[0] if errors else None


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
        return reply if last_failure(_results(whole)) is None else None
    if "{t}" in reply:
        calls = list(_calls(shown)) or list(_calls(whole))
        return _about(calls[-1], reply) if calls else None
    if "{w}" not in reply:
        return reply
    text = last_failure(_results(shown)) or last_failure(_results(whole))
    return None if text is None else reply.replace("{w}", text)


def _about(call: Mapping[str, Any], reply: str) -> str:
    return reply.replace("{t}", call["name"]).replace("{w}", call_text(call["arguments"]))


def _calls(chat: Iterable[ChatMessage]) -> Iterator[Mapping[str, Any]]:
    return (call["function"] for message in chat for call in message.get("tool_calls", ()))


def _results(chat: Iterable[ChatMessage]) -> Iterator[str]:
    return (message["content"] for message in chat if message["role"] == "tool")
