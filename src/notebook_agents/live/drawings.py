"""What code in the notebook draws: plotly figures and pictures, kept within a budget."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from notebook_agents.core.figures import PLOTLY, PNG, Figure

MAX_FIGURES = 20
MAX_BYTES = 4 << 20
"""All figures of a call together, as text."""
PARTS = ("data", "layout", "frames")
"""Of a plotly figure; the rest is how it behaves where it is shown."""
PNG_HEADER = b"\x89PNG\r\n\x1a\n"
MAX_LABEL_CHARS = 120


@dataclass(slots=True)
class Drawings:
    """The figures of one call."""

    kept: list[Figure] = field(default_factory=list)
    n_left_out: int = 0
    _n_bytes: int = 0

    def take(self, data: dict[str, Any]) -> bool:
        """Whether what is displayed is a figure; it is kept when there is room."""
        make = next((make for kind, make in _MAKERS.items() if kind in data), None)
        if make is None:
            return False
        figure = make(data)
        size = len(figure.content) if figure else 0
        is_over = len(self.kept) >= MAX_FIGURES or self._n_bytes + size > MAX_BYTES
        if figure is None or is_over:
            self.n_left_out += 1
        else:
            self.kept.append(figure)
            self._n_bytes += size
        return True


def _plotly(data: dict[str, Any]) -> Figure | None:
    shown = data[PLOTLY]
    if not isinstance(shown, dict) or not isinstance(shown.get("data"), list):
        return None
    parts = {name: shown[name] for name in PARTS if name in shown}
    try:
        content = json.dumps(parts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        return None
    return Figure(media_type=PLOTLY, content=content, label=_plotly_label(parts))


def _plotly_label(parts: dict[str, Any]) -> str:
    kinds = dict.fromkeys(
        str(trace.get("type", "scatter")) for trace in parts["data"] if isinstance(trace, dict)
    )
    shows = " and ".join(kinds) + " chart" if kinds else "empty figure"
    title = (parts.get("layout") or {}).get("title")
    text = title.get("text") if isinstance(title, dict) else title
    label = f"{' '.join(text.split())} ({shows})" if isinstance(text, str) and text else shows
    return label[:MAX_LABEL_CHARS]


def _png(data: dict[str, Any]) -> Figure | None:
    shown = data[PNG]
    try:
        picture = shown if isinstance(shown, bytes) else base64.b64decode("".join(shown.split()))
    except (AttributeError, ValueError, binascii.Error):
        return None
    if not picture.startswith(PNG_HEADER) or len(picture) < 24:
        return None
    width, height = (int.from_bytes(picture[start : start + 4]) for start in (16, 20))
    content = base64.b64encode(picture).decode()
    return Figure(media_type=PNG, content=content, label=f"picture of {width} by {height} pixels")


_MAKERS = {PLOTLY: _plotly, PNG: _png}
