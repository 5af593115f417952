"""Notebooks of owners: which may be used, and the parameters they have. Read, never run, here."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.tasks.spec import MAX_NOTEBOOK_BYTES

_FIELD = "notebook_path"


def find_notebook(root: Path, name: str) -> Path:
    """The file a name means below the folder of notebooks, links followed.

    Raises InvalidRequest for anything outside it, and for what is no notebook.
    """
    path = (root / name).resolve() if "\0" not in name else root
    if not path.is_relative_to(root.resolve()) or path.suffix != ".ipynb" or not path.is_file():
        raise InvalidRequest(
            f"there is no notebook {name[:200]!r} in the folder of notebooks", field=_FIELD
        )
    if path.stat().st_size > MAX_NOTEBOOK_BYTES:
        raise InvalidRequest(
            f"a notebook has at most {MAX_NOTEBOOK_BYTES:,} bytes; clear its outputs", field=_FIELD
        )
    return path


def parameters_of(path: Path) -> tuple[str, ...]:
    """The names that the cell tagged ``parameters`` assigns."""
    try:
        book = json.loads(path.read_bytes())
        cells = [cell for cell in book["cells"] if _is_parameters(cell)]
        source = "".join(cells[0]["source"]) if cells else ""
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRequest(f"{path.name!r} is no notebook of version 4", field=_FIELD) from error
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"the cell tagged 'parameters' of {path.name!r} is no Python", field=_FIELD
        ) from error
    return tuple(dict.fromkeys(name for node in tree.body for name in _assigned(node)))


def _is_parameters(cell: Any) -> bool:
    return cell["cell_type"] == "code" and "parameters" in cell["metadata"].get("tags", ())


def _assigned(node: ast.stmt) -> list[str]:
    match node:
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
