"""Files and functions stay small enough to be read in one go.

A file has at most 400 lines, a function outside the tests at most 40, and no file is called
``utils``: its name says nothing about what is in it. Takes the files to check as arguments and
fails with one line for each that does not comply.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40


def problems(path: Path) -> Iterator[str]:
    """One line for everything in a file that is too long or badly named."""
    text = path.read_text(encoding="utf-8")
    if path.stem.strip("_") in {"util", "utils"}:
        yield f"{path}: name the file after what is in it"
    n_lines = len(text.splitlines())
    if n_lines > MAX_FILE_LINES:
        yield f"{path}: {n_lines} lines, at most {MAX_FILE_LINES}"
    if path.suffix == ".py" and "tests" not in path.parts:
        yield from long_functions(path, ast.parse(text))


def long_functions(path: Path, tree: ast.Module) -> Iterator[str]:
    """One line for every function that is too long, its docstring included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if n_lines > MAX_FUNCTION_LINES:
                yield (
                    f"{path}:{node.lineno}: {node.name} has {n_lines} lines, "
                    f"at most {MAX_FUNCTION_LINES}"
                )


if __name__ == "__main__":
    sys.exit("\n".join(line for name in sys.argv[1:] for line in problems(Path(name))) or 0)
