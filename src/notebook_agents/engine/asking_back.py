"""What the built-in model asks back, and when the request has said it already."""

from __future__ import annotations

import re
from collections.abc import Sequence

from notebook_agents.engine.focus import named, said_columns, told_of
from notebook_agents.engine.prompt import ChatMessage

WHICH_TABLE = "Which file or dataframe should I use?"
WHICH_COLUMN = "Which column should I use?"
WHICH_FILE = "Which file should I read?"
_FILE = re.compile(r"\w\.[a-z]\w{0,6}(?!\w)")


def answered_already(chat: Sequence[ChatMessage]) -> set[str]:
    """The questions that the last request leaves no room for."""
    request = next((m["content"].lower() for m in reversed(chat) if m["role"] == "user"), "")
    things = told_of(chat)
    has_file = _FILE.search(request) is not None
    found = {WHICH_FILE} if has_file else set()
    if has_file or named(request, things):
        found.add(WHICH_TABLE)
    if any(said_columns(request, thing) for thing in things):
        found.add(WHICH_COLUMN)
    return found
