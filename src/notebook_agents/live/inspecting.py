"""``inspect_variable`` on the notebook's own variables: everything worth knowing about one."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from typing import Any

from notebook_agents.core.errors import ToolFailed
from notebook_agents.core.tools import ToolSpec
from notebook_agents.live.describe import details_of, head_of
from notebook_agents.live.describe_frames import is_frame, plain_frame, values_in_full
from notebook_agents.live.describe_words import Look
from notebook_agents.live.visibility import Visibility

TOOL = "inspect_variable"
MAX_CHARS = 6_000
MAX_LINES = 200
LOOKING_S = 1.0
MAX_NAMED = 12
SPEC = ToolSpec(
    name=TOOL,
    title="Inspect a variable",
    description=(
        "Describe a variable of the notebook in full: columns, missing values, ranges, "
        "percentiles, most frequent values, first and last rows; attributes of an object; source "
        "of a function."
    ),
    category="data",
    parameters={
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Name of a variable, such as df"},
        },
        "required": ["name"],
        "additionalProperties": False,
    },
    effect="read",
    timeout_s=15.0,
    module="notebook_agents.live.inspecting",
)
"""What a model is told of it."""


def inspected(
    namespace: Mapping[str, Any],
    name: str,
    *,
    visible: Visibility | None = None,
    max_chars: int = MAX_CHARS,
) -> str:
    """One variable in detail, at most ``max_chars`` long; on the notebook's thread.

    Raises ToolFailed when there is no such variable, or when it is not to be told.
    """
    rules = visible or Visibility()
    value = _found(namespace, name, rules)
    look = Look(
        masker=rules.masker(namespace),
        ends_at=time.monotonic() + LOOKING_S,
        is_thorough=True,
    )
    lines, room = [f"{name}: {head_of(value, look)}"], max_chars - 80
    for line in (*details_of(value, look), *_columns_in_full(value, look)):
        room -= len(line) + 1
        if room < len(lines[0]) or len(lines) >= MAX_LINES:
            lines.append("… more does not fit; look at a part of it with code")
            break
        lines.append(line)
    return look.masker.masked("\n".join(lines))[:max_chars]


def _found(namespace: Mapping[str, Any], name: str, rules: Visibility) -> Any:
    if why := rules.why_hidden(name):
        raise ToolFailed(f"{name!r} is not told: {why}", tool=TOOL, reason="HIDDEN")
    if name in namespace:
        return namespace[name]
    visible = list(rules.visible(namespace))
    near = difflib.get_close_matches(name, visible, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    there = ", ".join(visible[-MAX_NAMED:]) or "none"
    raise ToolFailed(
        f"there is no variable {name!r}{hint} Variables: {there}", tool=TOOL, reason="NO_VARIABLE"
    )


def _columns_in_full(value: Any, look: Look) -> list[str]:
    """Percentiles and frequent values of the columns of a frame."""
    if not is_frame(value) or look.is_over:
        return []
    frame, lines = plain_frame(value), []
    for position in range(min(frame.shape[1], 30)):
        label = frame.columns[position]
        found = list(values_in_full(frame.iloc[:, position], label, look))
        lines += [f"{look.label(label)} {line}" for line in found]
        if look.is_over:
            break
    return lines
