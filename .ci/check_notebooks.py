"""Notebooks are committed without outputs and execution counts, so that their changes can be read.

Takes the notebooks to check as arguments and fails with one line for each cell that was run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path


def problems(path: Path) -> Iterator[str]:
    """One line for every code cell that keeps an output or an execution count."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for number, cell in enumerate(cells, start=1):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield f"{path}: cell {number} keeps its output; clear all outputs before committing"


if __name__ == "__main__":
    sys.exit("\n".join(line for name in sys.argv[1:] for line in problems(Path(name))) or 0)
