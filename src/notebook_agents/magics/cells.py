"""Cells: which of them failed, and how new code gets into one without being run.

A kernel cannot write cells. It can ask the front end, with the reply to the cell that is running,
to put code into a new cell below or in place of the running one; running it is for the person.
"""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from notebook_agents.magics.errors import AgentError

if TYPE_CHECKING:
    from notebook_agents.magics.session import Session

MAX_ERRORS = 20
MAX_TRACEBACK_CHARS = 3_000
MAX_FRAMES = 12
MAX_MESSAGE_CHARS = 500
MAX_SECRETS = 100
INSERTED = "inserted as a cell below, not run; where the front end cannot insert, copy it from here"
REPLACED = "it replaces this cell, not run; where the front end cannot, copy it from here"
NEXT_INPUT = "it stands in the next input; nothing runs before you press Enter"
TO_COPY = "not run; copy it from here into a cell"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellError:
    """What failed in one cell; its text is what a prompt says of it."""

    number: int
    """The cell's execution count; 0 when it was not counted."""
    source: str
    name: str
    message: str
    traceback: str
    line: int = 0
    """Of the cell, where it failed; 0 when that is not known."""
    locals: Mapping[str, str] = field(default_factory=dict)
    """Types of the variables of the function of the cell in which it failed."""
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Texts that functions which failed held under names of secrets; told to nobody."""

    def __str__(self) -> str:
        return f"{self.traceback}\n{self.name}: {self.message}".strip()


class Errors(Mapping[int, CellError]):
    """The latest errors of a kernel, by cell number, as ``Err`` in prompts."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._found: dict[int, CellError] = {}
        self.last: CellError | None = None

    def register(self) -> None:
        """Look at every cell from now on."""
        self._shell.events.register("post_run_cell", self.note)

    def unregister(self) -> None:
        """Look no more."""
        self._shell.events.unregister("post_run_cell", self.note)

    def note(self, result: Any) -> None:
        """Keep what failed in a cell; what the agent itself says is no error of the code."""
        error = result.error_before_exec or result.error_in_exec
        if not isinstance(error, Exception) or isinstance(error, AgentError):
            return
        found = _cell_error(result, error, self._shell.user_ns)
        self.last = found
        self._found[found.number] = found
        for number in list(self._found)[:-MAX_ERRORS]:
            del self._found[number]

    def __getitem__(self, number: int) -> CellError:
        return self._found[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def insert_below(session: Session, code: str) -> str:
    """Put code into a new cell below the running one; a line that says so, or how to get it."""
    return _set_next_input(session, code, is_replacing=False)


def replace_running(session: Session, code: str) -> str:
    """Put code in place of the cell that asks for it, when it does nothing else; what was done."""
    source = _running_source(session.shell)
    is_alone = len([line for line in source.splitlines() if line.strip()]) == 1
    return _set_next_input(session, code, is_replacing=is_alone)


def _set_next_input(session: Session, code: str, *, is_replacing: bool) -> str:
    shell = session.shell
    payloads = getattr(shell, "payload_manager", None)
    if hasattr(shell, "kernel") and payloads is not None:
        if not is_replacing:
            code = "\n\n".join([*_inserted_already(payloads), code])
        shell.set_next_input(code, replace=is_replacing)
        # Here, since this file is imported when the extension is loaded.
        from notebook_agents.live.checkpoints_changes import Cause, title_of

        place = f"{'the' if is_replacing else 'a cell below the'} cell [{shell.execution_count}]"
        cause = Cause(conversation_id=session.conversation_id, tool="code", title=title_of(code))
        session.checkpoints.note_cell(cause, place)
        return REPLACED if is_replacing else INSERTED
    if getattr(shell, "pt_app", None) is not None:
        shell.set_next_input(code)
        return NEXT_INPUT
    return TO_COPY


def _inserted_already(payloads: Any) -> list[str]:
    """What this cell had inserted so far: a front end takes one text for each cell."""
    return [
        payload["text"]
        for payload in payloads.read_payload()
        if payload.get("source") == "set_next_input" and not payload.get("replace")
    ]


def _running_source(shell: Any) -> str:
    history = shell.user_ns.get("In") or [""]
    header = getattr(shell, "parent_header", None) or {}
    content = header.get("content", {}) if isinstance(header, dict) else {}
    return str(content.get("code") or history[-1])


def _cell_error(result: Any, error: Exception, namespace: dict[str, Any]) -> CellError:
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals is namespace
    ]
    line = (error.lineno or 0) if isinstance(error, SyntaxError) else 0
    in_cell = [n for frame, n in frames if frame.f_code.co_filename == _file_of(frames)]
    local: dict[str, str] = {}
    if frames and frames[-1][0].f_locals is not namespace:
        local = {
            name: f"{type(value).__module__}.{type(value).__qualname__}"
            for name, value in list(frames[-1][0].f_locals.items())[:20]
        }
    return CellError(
        number=result.execution_count or 0,
        source=str(result.info.raw_cell) if result.info else "",
        name=type(error).__name__,
        message=_message(error),
        traceback=_told(error.__traceback__, namespace),
        line=line or (in_cell[-1] if in_cell else 0),
        locals=local,
        secrets=_secrets(error, namespace),
    )


def _secrets(error: Exception, namespace: dict[str, Any]) -> dict[str, Any]:
    """What the functions of the traceback hold that is named like a secret: texts and numbers."""
    # Here, since this file is imported when the extension is loaded.
    from notebook_agents.core.masking import is_secret_name
    from notebook_agents.live.secret_values import SecretValues

    found = SecretValues(is_secret_name)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    is_own = [frame.f_globals is namespace for frame in frames]
    inside = frames[is_own.index(True) :] if any(is_own) else []
    for frame in inside[-MAX_FRAMES:]:
        if frame.f_locals is not frame.f_globals:
            found.look(dict(frame.f_locals))
    return {"secrets": list(found.texts)[:MAX_SECRETS]}


def _message(error: Exception) -> str:
    try:
        return (error.msg if isinstance(error, SyntaxError) else str(error))[:MAX_MESSAGE_CHARS]
    except Exception:  # noqa: BLE001 - the error's class may be anybody's
        return ""


def _file_of(frames: list[tuple[Any, int]]) -> str:
    """The file of the cell itself: that of the outermost frame."""
    return str(frames[0][0].f_code.co_filename) if frames else ""


def _told(trace: TracebackType | None, namespace: dict[str, Any]) -> str:
    """The traceback without IPython's own frames and without paths, cut to what a prompt bears."""
    lines: list[str] = []
    is_inside = False
    for frame, number in traceback.walk_tb(trace):
        is_own = frame.f_globals is namespace
        is_inside = is_inside or is_own
        if not is_inside:
            continue
        file = frame.f_code.co_filename
        place = "the cell" if is_own else str(frame.f_globals.get("__name__", "?"))
        code = linecache.getline(file, number).strip()
        lines.append(f"  {place}, line {number}, in {frame.f_code.co_name}: {code}")
    if len(lines) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        lines = [*lines[:half], f"  … {len(lines) - 2 * half} more …", *lines[-half:]]
    return "\n".join(lines)[:MAX_TRACEBACK_CHARS]
