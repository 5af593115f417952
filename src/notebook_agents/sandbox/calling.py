"""Calls a named function inside a tool kernel and hands its result back as JSON.

The server asks the kernel to evaluate ``call("package.module:name", "{…}")``; the answer travels
in a private mime type, so that it cannot be confused with anything the user's code displays.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from typing import Any

MIME_TYPE = "application/vnd.notebook-agents.value+json"
MAX_VALUE_CHARS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function returned, as the kernel shows it to the server."""

    text: str

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        return {MIME_TYPE: self.text}


def call(target: str, arguments: str) -> Answer:
    """Call ``package.module:name`` with keyword arguments given as a JSON object."""
    module_name, _, name = target.partition(":")
    function = getattr(importlib.import_module(module_name), name)
    text = json.dumps(function(**json.loads(arguments)), allow_nan=False, separators=(",", ":"))
    if len(text) > MAX_VALUE_CHARS:
        raise ValueError(f"{target!r} returned {len(text)} characters, at most {MAX_VALUE_CHARS}")
    return Answer(text)


def expression(target: str, arguments: dict[str, Any]) -> str:
    """The Python expression that makes a kernel call the function."""
    return (
        f"__import__({__name__!r}, fromlist=['call']).call({target!r}, {json.dumps(arguments)!r})"
    )
