"""Plots and images of the notebook: as pictures for a model that sees, in words for the others."""

from __future__ import annotations

import base64
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""By suffix, the pictures that models with eyes take."""
MAX_BYTES = 4 << 20
"""Of one picture; providers refuse more than about five megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image, ready to be sent."""

    media_type: str
    content: str
    """Base64."""
    about: str
    """What it is, in words."""


def picture_of(value: Any) -> Picture | None:
    """The picture that a value is or shows of itself; None for all that is no picture.

    matplotlib figures and axes, PIL images, and whatever has ``_repr_png_``.
    """
    figure = _matplotlib_figure(value)
    if figure is not None:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100)
        return _picture("image/png", buffer.getvalue(), _plot_words(figure))
    if type(value).__module__.startswith("PIL."):
        buffer = io.BytesIO()
        value.convert("RGB").save(buffer, format="PNG")
        return _picture("image/png", buffer.getvalue(), f"image, {value.width} by {value.height}")
    draw = getattr(type(value), "_repr_png_", None)
    if draw is None or "pandas" in type(value).__module__:
        return None
    drawn = draw(value)
    data = drawn[0] if isinstance(drawn, tuple) else drawn
    if isinstance(data, str):
        data = base64.b64decode(data)
    return _picture("image/png", data, f"image of a {type(value).__name__}") if data else None


def picture_in(path: Path) -> Picture | None:
    """The picture in a file; None when its name is none of a picture, or it is too large."""
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None or path.stat().st_size > MAX_BYTES:
        return None
    return _picture(media_type, path.read_bytes(), f"image in {path.name}")


def plotly_words(value: Any) -> str:
    """A plotly figure in words; empty for anything else."""
    plotly = sys.modules.get("plotly.graph_objects")
    if plotly is None or not isinstance(value, plotly.Figure):
        return ""
    kinds = ", ".join(sorted({str(trace.type) for trace in value.data})) or "nothing"
    title = value.layout.title.text
    return f"plotly figure of {kinds}" + (f", titled {title!r}" if title else "")


def _picture(media_type: str, data: bytes, about: str) -> Picture | None:
    if len(data) > MAX_BYTES:
        return None
    return Picture(media_type=media_type, content=base64.b64encode(data).decode(), about=about)


def _matplotlib_figure(value: Any) -> Any:
    module = sys.modules.get("matplotlib.figure")
    if module is None:
        return None
    if isinstance(value, module.Figure):
        return value
    figure = getattr(value, "figure", None)
    return figure if isinstance(figure, module.Figure) else None


def _plot_words(figure: Any) -> str:
    titles = [axes.get_title() or axes.get_ylabel() for axes in figure.axes]
    named = ", ".join(repr(title) for title in titles if title)
    n_axes = len(figure.axes)
    words = f"matplotlib figure with {n_axes} axes"
    return f"{words} ({named})" if named else words
