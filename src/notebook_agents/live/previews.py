"""What a piece of code would do to the notebook, as a dry run found it; for people to decide by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from notebook_agents.core.figures import Figure
from notebook_agents.live.mirror import FileChange

VariableKind = Literal["new", "changed", "removed"]
Stopped = Literal["", "TIMEOUT", "MEMORY_LIMIT", "KILLED"]
NOT_WANTED = "dry runs are turned off"
SANDBOX_HINT = "the tool kernel (python_executor without --live) can try it on copies"
MAX_LINES = 20
MAX_OUTPUT_LINES = 8
MARKS = {"new": "+", "changed": "~", "removed": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableChange:
    """A variable that code would make, change or remove."""

    name: str
    kind: VariableKind
    text: str = ""
    """``1,000 rows → 980 rows``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Everything that a dry run showed."""

    refusal: str = ""
    """Why it was not run in a copy; empty when it was."""
    changes: tuple[VariableChange, ...] = ()
    output: str = ""
    """What it would print, with the value of its last expression."""
    figures: tuple[Figure, ...] = ()
    error: str = ""
    """In one line; empty when it would succeed."""
    error_line: int = 0
    files: tuple[FileChange, ...] = ()
    """What it would write and remove."""
    stopped: Stopped = ""
    notes: tuple[str, ...] = ()
    """What it tried and a dry run does not do."""
    not_saved: tuple[tuple[str, str], ...] = ()
    """What it may change and nobody could take back: name and reason."""
    duration_s: float = 0.0

    def lines(self) -> list[str]:
        """For a card of plain text."""
        lines = self._heading()
        if not self.refusal:
            lines += [f"  {MARKS[c.kind]} {c.name}" + _after(c.text) for c in self.changes]
            lines += [f"  {MARKS[f.kind]} file {f.path}" + _size(f) for f in self.files]
            printed = self.output.strip().split("\n") if self.output.strip() else []
            lines += [f"  > {line}" for line in printed[:MAX_OUTPUT_LINES]]
            if len(printed) > MAX_OUTPUT_LINES:
                lines.append(f"  > … {len(printed) - MAX_OUTPUT_LINES} more lines")
            lines += [f"  [figure] {figure.label}" for figure in self.figures]
            lines += [f"  ! {self.error}"] if self.error else []
        lines += [f"  ! {note}" for note in self.notes]
        if len(lines) > MAX_LINES:
            lines = [*lines[:MAX_LINES], f"  … {len(lines) - MAX_LINES} more"]
        names = ", ".join(f"{name} ({reason})" for name, reason in self.not_saved)
        return [*lines, f"Undo could not restore: {names}"] if names else lines

    def as_dict(self) -> dict[str, Any]:
        """For a card that a browser draws, in JSON."""
        state = "unavailable" if self.refusal else "failed" if self.is_failure else "ran"
        by_kind: dict[str, list[dict[str, str]]] = {"new": [], "changed": [], "removed": []}
        for change in self.changes:
            by_kind[change.kind].append({"name": change.name, "text": change.text})
        preview = {
            "state": state,
            "text": "\n".join([*self._heading(), *self.notes]),
            "added": by_kind["new"],
            "changed": by_kind["changed"],
            "removed": by_kind["removed"],
            "output": self.output,
            "error": self.error,
            "files": [{"path": f.path, "text": f"{f.kind}{_size(f)}"} for f in self.files],
            "figures": [asdict(figure) for figure in self.figures],
        }
        unsaved = [{"name": name, "reason": reason} for name, reason in self.not_saved]
        return {"preview": preview, "not_saved": unsaved}

    @property
    def is_failure(self) -> bool:
        """Whether the code would not come to its end."""
        return bool(self.error or self.stopped)

    def _heading(self) -> list[str]:
        if self.refusal == NOT_WANTED:
            return []
        if self.refusal:
            return [f"No dry run: {self.refusal}; {SANDBOX_HINT}."]
        is_empty = not (self.changes or self.files or self.output.strip() or self.figures)
        until_then = "Until then it changed nothing." if is_empty else "Until then:"
        if self.stopped == "TIMEOUT":
            return [f"In a dry run it did not end within {self.duration_s:.0f} s. {until_then}"]
        if self.stopped:
            why = "needed too much memory" if self.stopped == "MEMORY_LIMIT" else "was ended"
            return [f"In a dry run it {why}. {until_then}"]
        does = "failed" if self.error else "changed nothing" if is_empty else "did this"
        return [f"In a dry run ({self.duration_s:.1f} s) it {does}:" if does != "changed nothing"
                else f"In a dry run ({self.duration_s:.1f} s) it changed nothing."]  # fmt: skip


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _size(file: FileChange) -> str:
    return "" if file.kind == "removed" else f" ({file.size_bytes:,} bytes)"
