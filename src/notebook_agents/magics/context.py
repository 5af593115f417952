"""What the model is told about the notebook: its data frames, by name and columns.

The files of the working folder are added by the core, for every conversation alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notebook_agents.magics.values import loaded_pandas

MAX_FRAMES = 5
MAX_COLUMNS = 8
"""Beyond these a small model loses track; ``{name}`` in the prompt shows a frame in full."""


def frames_line(namespace: Mapping[str, Any]) -> str:
    """``Dataframes: df(price, qty); …`` of the newest frames, or nothing when there are none."""
    pandas = loaded_pandas()
    if pandas is None:
        return ""
    shown: dict[int, str] = {}
    for name, value in reversed(list(namespace.items())):
        if name.startswith("_") or not isinstance(value, pandas.DataFrame) or id(value) in shown:
            continue
        columns = [" ".join(str(column).split()) for column in value.columns[:MAX_COLUMNS]]
        shown[id(value)] = f"{name}({', '.join(columns)})"
        if len(shown) == MAX_FRAMES:
            break
    return f"Dataframes: {'; '.join(reversed(shown.values()))}" if shown else ""
