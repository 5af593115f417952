"""The exchanges about files and plots under one name."""

from __future__ import annotations

from notebook_agents.engine.training.listings import chain, list_files
from notebook_agents.engine.training.plotting import FIGURE, bar_code, plot, plot_code
from notebook_agents.engine.training.reading import load, read_file

__all__ = ["FIGURE", "bar_code", "chain", "list_files", "load", "plot", "plot_code", "read_file"]
