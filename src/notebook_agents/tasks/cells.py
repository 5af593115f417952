"""Cell by cell: a papermill engine that tells what it does, and can be told to end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from notebook_agents.tasks.outputs import MAX_PRINTED, MAX_SHOWN, SHOWN_NOTE, compacted, size_of
from notebook_agents.tasks.preparing import INJECTED, PARAMETERS, tags_of
from notebook_agents.tasks.spec import MAX_TEXT, Line, Tell

ENGINE = "notebook-agents"
INTERRUPT_S = 1.0
"""How often a kernel that should end is told so."""
_SOURCE_CHARS = 100
_MESSAGES = 1000
"""So many, or so much, come in before what there is is made smaller."""


class Stopped(Exception):
    """Somebody asked the execution to end."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """What an engine and those around it share."""

    tell: Tell
    kept: Mapping[int, list[Any]] = field(default_factory=dict)
    """Outputs, by index in the notebook as it was given, of cells that are not run."""
    kernel: int = 0
    is_stopping: bool = False
    has_ended: threading.Event = field(default_factory=threading.Event)
    """Set when no cell runs any more."""
    cell_index: int = 0
    """Of the cell that runs, or ran last."""
    failed: Line | None = None
    """The end of the cell that failed."""

    def stop(self) -> None:
        """Interrupt what runs, and begin nothing more."""
        if not self.is_stopping:
            self.is_stopping = True
            threading.Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        # A kernel does not hear an interrupt in the moment before it begins with a cell.
        while not self.has_ended.is_set():
            if self.kernel:
                with suppress(ProcessLookupError):
                    os.kill(self.kernel, signal.SIGINT)
            self.has_ended.wait(INTERRUPT_S)


class TellingClient(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells one after another and tells of each."""

    def __init__(self, nb_man: Any, *, progress: Progress, **options: Any) -> None:
        super().__init__(nb_man, **options)
        self._progress = progress
        self._n_messages = self._n_chars = 0

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Take what a cell puts out, and hold it within bounds while it goes on."""
        content = msg["content"]
        size = len(content.get("text") or "")
        if (shown := content.get("data")) and "comm" not in msg["msg_type"]:
            size = size_of(shown)
            if size > MAX_SHOWN:
                content["data"], content["metadata"] = {"text/plain": SHOWN_NOTE}, {}
        self._n_messages += 1
        self._n_chars += size
        if self._n_messages >= _MESSAGES or self._n_chars > MAX_PRINTED:
            self._compact(cell, cell_index)
        return super().process_message(msg, cell, cell_index)

    def _compact(self, cell: Any, index: int) -> None:
        """Hold the cell's outputs within bounds; displays that are updated later stay known."""
        self._n_messages = self._n_chars = 0
        if cell.cell_type != "code":
            return
        before, cell.outputs = cell.outputs, compacted(cell.outputs)
        places = {id(output): n for n, output in enumerate(cell.outputs)}
        for cells in self._display_id_map.values():
            known = [id(before[n]) for n in cells.pop(index, ())]
            cells[index] = [places[each] for each in known if each in places]

    def papermill_execute_cells(self) -> None:
        """Run them up to the first that fails."""
        progress = self._progress
        progress.kernel = self.km.provisioner.pid
        progress.tell(Line(type="kernel", pid=progress.kernel))
        own = -1
        for index, cell in enumerate(self.nb.cells):
            if progress.is_stopping:
                raise Stopped
            is_own = INJECTED not in tags_of(cell)
            own += is_own
            if is_own and own in progress.kept:
                self._keep(cell, index, own)
            elif not self._run(cell, index, own if is_own else None):
                break
        progress.has_ended.set()

    def _keep(self, cell: Any, index: int, own: int) -> None:
        self.nb_man.cell_start(cell, index)
        cell.outputs = list(self._progress.kept[own])
        self.nb_man.cell_complete(cell, cell_index=index)
        n_outputs = len(cell.outputs)
        self._tell("cell_finished", own, status="kept", n_outputs=n_outputs)

    def _run(self, cell: Any, index: int, own: int | None) -> bool:
        """Whether the cell came through; ``own`` is None for what papermill has put in."""
        is_told = own is not None and cell.cell_type == "code" and bool(cell.source.strip())
        if is_told:
            self._progress.cell_index = own or 0
            self._tell("cell_started", own or 0, source=self._label(cell, index))
        begun, error = time.monotonic(), None
        try:
            self.nb_man.cell_start(cell, index)
            self.execute_cell(cell, index)
        except CellExecutionError as raised:
            error = raised
            self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=raised)
        finally:
            self._compact(self.nb.cells[index], index)
            self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
        if is_told or error is not None:
            self._tell_end(own or 0, self.nb.cells[index], time.monotonic() - begun, error)
        return error is None

    def _label(self, cell: Any, index: int) -> str:
        """What a cell is called while it runs; of parameters those that were given."""
        lines = cell.source.strip().splitlines()
        following = self.nb.cells[index + 1 : index + 2]
        if PARAMETERS in tags_of(cell) and following and INJECTED in tags_of(following[0]):
            lines = following[0].source.strip().splitlines()[1:] or lines
        return str(lines[0])[:_SOURCE_CHARS]

    def _tell_end(
        self, own: int, cell: Any, seconds: float, error: CellExecutionError | None
    ) -> None:
        is_quiet = error is not None and error.ename == "SystemExit" and error.evalue in ("", "0")
        error = None if is_quiet else error
        told = self._tell(
            "cell_finished",
            own,
            status="failed" if error else "succeeded",
            duration_ms=round(seconds * 1000, 1),
            n_outputs=len(cell.get("outputs", [])),
            error_type=error.ename if error else "",
            error_message=error.evalue[:MAX_TEXT] if error else "",
        )
        if error is not None:
            self._progress.failed = told

    def _tell(self, type: Any, own: int, **fields: Any) -> Line:
        cells = [cell for cell in self.nb.cells if INJECTED not in tags_of(cell)]
        n_code = sum(cell.cell_type == "code" for cell in cells)
        line = Line(type=type, cell_index=own, n_cells=len(cells), n_code_cells=n_code, **fields)
        self._progress.tell(line)
        return line


class TellingEngine(NBClientEngine):  # type: ignore[misc]
    """Papermill's own engine with that client."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, progress: Progress, **options: Any
    ) -> None:
        """Run a notebook; what papermill offers beside it is not needed here."""
        start_timeout = options.get("start_timeout", 60)
        client = TellingClient(
            nb_man,
            progress=progress,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            store_widget_state=False,
        )
        client.execute()


papermill_engines.register(ENGINE, TellingEngine)
