"""Which run of an agent a cell stands after, and which one made or changed what it uses."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.live.cell_reads import Reads, reads_of
from notebook_agents.live.checkpoints_changes import ABSENT, is_same
from notebook_agents.magics.code_blocks import code_blocks, code_in

if TYPE_CHECKING:
    from notebook_agents.core.runs import Run
    from notebook_agents.live.checkpoints_changes import Change

_CELL_MAGIC = re.compile(r"\A\s*%%[^\n]*\n")
_MAGIC = re.compile(r"^([ \t]*)(?:[\w, ]+=[ \t]*)?[%!].*$", re.MULTILINE)
MAX_KEPT = 1_000
"""Pieces of code, calls and cells that are remembered."""


class RecordedRuns:
    """The runs that ended in one kernel."""

    def __init__(self) -> None:
        self.last = ""
        """The id of the one that ended last."""
        self._by_call: dict[str, str] = {}
        self._by_code: dict[str, str] = {}
        """By digest of the code blocks of their answers."""
        self._by_cell: dict[str, str] = {}

    def note(self, run: Run) -> None:
        """A run has ended."""
        self.last = run.id
        self._by_call |= {call.id: run.id for call in run.tool_calls}
        codes = {*code_blocks(run.text), code_in(run.text)}
        self._by_code |= {_digest(code): run.id for code in codes if code.strip()}
        for kept in (self._by_call, self._by_code):
            for old in list(kept)[:-MAX_KEPT]:
                del kept[old]

    def changed(
        self, cell: tuple[str, str], history: Sequence[Change], namespace: Mapping[str, Any]
    ) -> str:
        """The run that wrote this cell (its id and text), or else a variable or file it uses.

        ``history`` is what agents changed and nobody took back, newest first.
        """
        id, text = cell
        if run_id := self._writer(id, text):
            return run_id
        if not history:
            return ""
        reads = reads_of(_python_in(text), namespace)
        for change in history:
            run_id = change.cause.run_id or self._by_call.get(change.cause.call_id, "")
            if run_id and _is_used(change, reads, namespace):
                return run_id
        return ""

    def _writer(self, id: str, text: str) -> str:
        """A cell that an agent wrote stays its own when a person goes on with it."""
        run_id = self._by_code.get(_digest(text)) or self._by_cell.get(id, "")
        if run_id and id:
            self._by_cell[id] = run_id
        return run_id


def _is_used(change: Change, reads: Reads, namespace: Mapping[str, Any]) -> bool:
    if any(
        name in reads.names and _is_still(change, name, namespace)
        for name in change.changes.variables
    ):
        return True
    return any(_names(entry.path, reads.texts, change.folder) for entry in change.files)


def _is_still(change: Change, name: str, namespace: Mapping[str, Any]) -> bool:
    """Whether the variable is what the run made of it, and nobody bound it anew since."""
    if name not in change.after:
        return True
    return is_same(namespace.get(name, ABSENT), change.after[name])


def _names(path: str, texts: frozenset[str], folder: str) -> bool:
    """Whether one of the texts leads to the file."""
    file = Path(folder, path)
    return any(
        text.endswith(file.name) and Path(folder, text) == file
        for text in texts
        if len(text) < 4096
    )


def _python_in(text: str) -> str:
    """A cell without its magics: the body of ``%%time``, and nothing for lines of ``%``, ``!``."""
    return _MAGIC.sub(r"\1pass", _CELL_MAGIC.sub("", text))


def _digest(code: str) -> str:
    return hashlib.sha256(code.strip().encode(errors="replace")).hexdigest()
