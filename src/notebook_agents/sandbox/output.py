"""Collects what one call says and draws, in order and within its budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from notebook_agents.sandbox.calling import MIME_TYPE
from notebook_agents.sandbox.channels import KernelMessage, Violation
from notebook_agents.sandbox.config import OutputBudget
from notebook_agents.sandbox.figures import Drawings

MAX_ERROR_CHARS = 64 * 1024


@dataclass(slots=True)
class CallOutput:
    """What has come from the kernel for one request so far."""

    request_id: str
    budget: OutputBudget
    on_output: Callable[[str], None]
    max_chars: int = 0
    """What the code may print before it is stopped, where the rest can be kept in a file."""
    file: str = ""
    """The file with everything, once it was written."""
    value: Any = None
    error_name: str = ""
    error_message: str = ""
    traceback: str = ""
    is_idle: bool = False
    is_answered: bool = False
    is_over_budget: bool = False
    n_dropped: int = 0
    """Characters that were over the budget."""
    drawings: Drawings = field(init=False)
    _pieces: list[str] = field(default_factory=list)
    _n_chars: int = 0
    _n_messages: int = 0
    _n_shown_bytes: int = 0

    def __post_init__(self) -> None:
        self.drawings = Drawings(self.budget)

    @property
    def is_complete(self) -> bool:
        """Whether both the reply and the end of the output have come."""
        return self.is_idle and self.is_answered

    @property
    def text(self) -> str:
        """Everything printed and shown; of too much the beginning and the end, with a marker."""
        whole, room = self.whole, self.budget.text_chars
        stop = f"\n... output cut after {self._n_chars} characters" if self.is_over_budget else ""
        if len(whole) <= room:
            return whole + stop
        n_end = min(self.budget.end_chars, room // 2)
        what = "the part before the cut" if self.is_over_budget else "all of it"
        where = f"; {what} is in {self.file!r}" if self.file else ""
        marker = f"\n... {len(whole) - room} characters left out{where} ...\n"
        return whole[: room - n_end] + marker + whole[len(whole) - n_end :] + stop

    @property
    def whole(self) -> str:
        """Everything printed and shown until the code was stopped."""
        return "".join(self._pieces)

    @property
    def is_long(self) -> bool:
        """Whether `text` leaves something out."""
        return self._n_chars > self.budget.text_chars

    def published(self, message: KernelMessage) -> None:
        """Take a message of the output channel; those of other requests are not ours."""
        if message.parent_id != self.request_id or self.is_idle:
            return
        self._n_messages += 1
        if self._n_messages > self.budget.n_messages:
            self.is_over_budget = True
        content = message.content
        if message.kind == "stream":
            self._add(_text(content.get("text")))
        elif message.kind in ("execute_result", "display_data"):
            self._add_shown(content.get("data"), message.size_bytes)
        elif message.kind == "error":
            self._fail(content)
        elif message.kind == "status" and content.get("execution_state") == "idle":
            self.is_idle = True

    def replied(self, message: KernelMessage) -> None:
        """Take a message of the request channel."""
        if message.parent_id != self.request_id or message.kind != "execute_reply":
            return
        self.is_answered = True
        if message.content.get("status") == "error" and not self.error_name:
            self._fail(message.content)
        expressions = message.content.get("user_expressions")
        if isinstance(expressions, dict) and "value" in expressions:
            self._take_value(expressions["value"])

    def _take_value(self, answer: Any) -> None:
        if not isinstance(answer, dict):
            raise Violation("value of the wrong type")
        if answer.get("status") == "error":
            self._fail(answer)
            return
        data = answer.get("data")
        text = data.get(MIME_TYPE) if isinstance(data, dict) else None
        self.value = _json(_text(text))

    def _add_shown(self, data: Any, size_bytes: int) -> None:
        if not isinstance(data, dict):
            raise Violation("display data of the wrong type")
        self._n_shown_bytes += size_bytes
        if self._n_shown_bytes > self.budget.shown_bytes:
            self.is_over_budget = True
            return
        is_figure = self.drawings.take(data, size_bytes)
        if "text/plain" in data:
            text = _text(data["text/plain"])
            if is_figure and text.startswith("<"):
                return  # the name of an object, which says less than the figure
            self._add(("" if self._is_at_line_start() else "\n") + text + "\n")

    def _is_at_line_start(self) -> bool:
        return not self._pieces or self._pieces[-1].endswith("\n")

    def _add(self, text: str) -> None:
        shown = max(self.budget.text_chars - self._n_chars, 0)
        room = max(max(self.max_chars, self.budget.text_chars) - self._n_chars, 0)
        if len(text) > room:
            self.is_over_budget = True
            self.n_dropped += len(text) - room
            text = text[:room]
        if text:
            self._pieces.append(text)
            self._n_chars += len(text)
        if text[:shown]:
            self.on_output(text[:shown])

    def _fail(self, content: dict[str, Any]) -> None:
        self.error_name = _text(content.get("ename"))[:MAX_ERROR_CHARS] or "Error"
        self.error_message = _text(content.get("evalue"))[:MAX_ERROR_CHARS]
        lines = content.get("traceback")
        if isinstance(lines, list):
            self.traceback = "\n".join(map(_text, lines))[:MAX_ERROR_CHARS]


def _json(text: str) -> Any:
    """A value that can be written again, to a file or a database, without surprises."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Violation("value is not JSON") from None
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Violation("text of the wrong type")
    return value.encode("utf-8", "replace").decode("utf-8")
