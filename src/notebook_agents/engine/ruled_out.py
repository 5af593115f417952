"""Fixed sentences of the built-in model that the request leaves no room for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from notebook_agents.engine.focus import named, said_columns, told_of, without_names
from notebook_agents.engine.prompt import ChatMessage

WHICH_TABLE = "Which file or dataframe should I use?"
WHICH_COLUMN = "Which column should I use?"
WHICH_FILE = "Which file should I read?"
NO_KNOWLEDGE = (
    "I don't know that. I am a tiny built-in model without general knowledge; connect a larger "
    "model for open questions."
)
_FILE = re.compile(
    r"\w\.(csv|tsv|parquet|jsonl?|xlsx|txt|md|log|py|ipynb|ya?ml|toml|xml|html|ini|cfg|sql)(?!\w)"
)
_GROUPED = re.compile(r"\b(by|per|each|every)\b.*", re.DOTALL)


def ruled_out(chat: Sequence[ChatMessage]) -> set[str]:
    """Questions back whose answer the last request has, and ignorance of what it names."""
    request = next((m["content"].lower() for m in reversed(chat) if m["role"] == "user"), "")
    things = told_of(chat)
    has_file = _FILE.search(request) is not None
    found = {WHICH_FILE} if has_file else set()
    meant = named(request, things)
    if has_file or meant:
        found.add(WHICH_TABLE)
    said = without_names(request, things)
    # A column to group by is not yet one to compute with.
    if any(said_columns(_GROUPED.sub("", said), thing) for thing in things):
        found.add(WHICH_COLUMN)
    if any(said_columns(said, thing) for thing in meant):
        found.add(NO_KNOWLEDGE)
    return found
