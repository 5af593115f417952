"""What the model is told about the notebook: its data frames, by name and columns.

The files of the working folder are added by the core, for every conversation alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notebook_agents.core.outlines import outline, outline_line
from notebook_agents.magics.values import loaded_pandas

MAX_FRAMES = 8
"""Beyond these a small model loses track; ``{name}`` in the prompt shows a frame in full."""


def frames_by_name(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The newest data frames, each under its newest name, oldest first."""
    pandas = loaded_pandas()
    if pandas is None:
        return {}
    found: dict[int, tuple[str, Any]] = {}
    for name, value in reversed(list(namespace.items())):
        if name.startswith("_") or not isinstance(value, pandas.DataFrame) or id(value) in found:
            continue
        found[id(value)] = (name, value)
        if len(found) == MAX_FRAMES:
            break
    return dict(reversed(found.values()))


def frames_line(namespace: Mapping[str, Any]) -> str:
    """``Dataframes: df(price, qty); …``, or nothing when there are none."""
    frames = frames_by_name(namespace).items()
    return outline_line("Dataframes", [outline(name, frame.columns) for name, frame in frames])
