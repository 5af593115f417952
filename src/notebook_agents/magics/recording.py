"""``%agent record on``: the notebook's own cells become events, beside the runs of agents.

Recorded are times, memory, the kind of an error, and a digest of the text; never the text, an
output, or the words of an error. It is off until a notebook says otherwise, and what goes wrong
here never touches a cell.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.magics.environment import notebook_path
from notebook_agents.magics.errors import AgentError

if TYPE_CHECKING:
    from notebook_agents.core.executions import Execution
    from notebook_agents.core.runs import Run
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.facts import Help
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.recorded_runs import RecordedRuns
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.waiting import Waits

ON = (
    "From the next cell on, cells of this notebook are recorded: time, memory, the kind of an"
    " error; no text of theirs. See: %agent sql SELECT * FROM v_cells"
)
OFF = "Cells are not recorded."
USAGE = "%agent record takes on, off or status, not {word!r}"
FAILED = "a cell was not recorded: {cause}; recording goes on, see: %agent record status"
MAX_NESTED = 16
"""Cells inside one another; more of them never ended, and are forgotten."""
_STOPS = (KeyboardInterrupt, asyncio.CancelledError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A cell that runs."""

    info: Any
    """IPython's, which it gives again at the end."""
    at_s: float
    cpu_s: float
    memory_bytes: int
    after_run_id: str
    changed_by_run_id: str


