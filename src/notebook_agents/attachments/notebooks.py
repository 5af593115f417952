"""The cells of notebooks with what they printed; nothing of a notebook is ever run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from notebook_agents.attachments.reading import Piece, Refused

MAX_OUTPUT_CHARS = 20_000
"""Of one cell."""


def pieces(path: Path) -> Iterator[Piece]:
    """Each cell: its source, then its text outputs; pictures and scripts are left out."""
    try:
        notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except (json.JSONDecodeError, nbformat.reader.NotJSONError, UnicodeDecodeError):
        raise Refused("it is no notebook: its content is not JSON") from None
    except (nbformat.ValidationError, KeyError, TypeError, AttributeError, ValueError):
        raise Refused("it is no valid notebook") from None
    for number, cell in enumerate(notebook.cells, start=1):
        outputs = "\n".join(filter(None, map(_printed, cell.get("outputs", ()))))
        text = str(cell.source)
        if outputs:
            text += f"\nOutput:\n{outputs[:MAX_OUTPUT_CHARS]}"
        yield Piece(f"cell {number} ({cell.cell_type})", text, number / len(notebook.cells))


def _printed(output: Any) -> str:
    match output.get("output_type"):
        case "stream":
            return str(output.get("text", ""))
        case "error":
            return f"{output.get('ename', '')}: {output.get('evalue', '')}"
        case _:
            return str(output.get("data", {}).get("text/plain", ""))
