"""What subcommands answer with: labelled facts, or text that is laid out already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from notebook_agents.magics.markdown import in_markdown


@dataclass(frozen=True, slots=True)
class Facts:
    """Labelled facts, as a table in a notebook and as aligned lines in a terminal."""

    rows: tuple[tuple[str, str], ...]
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        width = max(len(label) for label, _ in self.rows)
        lines = [f"{label:<{width}}  {value}" for label, value in self.rows]
        return "\n".join([*lines, *(f"  {example}" for example in self.examples)])

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_markdown_(self) -> str:
        lines = ["| | |", "|:--|:--|"]
        for label, value in self.rows:
            lines.append(f"| **{label}** | {in_markdown(value)} |")
        if self.examples:
            lines += ["", "```", *self.examples, "```"]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Help:
    """Preformatted text."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(self.text)

    def _repr_markdown_(self) -> str:
        return f"```text\n{self.text}\n```"