class CellRecorder:
    """Looks at the cells of one kernel while somebody wants that."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._session: Session | None = None
        self._runs: RecordedRuns | None = None
        self._actor: Actor | None = None
        self._execution: Execution | None = None
        self._begun: list[Begun] = []
        """Those that run, the innermost last; code of a cell may run others with numbers."""
        self._memory: Callable[[], int] = lambda: 0
        self._n_kept = 0
        self.failure = ""
        """Why a cell was not recorded; the latest reason."""
        self._is_told = False

    @property
    def is_on(self) -> bool:
        """Whether the next cell is recorded."""
        return self._session is not None

    @property
    def line(self) -> str:
        """How it stands, for people."""
        n = f"{self._n_kept} cell{'' if self._n_kept == 1 else 's'}"
        if not self.is_on:
            return "off; to record cells: %agent record on"
        problem = f"; the last problem: {self.failure}" if self.failure else ""
        return f"on, {n} so far{problem}"

    def start(self, session: Session) -> None:
        """Record from the next cell on, into the conversation of this session."""
        import psutil

        process = psutil.Process()
        self._memory = lambda: int(process.memory_info().rss)
        self.failure, self._is_told = "", False
        if not self.is_on:
            self._shell.events.register("pre_run_cell", self._before)
            self._shell.events.register("post_run_cell", self._after)
        # A conversation that is reset forgets who asks; cells until the next are the same owner's.
        self._session, self._actor = session, session.actor
        self._execution = session.execution

    def stop(self) -> None:
        """Look no more."""
        if self.is_on:
            self._shell.events.unregister("pre_run_cell", self._before)
            self._shell.events.unregister("post_run_cell", self._after)
        self._session = self._actor = self._execution = None
        self._begun = []

    def note_run(self, run: Run) -> None:
        """A run has ended in this kernel; cells from here on come after it."""
        self._known_runs().note(run)

    def _known_runs(self) -> RecordedRuns:
        if self._runs is None:
            # Here, since this file is imported when the extension is loaded.
            from notebook_agents.magics.recorded_runs import RecordedRuns

            self._runs = RecordedRuns()
        return self._runs

    def _before(self, info: Any) -> None:
        self._tell()
        try:
            # Code that runs inside a cell, or for an agent, has no number of its own.
            if info.store_history and not info.silent:
                self._begun = [*self._begun[-MAX_NESTED:], self._begin(info)]
        except Exception as error:  # noqa: BLE001 - the cell runs, whatever this is
            self._fail(error)

    def _after(self, result: Any) -> None:
        info = getattr(result, "info", None)
        begun = next((begun for begun in self._begun if begun.info is info), None)
        if begun is None:
            return
        self._begun = [other for other in self._begun if other is not begun]
        try:
            self._record(begun, result)
        except Exception as error:  # noqa: BLE001 - the cell has run, whatever this is
            self._fail(error)

    def _begin(self, info: Any) -> Begun:
        runs, session = self._known_runs(), self._session
        # Nobody makes checkpoints of a notebook in which no agent could change anything.
        checkpoints = vars(session).get("checkpoints") if session is not None else None
        history = checkpoints.since(0)[::-1] if checkpoints is not None else []
        cell = info.cell_id or "", str(info.raw_cell)
        return Begun(
            info=info,
            after_run_id=runs.last,
            changed_by_run_id=runs.changed(cell, history, self._shell.user_ns),
            memory_bytes=self._memory(),
            cpu_s=time.process_time(),
            at_s=time.perf_counter(),
        )

    def _record(self, begun: Begun, result: Any) -> None:
        from notebook_agents.core.events import CellExecuted
        from notebook_agents.core.journal import Source

        session, actor = self._session, self._actor
        if session is None or actor is None:
            return
        took_s, cpu_s = time.perf_counter() - begun.at_s, time.process_time() - begun.cpu_s
        memory, text = self._memory(), str(begun.info.raw_cell)
        digest = hashlib.sha256(text.strip().encode(errors="replace")).hexdigest()
        error = result.error_before_exec or result.error_in_exec
        execution = self._execution
        body = CellExecuted(
            cell_id=begun.info.cell_id or _id_by_text(text, actor.user_id),
            notebook=self._notebook_name(),
            execution_id=execution.id if execution else "",
            task_id=execution.task_id if execution else "",
            execution_count=result.execution_count or 0,
            source_digest=digest,
            n_chars=len(text),
            status=_status(error),
            duration_ms=round(took_s * 1000, 3),
            cpu_ms=round(cpu_s * 1000, 3),
            memory_delta_bytes=memory - begun.memory_bytes,
            memory_bytes=memory,
            error_type=type(error).__name__ if error is not None else "",
            after_run_id=begun.after_run_id,
            changed_by_run_id=begun.changed_by_run_id,
        )
        source = Source(
            user_id=actor.user_id,
            dialect=actor.dialect,
            conversation_id=session.conversation_id,
        )
        session.host.submit(lambda core: _keep(core, body, source)).add_done_callback(self._kept)

    def _notebook_name(self) -> str:
        # What runs a task's notebook tells its kernel no name.
        if self._execution is not None:
            return self._execution.notebook_name
        path = notebook_path(self._shell.user_ns)
        return path.name if path else ""

    def _kept(self, keeping: Future[None]) -> None:
        if keeping.cancelled():
            return
        if (error := keeping.exception()) is not None:
            self.failure = str(error) or type(error).__name__
        else:
            self._n_kept += 1

    def _fail(self, error: Exception) -> None:
        self.failure = f"{type(error).__name__}: {error}"
        self._tell()

    def _tell(self) -> None:
        """Warn once, below a cell: what happens later is in the status."""
        if self.failure and not self._is_told:
            self._is_told = True
            sys.stderr.write(f"{FAILED.format(cause=self.failure)}\n")


def _id_by_text(text: str, user_id: str) -> str:
    """The same for the same text of one owner; guesses need the owner's id, exports hide it."""
    keyed = hmac.digest(user_id.encode(), text.strip().encode(errors="replace"), "sha256")
    return f"text:{keyed.hex()[:16]}"


async def _keep(core: Any, body: Any, source: Any) -> None:
    core.journal.record(body, source)


def _status(error: BaseException | None) -> Any:
    if error is None:
        return "succeeded"
    return "interrupted" if isinstance(error, _STOPS) else "failed"


def record(session: Session, word: str, _options: Options) -> Waits[Help]:
    """``%agent record [on|off|status]``."""
    # Here, since this file is imported when the extension is loaded.
    from notebook_agents.magics.facts import Help

    cells = session.cells
    if word not in ("", "on", "off", "status"):
        raise AgentError(USAGE.format(word=word))
    if word == "on":
        yield from session.identify()
        cells.start(session)
        return Help(ON)
    if word == "off":
        cells.stop()
        return Help(OFF)
    return Help(f"Recording of cells: {cells.line}")
