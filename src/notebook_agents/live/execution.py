"""Runs code in the notebook as IPython runs a cell, and tells what came of it.

Magics, the value of the last expression, plots and awaits work as in a cell; the history, the
numbers of cells and ``Out`` stay the person's.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from notebook_agents.core.figures import Figure
from notebook_agents.live.capturing import Capture, listening

KEPT = ("last_execution_result", "last_execution_succeeded", "_last_traceback")
"""What the shell remembers of a cell, and must go on remembering of the person's."""


def ignore(_text: str) -> None:
    """For callers that do not want the output as it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a piece of code."""

    output: str = ""
    """Everything printed and shown, with the text of the last value."""
    figures: tuple[Figure, ...] = ()
    n_figures_left_out: int = 0
    error_name: str = ""
    """Empty when all went well."""
    error_message: str = ""
    error_line: int = 0
    """Of the code; 0 when it is not in it."""
    traceback: str = ""
    is_stopped: bool = False
    """Whether it ended by KeyboardInterrupt."""
    duration_ms: float = 0.0
    memory_bytes: int | None = None
    """What the process held afterwards; None where nobody measured."""


def go_on() -> None:
    """For callers that nobody interrupts."""


def execute(
    shell: Any,
    code: str,
    *,
    on_output: Callable[[str], None] = ignore,
    check: Callable[[], None] = go_on,
    is_shown: bool = True,
) -> Outcome:
    """Run the code in the notebook, on its own thread.

    What it raises is in the outcome, KeyboardInterrupt too. ``check`` is called right before the
    code: IPython swallows interrupts that come while it gets ready.
    """
    capture, started = Capture(on_output, is_shown=is_shown), time.monotonic()
    with _undisturbed(shell), _checked(shell, check), listening(shell, capture, code):
        try:
            result = _run_cell(shell, code)
            error = result.error_before_exec or result.error_in_exec
        except KeyboardInterrupt as stop:
            error = stop
    return _outcome(capture, error, (time.monotonic() - started) * 1000)


def _run_cell(shell: Any, code: str) -> Any:
    transformed, problem = code, None
    try:
        transformed = shell.transform_cell(code)
    except Exception:  # noqa: BLE001 - an input transformer may fail in any way; IPython tells how
        problem = sys.exc_info()
    cell = shell.run_cell_async(
        code, store_history=False, transformed_cell=transformed, preprocessing_exc_tuple=problem
    )
    is_async = problem is None and shell.should_run_async(code, transformed_cell=transformed)
    result = None
    try:
        result = awaited(cell) if is_async else _driven(cell)
    finally:
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", result)
    return result


def _driven(cell: Any) -> Any:
    """The result of a cell that awaits nothing."""
    try:
        cell.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a cell without await has awaited something")


def awaited(work: Coroutine[Any, Any, Any]) -> Any:
    """Await on another loop of this thread while the kernel's stands still, as for any cell."""
    before = asyncio._get_running_loop()
    task = asyncio.current_task() if before is not None else None
    if before is not None and task is not None:
        asyncio.tasks._leave_task(before, task)
    asyncio._set_running_loop(None)
    try:
        with asyncio.Runner() as runner:
            return runner.run(work)
    finally:
        asyncio._set_running_loop(before)
        if before is not None and task is not None:
            asyncio.tasks._enter_task(before, task)


@contextmanager
def _checked(shell: Any, check: Callable[[], None]) -> Iterator[None]:
    run = shell.run_ast_nodes

    async def checked(*nodes: Any, **options: Any) -> Any:
        check()
        return await run(*nodes, **options)

    shell.run_ast_nodes = checked
    try:
        yield
    finally:
        del shell.run_ast_nodes


@contextmanager
def _undisturbed(shell: Any) -> Iterator[None]:
    kept = {name: getattr(shell, name, None) for name in KEPT if hasattr(shell, name)}
    exec_result = getattr(shell.displayhook, "exec_result", None)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(shell, name, value)
        shell.displayhook.exec_result = exec_result


def _outcome(capture: Capture, error: BaseException | None, duration_ms: float) -> Outcome:
    drawings = capture.drawings
    name, message, lines = capture.error or ("", "", [])
    if error is not None and not name:
        name, message = type(error).__name__, str(error)
    return Outcome(
        output=capture.text,
        figures=tuple(drawings.kept),
        n_figures_left_out=drawings.n_left_out,
        error_name=name if error is not None else "",
        error_message=message if error is not None else "",
        error_line=_line(error) if error is not None else 0,
        traceback="\n".join(lines) if error is not None else "",
        is_stopped=isinstance(error, KeyboardInterrupt),
        duration_ms=duration_ms,
    )


def _line(error: BaseException) -> int:
    """The line of the code that failed: the first of the traceback that is in a cell."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    cells = [frame for frame in frames if frame.name in ("<module>", "<cell line>")]
    inner = [frame for frame in cells if "IPython" not in frame.filename]
    return (inner[0].lineno or 0) if inner else 0
