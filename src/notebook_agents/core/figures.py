"""Figures: what code drew, in a form that a client can show and a model never gets to see."""

from __future__ import annotations

from dataclasses import dataclass

PLOTLY = "application/vnd.plotly.v1+json"
PNG = "image/png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure. Its content is text, so that it costs nothing to pass on unread."""

    media_type: str
    """``PLOTLY`` or ``PNG``."""
    content: str
    """JSON of ``{data, layout}``, or base64."""
    label: str
    """What it shows, in words: for people who do not see it and where it cannot be drawn."""
