"""From the text a model writes to what it means: prose, tool calls, the end.

Tool calls are in the Hermes form that Qwen and the built-in model write:
``<tool_call>{"name": …, "arguments": {…}}</tool_call>``. Prose streams as it comes; of a tag that
may be beginning nothing leaks, and white space around calls is dropped, as are closing tags of no
call. A call nobody can read is still a call, with ``invalid`` saying why and quoting it, so that
the model can be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from notebook_agents.core.call_texts import json_once
from notebook_agents.core.ids import new_id
from notebook_agents.core.messages import ToolCallPart

CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]+)"')


class ToolCallParser:
    """Splits a stream of text into prose and tool calls."""

    def __init__(self, *, is_active: bool = True) -> None:
        self._is_active = is_active
        self._held = ""
        """Text not given out yet: a possible tag, white space before one, or an open call."""
        self._in_call = False
        self._after_call = False

    def push(self, text: str) -> Iterator[str | ToolCallPart]:
        """What can be said for sure now that ``text`` has come."""
        if not self._is_active:
            yield text
            return
        self._held += text
        while tag := self._next_tag():
            before, _, self._held = self._held.partition(tag)
            if self._in_call:
                yield read_call(before)
                self._in_call, self._after_call = False, True
                continue
            self._in_call = tag == CALL_OPEN
            if prose := self._prose(before.rstrip() if self._in_call else before):
                yield prose
            self._after_call = self._after_call and not self._in_call
        if not self._in_call and (prose := self._prose(self._release())):
            yield prose

    def close(self, *, is_complete: bool) -> Iterator[str | ToolCallPart]:
        """What is left when the model ended itself (``is_complete``) or was cut off.

        A call or an opening tag that was cut off is dropped; a call that only lacks its closing
        tag is read.
        """
        held, self._held = self._held, ""
        if self._in_call:
            if is_complete:
                yield read_call(held)
            return
        if not is_complete:
            held = held[: len(held) - _open_tag(held)]
        if prose := self._prose(held):
            yield prose

    def _next_tag(self) -> str:
        """The first tag of the held text that means something, or nothing."""
        tags = (CALL_CLOSE,) if self._in_call else (CALL_OPEN, CALL_CLOSE)
        found = (tag for tag in tags if tag in self._held)
        return min(found, key=self._held.index, default="")

    def _release(self) -> str:
        """Take from the held text what can be neither part of a tag nor space before one."""
        n_kept = _open_tag(self._held)
        sure = self._held[: len(self._held) - n_kept].rstrip()
        self._held = self._held[len(sure) :]
        return sure

    def _prose(self, text: str) -> str:
        if self._after_call:
            text = text.lstrip()
            self._after_call = not text
        return text


class StopMatcher:
    """Ends a stream of text at the first of some strings, wherever it is cut into pieces."""

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = stop
        self._held = ""
        self.is_stopped = False

    def push(self, text: str) -> str:
        """The text that is certainly before any stop string."""
        if self.is_stopped:
            return ""
        text = self._held + text
        found = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        if found:
            self.is_stopped, self._held = True, ""
            return text[: min(found)]
        n_kept = max((overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - n_kept :]
        return text[: len(text) - n_kept]

    def close(self) -> str:
        """The text that looked like the beginning of a stop string and was none."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, tag: str) -> int:
    """The length of the longest proper beginning of ``tag`` that ``text`` ends with."""
    longest = min(len(text), len(tag) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(tag[:n])), 0)


def _open_tag(text: str) -> int:
    """The length of a tag that may be beginning at the end of a text."""
    return max(overlap(text, tag) for tag in (CALL_OPEN, CALL_CLOSE))


def read_call(raw: str) -> ToolCallPart:
    """The call written between the tags; never raises."""
    call_id = f"call_{new_id()}"
    try:
        name, arguments = _validated(json_once(raw))
    except (ValueError, RecursionError) as error:
        found = _NAME.search(raw)
        name = found.group(1) if found else ""
        reason = f"{error}; the model wrote {raw.strip()!r}"
        return ToolCallPart(call_id=call_id, name=name, invalid=reason)
    return ToolCallPart(call_id=call_id, name=name, arguments=arguments)


def _validated(call: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        raise ValueError('a tool call is an object with "name" and "arguments"')
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        arguments = json_once(arguments)
    if not isinstance(arguments, dict):
        raise ValueError('"arguments" is not an object')
    return call["name"], arguments
