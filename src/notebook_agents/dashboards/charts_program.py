"""The program that draws charts in pages: the part of plotly.js for bars, lines and points.

The whole library, as the Python package brings it along, is four times as large; to read and
compile it took a browser longer than any chart's question takes.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

NAME = "plotly-basic.min.js"
VENDOR = files("notebook_agents.dashboards") / "static" / "vendor"
PATH = VENDOR / NAME


@cache
def charts_program() -> bytes:
    """The script, which sets ``window.Plotly``."""
    return PATH.read_bytes()
