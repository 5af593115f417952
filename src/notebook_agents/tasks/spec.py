"""What the process of an execution is told, and what it tells.

Told: one JSON file in its folder. Telling: one JSON object per line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

SPEC = "spec.json"
INPUT = "input.ipynb"
EXECUTED = "executed.ipynb"
PAGE = "executed.html"
MEDIA_TYPES = {EXECUTED: "application/x-ipynb+json", PAGE: "text/html"}
"""Of what an execution leaves to people."""
MAX_NOTEBOOK_BYTES = 10 * 1024 * 1024
MAX_EXECUTED_BYTES = 256 * 1024 * 1024
"""Of a notebook with its outputs that another execution goes on with."""
ONCE = "once"
"""Tag of cells that are not run again where an execution goes on."""
MAX_TEXT = 2000
"""Characters of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Everything a child needs to know."""

    notebook: str = ""
    """Absolute path; empty is the built-in one."""
    work_folder: str = ""
    """Where the kernel works; empty is the folder of the execution."""
    parameters: dict[str, Any] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    resumed: str = ""
    """Path of the executed notebook that this one goes on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something a child tells."""

    type: Literal["kernel", "started", "cell_started", "cell_finished", "ended"]
    pid: int = 0
    """Of the kernel, which leads a process group of its own."""
    cell_index: int = 0
    n_cells: int = 0
    n_code_cells: int = 0
    source: str = ""
    status: Literal["succeeded", "failed", "kept"] = "succeeded"
    duration_ms: float = 0.0
    n_outputs: int = 0
    error_type: str = ""
    error_message: str = ""
    error_code: str = ""
    """Of the end; empty is success."""
    failed_checks: tuple[str, ...] = ()


Tell = Callable[[Line], None]
SPEC_ADAPTER: TypeAdapter[Spec] = TypeAdapter(Spec)
_LINE: TypeAdapter[Line] = TypeAdapter(Line)


def line_to_json(line: Line) -> bytes:
    """One line."""
    return _LINE.dump_json(line, exclude_defaults=True) + b"\n"


def line_from_json(text: bytes) -> Line | None:
    """What a line says; None when it is none of ours."""
    try:
        return _LINE.validate_json(text)
    except ValidationError:
        return None
