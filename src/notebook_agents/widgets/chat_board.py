"""The state of a chat panel, and what of it its views have not been told yet.

The kernel owns the state and the views draw it. A change is kept here at once and told in numbered
batches, at most thirty a second and without what has not changed, because the channel to a browser
drops messages that come too fast. A view that misses a number asks for the whole state.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

FLUSH_INTERVAL_S = 1 / 30
"""Between two messages to the views."""
BEAT_S = 15.0
"""A view hears that often from a run that goes on; proxies close what is silent for a minute."""

Record: TypeAlias = dict[str, Any]
"""A JSON object of the state; ``docs/chat_panel.md`` says what is in it."""


class Board:
    """State and outbox; every method may be called from any thread."""

    def __init__(
        self, send: Callable[[Record], None], later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._send = send
        self._later = later
        """Calls a function after some seconds, on the notebook's thread."""
        self._lock = threading.RLock()
        self._operations: list[Record] = []
        self._seq = 0
        self._sent_at = 0.0
        self._is_due = False
        self.state: Record = {"v": 1, "messages": []}

    def set(self, **values: Any) -> None:
        """Change fields of the state."""
        with self._lock:
            for key, value in values.items():
                if key not in self.state or self.state[key] != value:
                    self.state[key] = value
                    self._note({"op": "set", "key": key, "value": value})

    def put_message(self, message: Mapping[str, Any]) -> None:
        """Add a message at the end, or replace the one with its id."""
        with self._lock:
            _put(self.state["messages"], dict(message))
            self._note({"op": "message", "message": dict(message)})

    def put_blocks(self, message_id: str, blocks: list[Record]) -> None:
        """Give a message the blocks that it has now; only what differs is told."""
        with self._lock:
            message = next(m for m in self.state["messages"] if m["id"] == message_id)
            before = {block["id"]: block for block in message["blocks"]}
            message["blocks"] = blocks
            if list(before) != [block["id"] for block in blocks][: len(before)]:
                # Views only add at the end; another order is told with the message.
                self._note({"op": "message", "message": dict(message)})
                return
            for block in blocks:
                self._put_block(message_id, before.get(block["id"]), block)

    def reset(self, **values: Any) -> None:
        """Another state altogether: its fields, told as a whole."""
        with self._lock:
            self.state |= values
            self.tell_all()

    def tell_all(self) -> None:
        """Send the whole state."""
        with self._lock:
            self._operations = []
            self._post({"kind": "snapshot", "state": self.copy()})

    def beat(self) -> None:
        """Send a sign of life when nothing was sent for long."""
        with self._lock:
            if time.monotonic() - self._sent_at >= BEAT_S:
                self._sent_at = time.monotonic()
                self._send({"kind": "beat", "seq": self._seq})

    def flush(self, *, is_urgent: bool = False) -> None:
        """Send what waits, now or as soon as that is allowed."""
        with self._lock:
            if not self._operations:
                return
            wait_s = self._sent_at + FLUSH_INTERVAL_S - time.monotonic()
            if wait_s <= 0 or is_urgent:
                operations, self._operations = self._operations, []
                self._post({"kind": "delta", "ops": operations})
            elif not self._is_due:
                self._is_due = True
                self._later(wait_s, self._flush_late)

    def copy(self) -> Record:
        """The state as it is now, for somebody who keeps it."""
        with self._lock:
            copied: Record = json.loads(json.dumps(self.state, default=str))
            return copied

    def _flush_late(self) -> None:
        self._is_due = False
        self.flush()

    def _post(self, message: Record) -> None:
        self._seq += 1
        self._sent_at = time.monotonic()
        self._send({**message, "seq": self._seq})

    def _put_block(self, message_id: str, before: Record | None, block: Record) -> None:
        if before == block:
            return
        field = before and _grown(before, block)
        if not before or not field:
            self._note({"op": "block", "message": message_id, "block": block})
            return
        text = block[field][len(before[field]) :]
        last = self._operations[-1] if self._operations else {}
        if (last.get("op"), last.get("block"), last.get("field")) == ("append", block["id"], field):
            last["text"] += text
        else:
            self._note({"op": "append", "block": block["id"], "field": field, "text": text})

    def _note(self, operation: Record) -> None:
        self._operations.append(operation)


def _put(messages: list[Record], message: Record) -> None:
    for number, known in enumerate(messages):
        if known["id"] == message["id"]:
            messages[number] = message
            return
    messages.append(message)


def _grown(before: Record, block: Record) -> str:
    """The only field that differs, when it is a text that has grown; else nothing."""
    changed = [key for key in before.keys() | block.keys() if before.get(key) != block.get(key)]
    if len(changed) != 1 or changed[0] not in ("text", "output"):
        return ""
    old, new = before.get(changed[0]), block.get(changed[0])
    is_longer = isinstance(old, str) and isinstance(new, str) and new.startswith(old)
    return changed[0] if is_longer else ""
